"""The observations of a result (HL7 2.5.1 chapter 7, 7.4.2): OBX segments.

First those of the study: its identifiers, its category, the impression in words, the model.
Then those of each finding, whose number is OBX-4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clinical_ai import codes
from clinical_ai.codes import Code
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.reports import identity, statements
from clinical_ai.reports.hl7_result import Result
from clinical_ai.texts import Texts
from pacs_bridge.hl7.er7 import Component, Field, Segment, segment

# IHE RAD-28 (Structured Report Export) names the SR by this text alone.
_SR_INSTANCE_UID = ("", "SR Instance UID")
_URGENCIES = {"urgent": codes.URGENT, "soon": codes.SOON, "routine": codes.ROUTINE}


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


def observation_segments(
    result: Result, study_instance_uid: str, texts: Texts
) -> tuple[Segment, ...]:
    """Return the OBX segments of a result.

    Parameters
    ----------
    texts
        The language of names and sentences.

    Raises
    ------
    ReportError
        When the reading names no model.
    """
    rows = _rows(result, study_instance_uid, texts)
    return tuple(_obx(number, row, result) for number, row in enumerate(rows, 1))


def coded_element(code: Code, texts: Texts) -> tuple[str, str, str]:
    """Return a CE: the code as published, its meaning in the reader's language."""
    return code.value, texts.code(code), code.scheme


def moment_text(moment: datetime) -> str:
    """Return a time with its zone as a TS."""
    return moment.strftime("%Y%m%d%H%M%S%z")


def _obx(number: int, row: _Row, result: Result) -> Segment:
    model = identity.model_of(result.reading)
    fields: dict[int, Field] = {
        1: str(number),
        2: row.kind,
        3: row.name,
        4: row.sub_id,
        5: row.value,
        6: row.unit,
        11: result.status,
        14: moment_text(result.made_at),
        17: (f"{model.name} {model.version}", "AI", codes.PRIVATE_SCHEME),
    }
    if result.signer is not None:
        fields[16] = (result.signer.username, result.signer.full_name)
    return segment("OBX", fields)


def _rows(result: Result, study_instance_uid: str, texts: Texts) -> Iterator[_Row]:
    reading = result.reading
    model = identity.model_of(reading)
    if result.sr_sop_instance_uid:
        yield _Row("HD", _SR_INSTANCE_UID, result.sr_sop_instance_uid)
    yield _Row("HD", coded_element(codes.STUDY_INSTANCE_UID, texts), study_instance_uid)
    yield from _categories(reading, None, texts)
    yield _Row(
        "CE",
        coded_element(codes.REPORT_URGENCY, texts),
        coded_element(_URGENCIES[reading.urgency], texts),
    )
    impression = "\n".join(statements.impression(reading, result.note, texts))
    yield _Row("FT", coded_element(codes.IMPRESSION, texts), impression)
    for assessment in _of(reading, None):
        advice = f"{_scheme(assessment, texts)}: {texts.message(assessment.recommendation)}"
        yield _Row("FT", coded_element(codes.RECOMMENDATION, texts), advice)
    yield _Row("ST", coded_element(codes.ALGORITHM_NAME, texts), statements.one_line(model.name))
    yield _Row(
        "ST", coded_element(codes.ALGORITHM_VERSION, texts), statements.one_line(model.version)
    )
    for sentence in statements.about_model(reading):
        yield _Row("FT", coded_element(codes.COMMENT, texts), texts.message(sentence))
    for finding in reading.findings:
        yield from _of_finding(finding, reading, texts)


def _of_finding(finding: Finding, reading: Reading, texts: Texts) -> Iterator[_Row]:
    number = finding.id
    coded = [(codes.FINDING, finding.code)]
    if finding.site is not None:
        coded.append((codes.FINDING_SITE, finding.site))
    coded += [(quality.name, quality.value) for quality in finding.qualities]
    for name, value in coded:
        yield _Row("CE", coded_element(name, texts), coded_element(value, texts), sub_id=number)
    yield from _categories(reading, number, texts)
    numbers = [(m.name, m.value, m.unit) for m in finding.measurements]
    if finding.confidence is not None:
        numbers.append((codes.CERTAINTY_OF_FINDING, 100 * finding.confidence, codes.PERCENT))
    for name, measured, unit in numbers:
        units = (unit.value, unit.meaning, unit.scheme)
        yield _Row("NM", coded_element(name, texts), statements.number(measured), units, number)


def _categories(reading: Reading, finding_id: str | None, texts: Texts) -> Iterator[_Row]:
    """Yield the category of each guideline: coded where it has a code, else as text."""
    for assessment in _of(reading, finding_id):
        name: tuple[str, ...]
        value: tuple[str, ...]
        if assessment.code is not None and "Lung-RADS" in assessment.scheme:
            name, value = (
                coded_element(codes.LUNG_RADS, texts),
                coded_element(assessment.code, texts),
            )
        else:
            name, value = (
                ("", _scheme(assessment, texts)),
                ("", statements.one_line(texts(assessment.category))),
            )
        yield _Row("CE", name, value, sub_id=finding_id or "0")


def _of(reading: Reading, finding_id: str | None) -> tuple[Assessment, ...]:
    return tuple(a for a in reading.assessments if a.finding_id == finding_id)


def _scheme(assessment: Assessment, texts: Texts) -> str:
    return statements.one_line(texts(assessment.scheme))
