"""What the burned-in page of a reading says, block by block."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from clinical_ai import codes, formats
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.messages import Message
from clinical_ai.reports import identity
from clinical_ai.reports.page import Banner, Block, TableRow, Text
from clinical_ai.texts import Texts

_NOT_SIGNED = (150, 40, 30)
_SIGNED = (25, 95, 60)
_SHARES = (0.06, 0.2, 0.19, 0.23, 0.12, 0.2)
_UNITS = {codes.HOUNSFIELD_UNIT: "HU"}
_SIZES = (codes.LONG_AXIS, codes.SHORT_AXIS, codes.MEAN_DIAMETER, codes.VOLUME)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a clinician stands behind the page.

    Parameters
    ----------
    signed_by
        Name under the signature; None while nobody signed.
    signed_at
        When, as text.
    note
        What the review changed; None while there was none.
    """

    signed_by: str | None = None
    signed_at: str = ""
    note: Message | None = None


def page_head(source: Dataset, texts: Texts, standing: Standing, institution: str) -> list[Block]:
    """Return what stands at the top of every page: whose it is, and whether it is signed.

    Parameters
    ----------
    source
        A header of the series that was read, patient included.
    """
    _ = texts
    patient = (
        formats.person_name(str(source.get("PatientName", ""))),
        str(source.get("PatientID", "")),
        formats.dicom_date(str(source.get("PatientBirthDate", ""))),
        formats.sex(str(source.get("PatientSex", "")), texts),
    )
    study = (
        formats.dicom_date(str(source.get("StudyDate", ""))),
        str(source.get("StudyDescription", "")),
        str(source.get("AccessionNumber", "")),
    )
    return [
        Text(_("Findings of an AI model"), "title"),
        Text(institution, "small"),
        _banner(texts, standing),
        Text(_("Patient: {items}").format(items=_listed(patient))),
        Text(_("Study: {items}").format(items=_listed(study))),
    ]


def page_blocks(reading: Reading, texts: Texts, standing: Standing) -> list[Block]:
    """Return the body: findings, assessment, cautions, and what is known of the model."""
    _ = texts
    model = identity.model_of(reading)
    blocks: list[Block] = [Text(_("Findings"), "heading"), *_table(reading, texts)]
    if standing.note is not None:
        blocks.append(Text(texts.message(standing.note), "small"))
    whole = [a for a in reading.assessments if a.finding_id is None]
    if whole:
        blocks.append(Text(_("Assessment"), "heading"))
        blocks += [Text(line) for a in whole for line in _assessment(a, texts)]
    if reading.cautions:
        blocks.append(Text(_("Cautions"), "heading"))
        blocks += [Text(texts.message(caution), "small") for caution in reading.cautions]
    return [
        *blocks,
        Text(_("Model"), "heading"),
        Text(f"{model.name} {model.version}"),
        Text(texts.message(model.intended_use), "small"),
        *(Text(texts.message(sentence), "small") for sentence in model.accuracy),
    ]


def page_foot(made_at: str, texts: Texts) -> str:
    """Return the line at the bottom, with ``{page}`` and ``{pages}`` to be filled in."""
    _ = texts
    made = _("Made by {software} at {time}").format(
        software=f"{identity.MANUFACTURER} {identity.SOFTWARE_VERSION}", time=made_at
    )
    return made.replace("{", "{{").replace("}", "}}") + " · {page} / {pages}"


def _banner(texts: Texts, standing: Standing) -> Banner:
    _ = texts
    if standing.signed_by is None:
        return Banner(_("PRELIMINARY: not reviewed, not signed by a clinician"), _NOT_SIGNED)
    signed = _("Reviewed and signed by {name} at {time}")
    return Banner(signed.format(name=standing.signed_by, time=standing.signed_at), _SIGNED)


def _listed(items: Iterable[str]) -> str:
    return " · ".join(formats.visible(item) for item in items if item)


def _table(reading: Reading, texts: Texts) -> list[Block]:
    _ = texts
    if not reading.findings:
        return [Text(_("The model marked nothing. That does not exclude disease."))]
    heads = (
        _("No."),
        _("Finding"),
        _("Size"),
        _("Properties"),
        _("Confidence"),
        _("Category"),
    )
    return [
        TableRow(heads, _SHARES, is_head=True),
        *(TableRow(_cells(f, reading.assessments, texts), _SHARES) for f in reading.findings),
    ]


def _cells(finding: Finding, assessments: Sequence[Assessment], texts: Texts) -> tuple[str, ...]:
    named = [finding.code] + ([finding.site] if finding.site else [])
    properties = [texts.code(q.value) for q in finding.qualities]
    properties += [
        f"{texts.code(m.name)} {m.value:.1f} {_UNITS.get(m.unit, m.unit.meaning)}"
        for m in finding.measurements
        if m.name not in _SIZES
    ]
    sizes = [formats.size(finding), formats.volume(finding)]
    categories = [f"{a.category} ({a.scheme})" for a in assessments if a.finding_id == finding.id]
    return (
        finding.id,
        ", ".join(texts.code(code) for code in named),
        " · ".join(size for size in sizes if size),
        ", ".join(properties),
        formats.confidence(finding),
        ", ".join(categories),
    )


def _assessment(assessment: Assessment, texts: Texts) -> list[str]:
    recommendation = texts.message(assessment.recommendation)
    lines = [f"{assessment.scheme}: {assessment.category}. {recommendation}"]
    lines += [texts.message(assumption) for assumption in assessment.assumptions]
    return lines
