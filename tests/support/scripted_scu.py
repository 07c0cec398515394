"""A peer that sends exactly the bytes a test wants, over plain sockets."""

import socket
import struct
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)

from pacs_bridge.dimse.command import C_ECHO_RQ, C_STORE_RQ, decode_command, encode_command

VERIFICATION = "1.2.840.10008.1.1"
CT = str(CTImageStorage)
EXPLICIT = str(ExplicitVRLittleEndian)
RELEASE_RQ = b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"
ABORT = b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00"


def associate_rq(
    contexts: Sequence[tuple[str, str]] = ((VERIFICATION, EXPLICIT), (CT, EXPLICIT)),
    *,
    called: str = "CLINICALAI",
    calling: str = "SCRIPTED",
    roles: Sequence[tuple[str, bool, bool]] = (),
    max_pdu: int = 16384,
) -> bytes:
    """Return an A-ASSOCIATE-RQ PDU; context IDs are 1, 3, 5, ..."""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    proposed = [build_context(sop_class, syntax) for sop_class, syntax in contexts]
    for number, context in enumerate(proposed):
        context.context_id = 2 * number + 1
    primitive.presentation_context_definition_list = proposed
    maximum = MaximumLengthNotification()
    maximum.maximum_length_received = max_pdu
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = "1.2.3.4"
    items = []
    for uid, scu, scp in roles:
        item = SCP_SCU_RoleSelectionNegotiation()
        item.sop_class_uid, item.scu_role, item.scp_role = uid, scu, scp
        items.append(item)
    primitive.user_information = [maximum, implementation, *items]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()


def p_data(context_id: int, fragment: bytes, *, command: bool, last: bool) -> bytes:
    """Return a P-DATA-TF PDU with one value."""
    value = struct.pack(">LBB", len(fragment) + 2, context_id, command | last << 1) + fragment
    return struct.pack(">BxL", 4, len(value)) + value


def echo_rq(message_id: int = 1, context_id: int = 1) -> bytes:
    """Return a C-ECHO-RQ message in one PDU."""
    command = Dataset()
    command.AffectedSOPClassUID = VERIFICATION
    command.CommandField = C_ECHO_RQ
    command.MessageID = message_id
    encoded = encode_command(command, has_dataset=False)
    return p_data(context_id, encoded, command=True, last=True)


def store_rq(
    dataset: bytes, uid: str, *, message_id: int = 1, context_id: int = 3, piece: int = 16000
) -> list[bytes]:
    """Return the PDUs of a C-STORE-RQ message."""
    command = Dataset()
    command.AffectedSOPClassUID = CT
    command.CommandField = C_STORE_RQ
    command.MessageID = message_id
    command.Priority = 0
    command.AffectedSOPInstanceUID = uid
    pdus = [p_data(context_id, encode_command(command, has_dataset=True), command=True, last=True)]
    for start in range(0, len(dataset), piece):
        last = start + piece >= len(dataset)
        fragment = dataset[start : start + piece]
        pdus.append(p_data(context_id, fragment, command=False, last=last))
    return pdus


class ScriptedScu:
    """A connection to a listener.

    Parameters
    ----------
    port
        Of the listener, on the loopback.
    """

    def __init__(self, port: int, seconds: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "ScriptedScu":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pdus: bytes) -> None:
        self.socket.sendall(b"".join(pdus))

    def read_pdu(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; type 0 when the connection is closed."""
        head = self._read(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxL", head)
        return kind, self._read(length)

    def associate(self, **options) -> "ScriptedScu":
        """Open an association, which must be accepted."""
        self.send(associate_rq(**options))
        kind, _ = self.read_pdu()
        assert kind == 2, f"PDU {kind} instead of an acceptance"
        return self

    def response(self) -> int:
        """Return the status of the next response."""
        kind, body = self.read_pdu()
        assert kind == 4, f"PDU {kind} instead of a response"
        command = decode_command(body[6:])
        return int(command.dataset().Status)

    def echo(self) -> int:
        self.send(echo_rq())
        return self.response()

    def _read(self, count: int) -> bytes:
        data = b""
        try:
            while len(data) < count:
                more = self.socket.recv(count - len(data))
                if not more:
                    break
                data += more
        except ConnectionResetError:
            pass
        return data
