"""A reading as an unsolicited result: ORU^R01 of HL7 2.3.1, 2.4 and 2.5.1 (chapter 7).

One OBR for the study, then its observations. The same reading gives the same message.
"""

import base64
import re
from dataclasses import dataclass, replace
from datetime import datetime

from clinical_ai.identifiers import derive_uuid
from clinical_ai.reports.hl7_obx import (
    coded_element,
    moment_text,
    observation_segments,
)
from clinical_ai.reports.hl7_result import Result
from clinical_ai.reports.sr_content import PROCEDURES
from clinical_ai.reports.statements import one_line
from clinical_ai.texts import Texts
from pacs_bridge.hl7.er7 import Field, Repetition, Segment, segment
from pacs_bridge.hl7.er7 import Message as Hl7Message
from pacs_bridge.hl7.order_index import ImagingOrder
from pacs_bridge.records import StudyRecord

MESSAGE_TYPE = "ORU^R01"

_PN_GROUPS = ("A", "I", "P")  # XPN.8, HL7 table 0465, in the order of VR PN
_SECTIONS = {"CT": "CT"}  # OBR-24, HL7 table 0074; all other modalities are radiology
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SINCE_MESSAGE_STRUCTURE = ("2.4", "2.5.1")


@dataclass(frozen=True, slots=True)
class Route:
    """From whom, to whom and how a message goes.

    Parameters
    ----------
    peer_name
        Its own control ids are derived for each peer.
    version
        ``2.3.1``, ``2.4`` or ``2.5.1``.
    character_set
        As in MSH-18.
    enhanced
        Ask for an accept acknowledgement.
    assigning_authority
        Of patient IDs whose study names no issuer.
    ideographic_first
        Which name of the patient comes first, for receivers that read one only.
    """

    peer_name: str
    sending_application: str
    sending_facility: str
    receiving_application: str
    receiving_facility: str
    version: str
    character_set: str
    enhanced: bool
    processing_id: str
    assigning_authority: str
    ideographic_first: bool


def control_id(result: Result, route: Route) -> str:
    """Return MSH-10, 20 characters: by peer, reading, status, and who signed when."""
    signature = (
        () if result.signer is None else (result.signer.username, repr(result.signer.signed_at))
    )
    derived = derive_uuid("hl7-oru", route.peer_name, result.reading.id, result.status, *signature)
    return base64.b32encode(derived.bytes).decode("ascii")[:20]


def build_oru(
    result: Result, study: StudyRecord, order: ImagingOrder | None, route: Route, texts: Texts
) -> Hl7Message:
    """Return the message.

    Parameters
    ----------
    study
        Patient and study as the images name them.
    order
        The order of the study, when its patient is the study's.
    texts
        The language that people at the receiver read.

    Raises
    ------
    ReportError
        When the reading names no model.
    """
    study = _printable(study)
    return Hl7Message(
        (
            _msh(result, route),
            _pid(study, route),
            segment("PV1", {1: "1", 2: "U"}),  # the images do not say which; 2 is required
            _orc(study, order),
            _obr(result, study, order, texts),
            *observation_segments(result, study.study_instance_uid, texts),
        )
    )


def _msh(result: Result, route: Route) -> Segment:
    kind: Field = ("ORU", "R01")
    if route.version in _SINCE_MESSAGE_STRUCTURE:
        kind = ("ORU", "R01", "ORU_R01")
    return segment(
        "MSH",
        {
            3: route.sending_application,
            4: route.sending_facility,
            5: route.receiving_application,
            6: route.receiving_facility,
            7: moment_text(result.made_at),
            9: kind,
            10: control_id(result, route),
            11: route.processing_id,
            12: route.version,
            15: "AL" if route.enhanced else "",
            16: "NE" if route.enhanced else "",
            18: "" if route.character_set == "ASCII" else route.character_set,
        },
    )


def _pid(study: StudyRecord, route: Route) -> Segment:
    authority = study.issuer_of_patient_id or route.assigning_authority
    return segment(
        "PID",
        {
            1: "1",
            3: (study.patient_id, "", "", authority, "PI"),
            5: _names(study.patient_name, ideographic_first=route.ideographic_first),
            7: _date(study.patient_birth_date),
            8: study.patient_sex if study.patient_sex in ("M", "F", "O") else "U",
        },
    )


def _names(person_name: str, *, ideographic_first: bool) -> list[Repetition]:
    """Return a value of VR PN as XPN: one repetition a component group."""
    names: list[Repetition] = []
    for group, kind in zip(person_name.split("=")[:3], _PN_GROUPS, strict=False):
        if not group.strip("^ "):
            continue
        family, given, middle, prefix, suffix = (*group.split("^"), "", "", "", "", "")[:5]
        # Chinese letters in the first group are an ideographic name all the same.
        script = "I" if kind == "A" and not group.isascii() else kind
        names.append((family, given, middle, suffix, prefix, "", "L", script))
    names.sort(key=lambda name: (name[-1] == "I") != ideographic_first)
    # PID-5 must be there; U says that the name is not known (HL7 table 0200).
    return names or [("", "", "", "", "", "", "U")]


def _orc(study: StudyRecord, order: ImagingOrder | None) -> Segment:
    # RE: observations to follow. No order status: that is for the radiologist's own report.
    placer, filler = _order_numbers(study, order)
    return segment("ORC", {1: "RE", 2: placer, 3: filler})


def _order_numbers(study: StudyRecord, order: ImagingOrder | None) -> tuple[str, str]:
    if order is None:
        return "", study.accession_number
    return order.placer_order_number, order.filler_order_number or study.accession_number


def _obr(result: Result, study: StudyRecord, order: ImagingOrder | None, texts: Texts) -> Segment:
    placer, filler = _order_numbers(study, order)
    fields: dict[int, Field] = {
        1: "1",
        2: placer,
        3: filler,
        4: _procedure(study, order, texts),
        7: _study_moment(study),
        18: study.accession_number,  # where IHE RAD-4 and its followers look
        22: moment_text(result.made_at),
        24: _SECTIONS.get(study.modalities[0] if study.modalities else "", "RAD"),
        25: result.status,
    }
    if order is not None:
        fields[16] = tuple(order.ordering_provider.split("^")[:3])
        fields[31] = ("", one_line(order.reason)) if order.reason else ""
    if result.signer is not None:
        fields[32] = ((result.signer.username, result.signer.full_name),)
    return segment("OBR", fields)


def _procedure(study: StudyRecord, order: ImagingOrder | None, texts: Texts) -> Field:
    if order is not None and (order.procedure_code or order.procedure_text):
        return (order.procedure_code, order.procedure_text, order.procedure_scheme)
    known = next((PROCEDURES[m] for m in study.modalities if m in PROCEDURES), None)
    if known is not None:
        return coded_element(known, texts)
    return ("", study.study_description or "/".join(study.modalities) or "imaging")


def _printable(study: StudyRecord) -> StudyRecord:
    """Return `study` without control characters, which none of its texts may hold (PS3.5 6.2)."""
    return replace(
        study,
        patient_id=_CONTROL.sub("", study.patient_id),
        issuer_of_patient_id=_CONTROL.sub("", study.issuer_of_patient_id),
        patient_name=_CONTROL.sub("", study.patient_name),
        accession_number=_CONTROL.sub("", study.accession_number),
        study_description=_CONTROL.sub("", study.study_description),
    )


def _study_moment(study: StudyRecord) -> str:
    date = _date(study.study_date)
    time = study.study_time.split(".")[0]
    valid = re.fullmatch(r"([01][0-9]|2[0-3])[0-5][0-9]([0-5][0-9])?", time, re.ASCII)
    return date + (time if date and valid else "")


def _date(text: str) -> str:
    """Return `text` if it is a date YYYYMMDD; what the images say is not trusted."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return ""
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return ""
    return text
