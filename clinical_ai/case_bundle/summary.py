"""A case on a page, without identity."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from clinical_ai import formats
from clinical_ai.case_board.cases import Entry
from clinical_ai.case_board.gather import CaseView, StudyView
from clinical_ai.case_bundle.plain_record import MAX_AGE
from clinical_ai.messages import N_
from clinical_ai.texts import Texts
from risk_models import EQUATIONS
from risk_models.cohort.report.document import Block, Bullets, Document, Heading, Paragraph, Table
from risk_models.translation import RiskTexts

ENTRY_NAMES = {
    "question": N_("question"),
    "opinion": N_("opinion"),
    "conclusion": N_("conclusion"),
    "reopened": N_("reopened"),
}
ROLE_NAMES = {
    "radiologist": N_("radiologist"),
    "physician": N_("physician"),
    "administrator": N_("administrator"),
}
_DICOM_DAY = "%Y%m%d"


def summary(
    view: CaseView, pseudonym: str, shift: timedelta, texts: Texts, entries: Sequence[Entry]
) -> Document:
    """Return the case as a document.

    Parameters
    ----------
    pseudonym
        Stands for the patient, in the images too.
    shift
        How far all days are moved.
    entries
        What was said and may be told; authors are told by their role.
    """
    _ = texts
    blocks: list[Block] = [
        Paragraph(
            _(
                "Without identity: names, numbers and free text of the record are left out, and "
                "all days are moved by the same number of days. It advises; a clinician decides."
            ),
            warning=True,
        )
    ]
    blocks.extend(_said(entries, _))
    for number, study in enumerate(view.studies, start=1):
        blocks.extend(_study(number, study, shift, _))
    blocks.extend(_risk(view, _))
    return Document(
        language=texts.language,
        title=_("Case for consultation"),
        subtitle=f"{pseudonym} · {_patient(view, _)}",
        blocks=tuple(blocks),
        labels=(("contents", _("Contents")), ("warning", _("Note:"))),
    )


def moved_day(dicom_day: str, shift: timedelta) -> str:
    """Return a DICOM date, moved, as people read it; empty when it is none."""
    try:
        day = datetime.strptime(dicom_day.strip(), _DICOM_DAY).date()  # noqa: DTZ007 - a day
    except ValueError:
        return ""
    return (day + shift).isoformat()


def _patient(view: CaseView, _: Texts) -> str:
    study = view.studies[0].study if view.studies else None
    parts = []
    if study is not None:
        parts = [formats.sex(study.patient_sex, _)]
        age = _age(study.patient_birth_date, study.study_date)
        if age is not None:
            parts.append(_("{age} years").format(age=min(age, MAX_AGE)))
    return " ".join(p for p in parts if p) or _("patient")


def _age(born: str, on: str) -> int | None:
    try:
        first = datetime.strptime(born.strip(), _DICOM_DAY).date()  # noqa: DTZ007 - a day
        last = datetime.strptime(on.strip(), _DICOM_DAY).date()  # noqa: DTZ007 - a day
    except ValueError:
        return None
    return last.year - first.year - ((last.month, last.day) < (first.month, first.day))


def _said(entries: Sequence[Entry], _: Texts) -> Iterator[Block]:
    """Yield what was said, without days: they lie near that of the export, and tell the shift."""
    if not entries:
        return
    yield Heading(_("Questions and opinions"))
    rows = []
    for entry in entries:
        who = _(ROLE_NAMES[entry.role]) if entry.role in ROLE_NAMES else _("consultant")
        rows.append((_(ENTRY_NAMES[entry.kind]), who, entry.text))
    header = (_("Kind"), _("Role"), _("Text"))
    yield Table("entries", _("Questions and opinions"), header, tuple(rows), text_columns=3)


def _study(number: int, view: StudyView, shift: timedelta, _: Texts) -> Iterator[Block]:
    study = view.study
    day = moved_day(study.study_date, shift)
    yield Heading(
        _("Study {number}: {modality} {day}")
        .format(number=number, modality=" ".join(study.modalities), day=day)
        .strip()
    )
    reading = view.reading
    if reading is None:
        yield Paragraph(_("Not read by a model."))
        return
    if reading.model is not None:
        model = f"{reading.model.name} {reading.model.version}"
        accuracy = " ".join(_.message(sentence) for sentence in reading.model.accuracy)
        yield Paragraph(f"{model}. {accuracy}")
    yield Paragraph(
        _("Signed by a clinician.")
        if view.signed_by
        else _("Not signed: nobody has confirmed this result of a model."),
        warning=not view.signed_by,
    )
    if reading.reason is not None:
        yield Paragraph(_.message(reading.reason))
    if reading.assessments:
        rows = tuple(
            (
                a.scheme,
                _(a.category),
                a.finding_id or _("whole study"),
                _.message(a.recommendation),
            )
            for a in reading.assessments
        )
        header = (_("Guideline"), _("Category"), _("Finding"), _("Recommendation"))
        yield Table(f"assessments-{number}", _("Assessment"), header, rows, text_columns=4)
    findings = [f for f in reading.findings if f.id not in view.rejected]
    if findings:
        rows = tuple(
            (
                f.id,
                _(f.code.meaning),
                _(f.site.meaning) if f.site else "",
                "; ".join(
                    f"{_(m.name.meaning)} {m.value:.1f} {m.unit.value}" for m in f.measurements
                ),
            )
            for f in findings
        )
        header = (_("Finding"), _("What"), _("Where"), _("Measured"))
        yield Table(f"findings-{number}", _("Findings"), header, rows, text_columns=4)
    if reading.cautions:
        yield Bullets(tuple(_.message(caution) for caution in reading.cautions))


def _risk(view: CaseView, _: Texts) -> Iterator[Block]:
    if view.risk is None:
        return
    says = RiskTexts(_.language)
    rows = tuple(
        (
            says.word(EQUATIONS[r.equation].title),
            says.word(r.outcome.replace("_", " ")),
            str(r.horizon_years or ""),
            f"{r.percent:.1f} %",
        )
        for r in view.risk.probabilities
    )
    if rows:
        header = (_("Equation"), _("Outcome"), _("Years"), _("Risk"))
        yield Heading(_("Cardiovascular and metabolic risk"))
        yield Table("risks", _("Risk"), header, rows, text_columns=3)
