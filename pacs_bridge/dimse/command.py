"""Command sets (PS3.7 6.3.1): Implicit VR Little Endian elements of group 0000."""

import struct
from dataclasses import dataclass
from io import BytesIO

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from pacs_bridge.errors import ProtocolError

# Command Field values (PS3.7 table E.1-1).
C_STORE_RQ, C_GET_RQ, C_FIND_RQ, C_MOVE_RQ, C_ECHO_RQ = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030
N_EVENT_REPORT_RQ, N_ACTION_RQ, C_CANCEL_RQ = 0x0100, 0x0130, 0x0FFF
RESPONSE = 0x8000
NO_DATA_SET = 0x0101

_AFFECTED_CLASS, _FIELD, _MESSAGE_ID = 0x0002, 0x0100, 0x0110
_RESPONDED_TO, _DATA_SET_TYPE, _STATUS = 0x0120, 0x0800, 0x0900
_ERROR_COMMENT, _AFFECTED_INSTANCE = 0x0902, 0x1000

_ERROR_COMMENT_CHARACTERS = 64  # VR LO

_element = struct.Struct("<HHL")
_group_length = struct.Struct("<HHLL")
_us = struct.Struct("<H")


@dataclass(frozen=True, slots=True)
class Command:
    """The elements that every message is judged by, and the encoded set.

    Parameters
    ----------
    field
        Command Field (0000,0100).
    message_id
        Message ID, or of a response the Message ID Being Responded To.
    has_dataset
        Whether a data set follows.
    affected_sop_class_uid, affected_sop_instance_uid
        As the peer gave them, not checked; empty if absent.
    encoded
        The whole command set.
    """

    field: int
    message_id: int
    has_dataset: bool
    affected_sop_class_uid: str
    affected_sop_instance_uid: str
    encoded: bytes

    def dataset(self) -> Dataset:
        """Return all elements.

        Raises
        ------
        ProtocolError
            If they cannot be read.
        """
        try:
            return read_dataset(BytesIO(self.encoded), True, True)
        except Exception as error:  # whatever pydicom raises on bytes from outside
            raise ProtocolError("the command set cannot be read", 6) from error


def decode_command(encoded: bytes) -> Command:
    """Read a command set.

    Raises
    ------
    ProtocolError
        If an element does not fit, or Command Field or Data Set Type are missing.
    """
    values: dict[int, bytes] = {}
    position = 0
    while position < len(encoded):
        if position + 8 > len(encoded):
            raise ProtocolError("the command set ends inside an element", 6)
        group, number, length = _element.unpack_from(encoded, position)
        start, position = position + 8, position + 8 + length
        if group != 0 or position > len(encoded):
            raise ProtocolError("an element of the command set does not fit", 6)
        values[number] = encoded[start:position]
    field = _number(values, _FIELD)
    data_set_type = _number(values, _DATA_SET_TYPE)
    if field is None or data_set_type is None:
        raise ProtocolError("the command set lacks Command Field or Data Set Type", 6)
    message_id = _number(values, _RESPONDED_TO if _RESPONDED_TO in values else _MESSAGE_ID)
    return Command(
        field=field,
        message_id=message_id or 0,
        has_dataset=data_set_type != NO_DATA_SET,
        affected_sop_class_uid=_text(values, _AFFECTED_CLASS),
        affected_sop_instance_uid=_text(values, _AFFECTED_INSTANCE),
        encoded=encoded,
    )


def encode_command(elements: Dataset, *, has_dataset: bool) -> bytes:
    """Encode a command set; group length and Data Set Type are set here."""
    elements.CommandDataSetType = 0x0001 if has_dataset else NO_DATA_SET
    elements.pop("CommandGroupLength", None)
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = True
    write_dataset(buffer, elements)
    body = buffer.getvalue()
    return _group_length.pack(0, 0, 4, len(body)) + body


def encode_response(request: Command, status: int, comment: str = "") -> bytes:
    """Encode a C-STORE-RSP or C-ECHO-RSP without the detour of a data set.

    Parameters
    ----------
    comment
        Error Comment; ASCII, cut to 64 characters.
    """
    body = b"".join(
        (
            _string(_AFFECTED_CLASS, request.affected_sop_class_uid, b"\0"),
            _short(_FIELD, request.field | RESPONSE),
            _short(_RESPONDED_TO, request.message_id),
            _short(_DATA_SET_TYPE, NO_DATA_SET),
            _short(_STATUS, status),
            _string(_ERROR_COMMENT, comment[:_ERROR_COMMENT_CHARACTERS], b" "),
            _string(_AFFECTED_INSTANCE, request.affected_sop_instance_uid, b"\0"),
        )
    )
    return _group_length.pack(0, 0, 4, len(body)) + body


def _number(values: dict[int, bytes], number: int) -> int | None:
    value = values.get(number, b"")
    return _us.unpack(value)[0] if len(value) == 2 else None


def _text(values: dict[int, bytes], number: int) -> str:
    return values.get(number, b"").rstrip(b"\0 ").decode("ascii", "replace")


def _short(number: int, value: int) -> bytes:
    return _element.pack(0, number, 2) + _us.pack(value)


def _string(number: int, text: str, padding: bytes) -> bytes:
    if not text:
        return b""
    value = text.encode("ascii", "replace")
    value += padding * (len(value) % 2)
    return _element.pack(0, number, len(value)) + value
