"""Write a case without identity as one zip: images, record, summary, form for opinions."""

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from clinical_ai.case_board import Case, CaseView, gather_case
from clinical_ai.case_board.cases import Entry
from clinical_ai.case_bundle.plain_record import plain_record
from clinical_ai.case_bundle.summary import summary
from clinical_ai.case_bundle.traces import Traces, found_in, traces
from clinical_ai.errors import CaseError
from clinical_ai.research_export import Request, default_key_file, export_studies
from clinical_ai.services import Services
from clinical_ai.store.audit import record_event
from clinical_ai.texts import LANGUAGE_NAMES, Texts
from pacs_bridge.database import writing
from pacs_bridge.deidentify.key import Key, read_key_file
from pacs_bridge.deidentify.options import Options
from risk_models.cohort.report.document import Document
from risk_models.cohort.report.html import render_html
from risk_models.cohort.report.pdf import render_pdf

FORM = "opinion.json"
_RECORD = "record.json"
_NO_TIME = datetime(1980, 1, 1, tzinfo=UTC)  # as in the zip: when it was made is not told
_SEARCHED_ELSEWHERE = (".dcm", ".pdf")
SCHEMA = "clinical-ai case opinion 1"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What an export holds.

    Parameters
    ----------
    images
        DICOM files in it.
    left_out
        Files that could not be made free of identity, and why, by reason.
    """

    path: Path
    pseudonym: str
    images: int
    left_out: dict[str, int]


def export_case(
    services: Services,
    case: Case,
    out: Path,
    username: str,
    *,
    free_text: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> Written:
    """Write the case to `out`, a zip that must not exist.

    Parameters
    ----------
    free_text
        With the questions and opinions. They are searched for the patient's name and numbers,
        but people can be described without either: read them first.

    Raises
    ------
    CaseError
        When `out` exists, or something in the bundle would tell who the patient is.
    """
    if out.exists():
        raise CaseError(f"{out} exists; name another file")
    view = gather_case(services, case)
    with tempfile.TemporaryDirectory(prefix="case-", dir=services.settings.data_dir) as folder:
        root = Path(folder) / "case"
        request = Request(
            out=root / "images",
            options=Options(modified_dates=True, patient_characteristics=True),
            key_file=default_key_file(services.settings),
            project=f"case {case.id}",
            report_file=Path(folder) / "report.csv",  # names the files of the archive
        )
        root.mkdir()
        images = export_studies(services, request, case.study_uids, progress)
        key = read_key_file(request.key_file, request.project)
        pseudonym = key.pseudonym(_identity(case))
        entries = case.entries if free_text else ()
        _write_texts(root, view, key, entries)
        _refuse_traces(root, traces_of(view), entries)
        _write_manifest(root, pseudonym)
        _zip(root, out)
    left_out: dict[str, int] = {}
    for report in images.reports:
        if report.state != "exported":
            left_out[report.reason] = left_out.get(report.reason, 0) + 1
    with writing(services.engine) as connection:
        record_event(connection, username, "case-export", detail=f"case {case.id}")
    return Written(out, pseudonym, images.count("exported"), left_out)


def traces_of(view: CaseView) -> Traces:
    """Return what must not be found in a bundle of this case."""
    names = [v.study.patient_name for v in view.studies]
    names += [v.study.referring_physician_name for v in view.studies]
    names += [v.signed_by for v in view.studies]
    names += [entry.full_name for entry in view.case.entries if not entry.imported]
    numbers = [view.case.patient_id, view.case.person]
    numbers += [v.study.accession_number for v in view.studies]
    numbers += [v.study.study_id for v in view.studies if len(v.study.study_id) > 3]
    numbers += [v.study.study_instance_uid for v in view.studies]
    days = [_day(v.study.patient_birth_date) for v in view.studies]
    if view.record is not None:
        demographics = view.record.demographics
        names += [f"{n.family} {n.given} {n.text}" for n in demographics.names]
        numbers += [identifier.value for identifier in demographics.identifiers]
        days.append(demographics.birth_date)
    return traces(names, numbers, days)


def _identity(case: Case) -> str:
    """Return what the de-identifier of images takes as the patient, so that both move alike."""
    patient = case.patient_id.strip()
    return f"id:{patient}" if patient else f"study:{case.study_uids[0]}"


def _write_texts(root: Path, view: CaseView, key: Key, entries: tuple[Entry, ...]) -> None:
    identity = _identity(view.case)
    pseudonym, shift = key.pseudonym(identity), key.date_shift(identity)
    if view.record is not None:
        today = date.today()  # noqa: DTZ011 - the site's own day
        _write_json(root / _RECORD, plain_record(view.record, today, shift))
    for language in LANGUAGE_NAMES:
        document = summary(view, pseudonym, shift, Texts(language), entries)
        _write_pages(root, document)
    _write_json(
        root / FORM,
        {
            "schema": SCHEMA,
            "case": key.pseudonym(f"case:{view.case.id}"),
            "place": "",
            "role": "",
            "text": "",
        },
    )


def _write_pages(root: Path, document: Document) -> None:
    name = f"summary.{document.language}"
    (root / f"{name}.html").write_text(render_html(document), "utf-8")
    (root / f"{name}.pdf").write_bytes(render_pdf(document, _NO_TIME))


def _refuse_traces(root: Path, sought: Traces, entries: tuple[Entry, ...]) -> None:
    """Look through all that is not an image; images were searched when they were made.

    The PDF holds the texts of the HTML page, which is searched.
    """
    texts = [("the free text", entry.text, True) for entry in entries]
    texts += [
        (path.name, path.read_text("utf-8"), False)
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix not in _SEARCHED_ELSEWHERE
    ]
    for name, text, free_text in texts:
        kinds = sorted(set(found_in(text, sought, free_text=free_text)))
        if kinds:
            raise CaseError(
                f"{name} would tell the patient's {' and '.join(kinds)}; nothing was written. "
                "Free text can be left out."
            )


def _write_manifest(root: Path, pseudonym: str) -> None:
    files = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
    _write_json(root / "manifest.json", {"patient": pseudonym, "sha256": files})


def _zip(root: Path, out: Path) -> None:
    part = out.with_name(f"{out.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    # Without the time of its making.
                    member = zipfile.ZipInfo(path.relative_to(root).as_posix())
                    member.compress_type = zipfile.ZIP_DEFLATED
                    with path.open("rb") as source, bundle.open(member, "w") as target:
                        shutil.copyfileobj(source, target)
        part.rename(out)
    except OSError as error:
        raise CaseError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        return None
