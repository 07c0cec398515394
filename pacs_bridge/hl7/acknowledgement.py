"""Acknowledgements: MSA and ERR, in original and in enhanced mode (HL7 2.5.1 chapter 2, 2.9)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pacs_bridge.errors import MessageError
from pacs_bridge.hl7.er7 import Delimiters, Field, Message, Segment, segment
from pacs_bridge.hl7.header import Header

# HL7 table 0008. In enhanced mode the answer "stored safely" has codes of its own.
Verdict = Literal["accept", "error", "reject"]
_CODES: dict[Verdict, tuple[str, str]] = {
    "accept": ("AA", "CA"),
    "error": ("AE", "CE"),
    "reject": ("AR", "CR"),
}

# HL7 table 0357
SEGMENT_SEQUENCE = ("100", "Segment sequence error")
REQUIRED_FIELD_MISSING = ("101", "Required field missing")
DATA_TYPE_ERROR = ("102", "Data type error")
TABLE_VALUE_NOT_FOUND = ("103", "Table value not found")
UNSUPPORTED_MESSAGE_TYPE = ("200", "Unsupported message type")
UNSUPPORTED_EVENT_CODE = ("201", "Unsupported event code")
UNSUPPORTED_PROCESSING_ID = ("202", "Unsupported processing id")
UNSUPPORTED_VERSION_ID = ("203", "Unsupported version id")
DUPLICATE_KEY = ("205", "Duplicate key identifier")
APPLICATION_INTERNAL_ERROR = ("207", "Application internal error")

_ERR_WITH_CODES = (2, 5)  # the version since which ERR has fields 2 to 12


class NotAcceptedError(MessageError):
    """A message that is answered with an error or a rejection.

    Parameters
    ----------
    verdict
        ``error``: its content is wrong, sending it again does not help. ``reject``: not for
        us, or not now.
    condition
        Code and text of table 0357.
    reason
        One sentence, without anything of the message.
    location
        Segment and field, as in ``("OBR", 4)``; None for the message as a whole.
    """

    def __init__(
        self,
        verdict: Literal["error", "reject"],
        condition: tuple[str, str],
        reason: str,
        location: tuple[str, int] | None = None,
    ) -> None:
        super().__init__(reason)
        self.verdict: Literal["error", "reject"] = verdict
        self.condition = condition
        self.reason = reason
        self.location = location


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a receiver answered.

    Parameters
    ----------
    code
        MSA-1.
    control_id
        MSA-2: of the message that is answered.
    text
        MSA-3 and what ERR says, for people; may quote the message.
    """

    code: str
    control_id: str
    text: str

    @property
    def verdict(self) -> Verdict:
        """What the code means, in either mode."""
        return next(verdict for verdict, codes in _CODES.items() if self.code in codes)


def read_acknowledgement(message: Message) -> Acknowledgement:
    """Return what an answer says.

    Raises
    ------
    MessageError
        When it is no acknowledgement.
    """
    msa = message.first("MSA")
    code = msa.value(1)
    if not any(code in codes for codes in _CODES.values()):
        raise MessageError("the answer has no MSA segment with a code of table 0008")
    said = [msa.value(3)]
    for err in message.all("ERR"):
        said += [err.value(1, 4, 2), err.value(3, 2), err.value(7), err.value(8)]
    clean = [re.sub(r"[\x00-\x1f\x7f]+", " ", part).strip() for part in said]
    text = "; ".join(dict.fromkeys(part for part in clean if part))
    return Acknowledgement(code, msa.value(2), text)


def answer(
    header: Header,
    delimiters: Delimiters,
    character_set: str,
    now: datetime,
    problem: NotAcceptedError | None = None,
) -> Message | None:
    """Return the acknowledgement that the sender asked for; None when it wants none.

    In original mode that is AA, AE or AR. In enhanced mode it is the accept acknowledgement
    CA, CE or CR if MSH-15 asks for one, else the application acknowledgement of MSH-16:
    a message is stored and applied in one step, so both would say the same.

    Parameters
    ----------
    now
        With its zone.
    problem
        Why the message was not accepted.
    """
    verdict: Verdict = "accept" if problem is None else problem.verdict
    codes = _CODES[verdict]
    if not header.enhanced:
        code = codes[0]
    elif _wanted(header.accept_acknowledgement, verdict):
        code = codes[1]
    elif header.accept_acknowledgement in ("", "NE") and _wanted(
        header.application_acknowledgement, verdict
    ):
        code = codes[0]
    else:
        return None
    segments = [
        _msh(header, delimiters, character_set, now),
        _msa(header, delimiters, code, problem),
    ]
    if problem is not None:
        segments.append(_err(header, delimiters, problem))
    return Message(tuple(segments))


def _wanted(condition: str, verdict: Verdict) -> bool:
    """Whether table 0155 asks for an answer."""
    if condition == "AL":
        return True
    return condition == ("SU" if verdict == "accept" else "ER")


def _msh(header: Header, delimiters: Delimiters, character_set: str, now: datetime) -> Segment:
    at = now.strftime("%Y%m%d%H%M%S%z")
    kind: Field = ("ACK", header.event, "ACK")
    if _version(header.version) < (2, 4):  # MSH-9.3 is not used before
        kind = ("ACK", header.event)
    fields: dict[int, Field] = {
        3: header.receiving_application,
        4: header.receiving_facility,
        5: header.sending_application,
        6: header.sending_facility,
        7: at,
        9: kind,
        10: f"A{header.control_id}"[:20],
        11: header.processing_id or "P",
        12: header.version,
        18: "" if character_set == "ASCII" else character_set,
    }
    return segment("MSH", fields, delimiters)


def _msa(
    header: Header, delimiters: Delimiters, code: str, problem: NotAcceptedError | None
) -> Segment:
    reason = "" if problem is None else problem.reason[:80]  # MSA-3 is ST(80)
    return segment("MSA", {1: code, 2: header.control_id, 3: reason}, delimiters)


def _err(header: Header, delimiters: Delimiters, problem: NotAcceptedError) -> Segment:
    name, field = problem.location or ("", 0)
    number = str(field) if field else ""
    place = (name, "1" if name else "", number)
    code, text = problem.condition
    if _version(header.version) < _ERR_WITH_CODES:
        return segment("ERR", {1: (*place, (code, text, "HL70357"))}, delimiters)
    fields: dict[int, Field] = {
        2: place,
        3: (code, text, "HL70357"),
        4: "E",  # table 0516
        8: problem.reason[:250],
    }
    return segment("ERR", fields, delimiters)


def _version(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in text.split(".")[:3] if part.isascii() and part.isdigit()]
    return tuple(numbers) or (2, 5)
