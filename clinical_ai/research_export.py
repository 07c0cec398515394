"""Exports for research: files of a folder or of archived studies, without identity."""

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clinical_ai.errors import ResearchExportError
from clinical_ai.reports.identity import MANUFACTURER
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.audit import record_event
from pacs_bridge.database import writing
from pacs_bridge.deidentify.blackout import BlackoutRules, read_blackout_rules
from pacs_bridge.deidentify.export import Export, FileReport, Mapping, write_report
from pacs_bridge.deidentify.key import Key, create_key_file, read_key_file
from pacs_bridge.deidentify.options import Options
from pacs_bridge.intake import dicom_files

_REPORT_SUFFIX = ".report.csv"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for.

    Parameters
    ----------
    out
        Folder for the exported files; absent or empty.
    key_file
        Made when absent.
    project
        Exports for different projects cannot be linked.
    report_file, mapping_file
        Must not exist, nor lie in `out`.
    """

    out: Path
    options: Options
    key_file: Path
    project: str = ""
    blackout_file: Path | None = None
    include_flagged: bool = False
    report_file: Path | None = None
    mapping_file: Path | None = None

    @property
    def report(self) -> Path:
        """Where the report goes: beside `out` unless said otherwise."""
        return self.report_file or self.out.with_name(self.out.name + _REPORT_SUFFIX)


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it.

    Parameters
    ----------
    skipped
        (name, reason) of files that are not DICOM.
    key_fingerprint
        Tells which key was used.
    new_key
        The key file was made now.
    """

    reports: tuple[FileReport, ...]
    skipped: tuple[tuple[str, str], ...]
    key_fingerprint: str
    new_key: bool

    def count(self, state: str) -> int:
        """Return how many files ended in a state of `FileReport`."""
        return sum(report.state == state for report in self.reports)


Progress = Callable[[int, int], None]
"""Called with how many files are done, and of how many."""


def default_key_file(settings: Settings) -> Path:
    """Return where the key is kept unless the user names a file."""
    return settings.data_dir / "deidentify.key"


def export_path(request: Request, source: Path, on_progress: Progress) -> Exported:
    """Export the DICOM files of a file, folder or zip.

    Raises
    ------
    ResearchExportError
        When a path cannot be used as asked, or the disk refuses.
    pacs_bridge.errors.BridgeError
        When the source, the key or the rules cannot be read.
    """
    _check_apart(source, request.out)
    with dicom_files(source) as found:
        files = list(zip(found.files, found.names, strict=True))
        return _export(request, files, found.skipped, on_progress)


def export_studies(
    services: Services, request: Request, study_uids: Sequence[str], on_progress: Progress
) -> Exported:
    """Export archived studies, without the results of this system; noted in the audit trail.

    Raises
    ------
    ResearchExportError
        When a study is not archived, or as `export_path`.
    """
    root = services.archive.root
    files: list[tuple[Path, str]] = []
    for uid in study_uids:
        instances = services.archive.instances(uid)
        if not instances:
            raise ResearchExportError(
                f"no study {uid!r} in the archive; see clinical-ai studies for what there is"
            )
        files.extend((i.path, str(i.path.relative_to(root))) for i in instances)

    def note(key: Key) -> None:
        with writing(services.engine) as connection:
            for uid in study_uids:
                record_event(
                    connection,
                    f"shell:{getpass.getuser()}",
                    "deidentified-export",
                    study_uid=uid,
                    detail=f"key {key.fingerprint}",
                )

    return _export(request, files, (), on_progress, note)


def _export(
    request: Request,
    files: Sequence[tuple[Path, str]],
    skipped: tuple[tuple[str, str], ...],
    on_progress: Progress,
    before: Callable[[Key], None] = lambda _: None,
) -> Exported:
    _check_new(request)
    new_key = not request.key_file.exists()
    if new_key:
        create_key_file(request.key_file)
    key = read_key_file(request.key_file, request.project)
    export = Export(
        request.options,
        key,
        blackout=(
            read_blackout_rules(request.blackout_file) if request.blackout_file else BlackoutRules()
        ),
        include_flagged=request.include_flagged,
        own_manufacturer=MANUFACTURER,
    )
    before(key)
    mapping = Mapping() if request.mapping_file else None
    reports: list[FileReport] = []

    def on_file(report: FileReport) -> None:
        reports.append(report)
        on_progress(len(reports), len(files))

    try:
        with _written_at_the_end(request, reports, mapping):
            export.run(files, request.out, on_file, mapping)
    except OSError as error:
        raise ResearchExportError(
            f"the export stopped after {len(reports)} of {len(files)} files: "
            f"{error.strerror or error} ({error.filename})"
        ) from error
    return Exported(tuple(reports), skipped, key.fingerprint, new_key)


@contextmanager
def _written_at_the_end(
    request: Request, reports: list[FileReport], mapping: Mapping | None
) -> Iterator[None]:
    """Write report and mapping, also of an export that was broken off."""
    try:
        yield
    finally:
        if reports:
            write_report(request.report, reports)
            if mapping is not None and request.mapping_file is not None:
                mapping.write(request.mapping_file)


def _check_new(request: Request) -> None:
    inside = request.out.resolve()
    for name, path in (("report", request.report), ("mapping", request.mapping_file)):
        if path is None:
            continue
        if path.exists():
            raise ResearchExportError(f"the {name} {path} exists; name another file")
        if inside in path.resolve().parents:
            raise ResearchExportError(
                f"the {name} {path} would lie in the export, which leaves the hospital; it names "
                "patients, so keep it elsewhere"
            )


def _check_apart(source: Path, out: Path) -> None:
    one, other = source.resolve(), out.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise ResearchExportError(f"{out} and {source} lie in one another; name another folder")
