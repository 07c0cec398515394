"""A reading as an unsolicited result: ORU^R01 of HL7 2.3.1, 2.4 and 2.5.1 (chapter 7).

One OBR for the study; OBX for its identifiers, its category, the impression in words and the
model, then OBX for each finding, whose number is OBX-4. The same reading gives the same message.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clinical_ai import codes
from clinical_ai.assessment.after_review import after_review
from clinical_ai.codes import Code
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.identifiers import derive_uuid
from clinical_ai.messages import Message
from clinical_ai.reports import identity, statements
from clinical_ai.reports.signing import Signer, Verdicts
from clinical_ai.reports.sr_content import PROCEDURES
from clinical_ai.texts import Texts
from pacs_bridge.hl7.er7 import Component, Field, Repetition, Segment, segment
from pacs_bridge.hl7.er7 import Message as Hl7Message
from pacs_bridge.hl7.order_index import ImagingOrder
from pacs_bridge.records import StudyRecord

MESSAGE_TYPE = "ORU^R01"

# OBR-25 and OBX-11, HL7 tables 0123 and 0085
Status = Literal["P", "F", "C"]

# IHE RAD-28 (Structured Report Export) names the SR by this text alone.
_SR_INSTANCE_UID = ("", "SR Instance UID")
_PN_GROUPS = ("A", "I", "P")  # XPN.8, HL7 table 0465, in the order of VR PN
_SECTIONS = {"CT": "CT"}  # OBR-24, HL7 table 0074; all other modalities are radiology
_URGENCIES = {"urgent": codes.URGENT, "soon": codes.SOON, "routine": codes.ROUTINE}
_DECIMALS = 3
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


@dataclass(frozen=True, slots=True)
class Result:
    """What is reported.

    Parameters
    ----------
    reading
        For a signed report as it is after the review.
    status
        ``P`` preliminary, ``F`` final, ``C`` a correction of a final result.
    note
        Whether and how it was reviewed.
    made_at
        With its zone; all times of the message but the study's.
    sr_sop_instance_uid
        Of the report object in the PACS; empty when there is none.
    signer
        None while only the model has spoken.
    """

    reading: Reading
    status: Status
    note: Message
    made_at: datetime
    sr_sop_instance_uid: str
    signer: Signer | None


def preliminary(reading: Reading, sr_sop_instance_uid: str, made_at: datetime) -> Result:
    """Return the result of the model alone."""
    return Result(reading, "P", statements.NOT_REVIEWED, made_at, sr_sop_instance_uid, None)


def signed(
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    sr_sop_instance_uid: str,
    *,
    corrects: bool,
) -> Result:
    """Return the result that a clinician signed: the accepted findings only.

    Parameters
    ----------
    corrects
        An earlier result of the study was final.
    """
    accepted = {f.id for f in reading.findings if verdicts[f.id][0] == "accepted"}
    return Result(
        reading=after_review(reading, accepted),
        status="C" if corrects else "F",
        note=statements.reviewed(reading, accepted),
        made_at=datetime.fromtimestamp(signer.signed_at).astimezone(),
        sr_sop_instance_uid=sr_sop_instance_uid,
        signer=signer,
    )


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
    observed = _moment(result.made_at)
    rows = enumerate(_observations(result, study, texts), 1)
    return Hl7Message(
        (
            _msh(result, route),
            _pid(study, route),
            segment("PV1", {1: "1", 2: "U"}),  # the images do not say which; 2 is required
            _orc(study, order),
            _obr(result, study, order, texts),
            *(_obx(number, row, result, observed) for number, row in rows),
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
            7: _moment(result.made_at),
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
        22: _moment(result.made_at),
        24: _SECTIONS.get(study.modalities[0] if study.modalities else "", "RAD"),
        25: result.status,
    }
    if order is not None:
        fields[16] = tuple(order.ordering_provider.split("^")[:3])
        fields[31] = ("", _line(order.reason)) if order.reason else ""
    if result.signer is not None:
        fields[32] = ((result.signer.username, result.signer.full_name),)
    return segment("OBR", fields)


def _procedure(study: StudyRecord, order: ImagingOrder | None, texts: Texts) -> Field:
    if order is not None and (order.procedure_code or order.procedure_text):
        return (order.procedure_code, order.procedure_text, order.procedure_scheme)
    known = next((PROCEDURES[m] for m in study.modalities if m in PROCEDURES), None)
    if known is not None:
        return _ce(known, texts)
    return ("", study.study_description or "/".join(study.modalities) or "imaging")


@dataclass(frozen=True, slots=True)
class _Row:
    """One OBX.

    Parameters
    ----------
    kind
        OBX-2.
    name
        OBX-3, the components of CE.
    sub_id
        OBX-4: the number of the finding; 0 for the study as a whole.
    value, unit
        OBX-5 and OBX-6.
    """

    kind: Literal["CE", "NM", "ST", "FT", "HD"]
    name: tuple[Component, ...]
    value: Field
    unit: tuple[Component, ...] = ()
    sub_id: str = "0"


def _obx(number: int, row: _Row, result: Result, observed: str) -> Segment:
    model = identity.model_of(result.reading)
    fields: dict[int, Field] = {
        1: str(number),
        2: row.kind,
        3: row.name,
        4: row.sub_id,
        5: row.value,
        6: row.unit,
        11: result.status,
        14: observed,
        17: (f"{model.name} {model.version}", "AI", codes.PRIVATE_SCHEME),
    }
    if result.signer is not None:
        fields[16] = (result.signer.username, result.signer.full_name)
    return segment("OBX", fields)


def _observations(result: Result, study: StudyRecord, texts: Texts) -> Iterator[_Row]:
    reading = result.reading
    model = identity.model_of(reading)
    if result.sr_sop_instance_uid:
        yield _Row("HD", _SR_INSTANCE_UID, result.sr_sop_instance_uid)
    yield _Row("HD", _ce(codes.STUDY_INSTANCE_UID, texts), study.study_instance_uid)
    yield from _categories(reading, None, texts)
    yield _Row("CE", _ce(codes.REPORT_URGENCY, texts), _ce(_URGENCIES[reading.urgency], texts))
    yield _Row("FT", _ce(codes.IMPRESSION, texts), _impression(result, texts))
    for assessment in _of(reading, None):
        advice = f"{_scheme(assessment, texts)}: {texts.message(assessment.recommendation)}"
        yield _Row("FT", _ce(codes.RECOMMENDATION, texts), advice)
    yield _Row("ST", _ce(codes.ALGORITHM_NAME, texts), _line(model.name))
    yield _Row("ST", _ce(codes.ALGORITHM_VERSION, texts), _line(model.version))
    for sentence in statements.about_model(reading):
        yield _Row("FT", _ce(codes.COMMENT, texts), texts.message(sentence))
    for finding in reading.findings:
        yield from _of_finding(finding, reading, texts)


def _of_finding(finding: Finding, reading: Reading, texts: Texts) -> Iterator[_Row]:
    number = finding.id
    coded = [(codes.FINDING, finding.code)]
    if finding.site is not None:
        coded.append((codes.FINDING_SITE, finding.site))
    coded += [(quality.name, quality.value) for quality in finding.qualities]
    for name, value in coded:
        yield _Row("CE", _ce(name, texts), _ce(value, texts), sub_id=number)
    yield from _categories(reading, number, texts)
    numbers = [(m.name, m.value, m.unit) for m in finding.measurements]
    if finding.confidence is not None:
        numbers.append((codes.CERTAINTY_OF_FINDING, 100 * finding.confidence, codes.PERCENT))
    for name, measured, unit in numbers:
        units = (unit.value, unit.meaning, unit.scheme)
        yield _Row("NM", _ce(name, texts), _number(measured), units, number)


def _categories(reading: Reading, finding_id: str | None, texts: Texts) -> Iterator[_Row]:
    """Yield the category of each guideline: coded where it has a code, else as text."""
    for assessment in _of(reading, finding_id):
        name: tuple[str, ...]
        value: tuple[str, ...]
        if assessment.code is not None and "Lung-RADS" in assessment.scheme:
            name, value = _ce(codes.LUNG_RADS, texts), _ce(assessment.code, texts)
        else:
            name, value = ("", _scheme(assessment, texts)), ("", _line(texts(assessment.category)))
        yield _Row("CE", name, value, sub_id=finding_id or "0")


def _of(reading: Reading, finding_id: str | None) -> tuple[Assessment, ...]:
    return tuple(a for a in reading.assessments if a.finding_id == finding_id)


def _impression(result: Result, texts: Texts) -> str:
    """Return the result in words, a line each: its standing, the study, then each finding."""
    lines = [texts.message(result.note)]
    for assessment in _of(result.reading, None):
        reason = texts.message(assessment.branch)
        lines.append(f"{_scheme(assessment, texts)}: {texts(assessment.category)}. {reason}.")
        lines += [texts.message(assumption) for assumption in assessment.assumptions]
    for finding in result.reading.findings:
        site = [] if finding.site is None else [texts.code(finding.site)]
        sizes = [
            f"{texts.code(m.name)} {_number(m.value)} {m.unit.value}" for m in finding.measurements
        ]
        lines.append(f"{finding.id}. " + ", ".join([texts.code(finding.code), *site, *sizes]))
    return "\n".join(lines)


def _scheme(assessment: Assessment, texts: Texts) -> str:
    return _line(texts(assessment.scheme))


def _ce(code: Code, texts: Texts) -> tuple[str, str, str]:
    """Return a coded element: the code as published, its meaning in the reader's language."""
    return code.value, texts.code(code), code.scheme


def _number(value: float) -> str:
    """Return a value of type NM: digits, no exponent."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")


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
