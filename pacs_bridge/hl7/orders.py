"""Orders for imaging in ORM^O01 and OMI^O23 messages (HL7 2.5.1 chapter 4)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pacs_bridge.hl7.acknowledgement import (
    DATA_TYPE_ERROR,
    REQUIRED_FIELD_MISSING,
    SEGMENT_SEQUENCE,
    TABLE_VALUE_NOT_FOUND,
    NotAcceptedError,
)
from pacs_bridge.hl7.er7 import Message, Segment, value_of

Priority = Literal["stat", "asap", "routine"]
OrderState = Literal["open", "cancelled", "completed"]

ORDER_MESSAGES = frozenset({("ORM", "O01"), ("OMI", "O23")})
# Where a RIS puts the accession number: OMI has IPC-1 for it, IHE RAD-4 uses OBR-18, others
# the filler order number.
ACCESSION_FIELDS = ("IPC-1", "OBR-18", "OBR-3", "ORC-3")

# HL7 table 0119: what the order control code makes of the order.
_CONTROLS: dict[str, OrderState] = {
    "NW": "open",
    "XO": "open",
    "SC": "open",
    "CA": "cancelled",
    "DC": "cancelled",
    "OC": "cancelled",
}
# HL7 table 0038, ORC-5, which counts for SC
_STATUSES: dict[str, OrderState] = {"CA": "cancelled", "DC": "cancelled", "CM": "completed"}
# HL7 tables 0485 and 0027
_PRIORITIES: dict[str, Priority] = {"S": "stat", "STAT": "stat", "A": "asap", "ASAP": "asap"}
_GROUPS = {"A": 0, "I": 1, "P": 2}  # XPN.8, HL7 table 0465, in the order of VR PN
_OWN_IDENTIFIERS = ("PI", "MR", "")  # CX.5, HL7 table 0203
_IDENTIFIERS = {
    "accession_number": ("OBR", 18),
    "placer_order_number": ("ORC", 2),
    "filler_order_number": ("ORC", 3),
    "patient_id": ("PID", 3),
    "issuer_of_patient_id": ("PID", 3),
}
_MAX_IDENTIFIER = 250  # CX and EI are at most that long
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_IMAGING_SEGMENTS = ("ORC", "OBR", "TQ1", "IPC")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContent:
    """What is known of an order; texts are decoded, not checked and not escaped.

    Parameters
    ----------
    patient_name
        In the form of VR PN.
    priority
        As the RIS stated it.
    ordering_provider
        Identifier, family and given name, separated by carets.
    scheduled_at
        YYYYMMDD[HHMM[SS]] as sent, local time of the RIS; empty when not stated.
    """

    accession_number: str
    placer_order_number: str
    filler_order_number: str
    state: OrderState
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    procedure_code: str
    procedure_scheme: str
    procedure_text: str
    reason: str
    priority: Priority
    ordering_provider: str
    scheduled_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(OrderContent):
    """One order as a message states it.

    Parameters
    ----------
    control
        ORC-1.
    """

    control: str


def read_orders(
    message: Message,
    *,
    accession_fields: Sequence[str] = ACCESSION_FIELDS,
    assigning_authority: str = "",
) -> tuple[Order, ...]:
    """Return the orders of an order message, one for each ORC with each of its OBR.

    Parameters
    ----------
    accession_fields
        Where to look for the accession number, in this order; ORC, OBR or IPC.
    assigning_authority
        The patient ID of this authority (CX.4) is taken when PID-3 holds several.

    Raises
    ------
    NotAcceptedError
        When there is no order, an unknown control code, or no accession number or patient ID.
    """
    pid = message.first("PID")
    patient_id, issuer = _patient_id(pid, assigning_authority)
    if not patient_id:
        raise NotAcceptedError("error", REQUIRED_FIELD_MISSING, "PID-3 is empty", ("PID", 3))
    orders = tuple(
        _order(group, pid, patient_id, issuer, accession_fields) for group in _groups(message)
    )
    if not orders:
        raise NotAcceptedError("error", SEGMENT_SEQUENCE, "there is no ORC segment")
    return orders


def _groups(message: Message) -> Iterator[dict[str, Segment]]:
    """Yield the segments of each order by name; an OBR after an OBR shares its ORC."""
    group: dict[str, Segment] = {}
    for segment in message.segments:
        if segment.name not in _IMAGING_SEGMENTS:
            continue
        if segment.name == "ORC" or (segment.name == "OBR" and "OBR" in group):
            if group:
                yield group
            group = {} if segment.name == "ORC" else {"ORC": group["ORC"]}
        elif "ORC" not in group:
            text = f"{segment.name} stands before the first ORC"
            raise NotAcceptedError("error", SEGMENT_SEQUENCE, text, (segment.name, 0))
        group.setdefault(segment.name, segment)
    if group:
        yield group


def _order(
    group: dict[str, Segment],
    pid: Segment,
    patient_id: str,
    issuer: str,
    accession_fields: Sequence[str],
) -> Order:
    orc = group["ORC"]
    obr = group.get("OBR", Segment("OBR", (), orc.delimiters))
    control = orc.value(1).upper()
    if control not in _CONTROLS:
        text = f"ORC-1 is none of {', '.join(_CONTROLS)}"
        raise NotAcceptedError("error", TABLE_VALUE_NOT_FOUND, text, ("ORC", 1))
    state = _STATUSES.get(orc.value(5).upper(), "open") if control == "SC" else _CONTROLS[control]
    order = Order(
        control=control,
        state=state,
        accession_number=_accession_number(group, accession_fields),
        placer_order_number=orc.value(2) or obr.value(2),
        filler_order_number=orc.value(3) or obr.value(3),
        patient_id=patient_id,
        issuer_of_patient_id=issuer,
        patient_name=person_name(pid.repetitions(5), pid),
        patient_birth_date=pid.value(7)[:8],
        patient_sex=pid.value(8).upper()[:1],
        procedure_code=obr.value(4, 1) or obr.value(4, 4),
        procedure_scheme=obr.value(4, 3) if obr.value(4, 1) else obr.value(4, 6),
        procedure_text=obr.value(4, 2) or obr.value(4, 5) or obr.value(44, 2),
        reason=_reason(obr, orc),
        priority=_priority(group, obr, orc),
        ordering_provider=_provider(obr.raw(16) or orc.raw(12), orc),
        scheduled_at=_scheduled(group, obr, orc),
    )
    return _checked(order)


def _checked(order: Order) -> Order:
    """Return `order` without control characters, its identifiers of a length that is one."""
    for name, place in _IDENTIFIERS.items():
        if len(getattr(order, name)) > _MAX_IDENTIFIER:
            text = f"{name} is longer than {_MAX_IDENTIFIER} characters"
            raise NotAcceptedError("error", DATA_TYPE_ERROR, text, place)
    texts: dict[str, Any] = {n: _CONTROL.sub("", v) for n, v in asdict(order).items()}
    return Order(**texts)


def _accession_number(group: dict[str, Segment], fields: Sequence[str]) -> str:
    for field in fields:
        name, _, number = field.partition("-")
        segment = group.get(name)
        value = segment.value(int(number)).strip() if segment else ""
        if value:
            return value
    text = f"there is no accession number in {', '.join(fields)}"
    name, _, number = fields[0].partition("-")
    raise NotAcceptedError("error", REQUIRED_FIELD_MISSING, text, (name, int(number)))


def _patient_id(pid: Segment, authority: str) -> tuple[str, str]:
    """Return the patient ID and its assigning authority."""
    marks = pid.delimiters
    found = [
        (value_of(r, 1, 1, marks).strip(), value_of(r, 4, 1, marks), value_of(r, 5, 1, marks))
        for r in pid.repetitions(3)
    ]
    found = [one for one in found if one[0]]
    ours = [one for one in found if authority and one[1] == authority]
    usual = [one for one in found if one[2].upper() in _OWN_IDENTIFIERS]
    best = (ours or usual or found or [("", "", "")])[0]
    return best[0], best[1]


def person_name(repetitions: Sequence[str], pid: Segment) -> str:
    """Return names (XPN) as one value of VR PN: alphabetic=ideographic=phonetic (PS3.5 6.2.1).

    Without a representation code a name with letters beyond ASCII in a message that has an
    alphabetic name too is the ideographic one. XPN has the suffix before the prefix, VR PN
    after it.
    """
    groups = ["", "", ""]
    for repetition in repetitions[:3]:
        parts = [value_of(repetition, n, 1, pid.delimiters) for n in (1, 2, 3, 5, 4)]
        name = "^".join(p.replace("^", " ").replace("=", " ") for p in parts).rstrip("^")
        group = _GROUPS.get(value_of(repetition, 8, 1, pid.delimiters).upper())
        if group is None:
            group = 1 if groups[0] and not name.isascii() else 0
        groups[group] = groups[group] or name
    return "=".join(groups).rstrip("=")


def _reason(obr: Segment, orc: Segment) -> str:
    """Return the reason for the study: OBR-31, else ORC-16, else relevant clinical information."""
    for segment, field in ((obr, 31), (orc, 16)):
        text = segment.value(field, 2) or segment.value(field, 1)
        if text:
            return text
    return obr.value(13)


def _priority(group: dict[str, Segment], obr: Segment, orc: Segment) -> Priority:
    """Return the highest priority stated: TQ1-9, ORC-7.6, OBR-27.6, OBR-5."""
    codes = [orc.value(7, 6), obr.value(27, 6), obr.value(5)]
    if "TQ1" in group:
        codes.append(group["TQ1"].value(9))
    stated = {_PRIORITIES.get(code.upper(), "routine") for code in codes}
    if "stat" in stated:
        return "stat"
    return "asap" if "asap" in stated else "routine"


def _provider(raw: str, segment: Segment) -> str:
    first = raw.split(segment.delimiters.repetition)[0]
    parts = [value_of(first, n, 1, segment.delimiters).replace("^", " ") for n in (1, 2, 3)]
    return "^".join(parts).rstrip("^")


def _scheduled(group: dict[str, Segment], obr: Segment, orc: Segment) -> str:
    """Return the start of the quantity/timing: TQ1-7, ORC-7.4, OBR-27.4, OBR-36."""
    times = [orc.value(7, 4), obr.value(27, 4), obr.value(36)]
    if "TQ1" in group:
        times.insert(0, group["TQ1"].value(7))
    stated = next((t for t in times if t), "")
    digits = stated[:14]
    return digits if digits.isascii() and digits.isdigit() else ""
