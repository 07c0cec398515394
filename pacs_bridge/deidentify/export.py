"""Export many files: each de-identified, verified, and written only if nothing was found."""

import csv
import json
import struct
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydicom import config
from pydicom.dataset import Dataset

from pacs_bridge.deidentify.blackout import BlackoutRules, blacked_out
from pacs_bridge.deidentify.identifiers import collect
from pacs_bridge.deidentify.instance import Instance, open_instance, write_instance
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options, state_methods
from pacs_bridge.deidentify.profile import Profile
from pacs_bridge.deidentify.refusal import Verdict, judge
from pacs_bridge.deidentify.verify import Finding, Retained, verify
from pacs_bridge.errors import DeidentifyError, EncodingError
from pacs_bridge.header import is_uid
from pacs_bridge.part10 import read_file_meta

_PART = ".part"
# What pydicom raises at elements that are malformed beyond reading or writing.
_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file.

    Parameters
    ----------
    source
        Its place among the files of the source; the report stays at the hospital.
    state
        ``exported``, ``flagged`` (not exported: to be looked at by a person), ``refused``,
        ``identified`` (not exported: identifying values were left) or ``unreadable``.
    reason
        Why, or a note.
    target
        The new file, relative to the output folder; empty if there is none.
    findings
        What `verify` found.
    """

    source: str
    state: str
    reason: str = ""
    target: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """How an export is made.

    Parameters
    ----------
    options
        Of the profile.
    key
        For pseudonyms, UIDs and dates.
    blackout
        Where devices burn in text.
    include_flagged
        Export what a person has looked at and found free of text and faces.
    own_manufacturer
        See `judge`.
    """

    options: Options
    key: Key
    blackout: BlackoutRules = field(default_factory=BlackoutRules)
    include_flagged: bool = False
    own_manufacturer: str = ""

    def run(
        self,
        files: Sequence[tuple[Path, str]],
        out: Path,
        on_file: Callable[[FileReport], None],
        mapping: "Mapping | None" = None,
    ) -> list[FileReport]:
        """Export files to ``out/<study>/<series>/<instance>.dcm``, under their new UIDs.

        Parameters
        ----------
        files
            Paths, and the names to report them by.
        out
            Must be absent or empty.
        on_file
            Called after each file.
        mapping
            Filled with old and new identifiers if given.

        Raises
        ------
        DeidentifyError
            If `out` holds anything.
        OSError
            If the disk refuses.
        """
        _prepare(out)
        reports = []
        # Values against the standard are not ours to judge here: they are kept or they go.
        with config.disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for path, name in files:
                report = self._one(path, name, out, mapping)
                on_file(report)
                reports.append(report)
        return reports

    def _one(self, path: Path, name: str, out: Path, mapping: "Mapping | None") -> FileReport:
        try:
            with open_instance(path) as instance:
                return self._convert(path, name, instance, out, mapping)
        except DeidentifyError as error:
            return FileReport(name, "refused", str(error))
        except EncodingError as error:
            return FileReport(name, "unreadable", str(error))
        except OSError as error:
            if error.errno is not None:  # of the system; pydicom's own has none
                raise
            return FileReport(name, "unreadable", "a malformed sequence")
        except _MALFORMED as error:
            return FileReport(name, "unreadable", f"a malformed element ({type(error).__name__})")

    def _convert(
        self, path: Path, name: str, instance: Instance, out: Path, mapping: "Mapping | None"
    ) -> FileReport:
        source = instance.dataset
        rectangles = self.blackout.rectangles(source)
        judged = judge(
            source,
            self.options,
            own_manufacturer=self.own_manufacturer,
            has_blackout=bool(rectangles),
        )
        if judged.verdict is Verdict.REFUSED:
            return FileReport(name, "refused", judged.reason)
        if judged.verdict is Verdict.FLAGGED and not self.include_flagged:
            return FileReport(name, "flagged", judged.reason)
        identifiers = collect(
            instance.read_again(), source_ae_title=read_file_meta(path).source_ae_title
        )
        old = _uids(source)
        dataset, pixels, encoding = (
            blacked_out(path, rectangles)
            if rectangles
            else (source, instance.pixels, instance.encoding)
        )
        patient = str(source.get("PatientID", "") or "")
        subject = Profile(self.options, self.key).apply(dataset)
        state_methods(dataset, self.options, cleaned_pixels=bool(rectangles))
        new = _uids(dataset)
        target = out / new[0] / new[1] / f"{new[2]}.dcm"
        if target.exists():
            return FileReport(name, "refused", "another file has the same SOP Instance UID")
        part = out / f"{new[2]}{_PART}"
        try:
            write_instance(part, dataset, pixels, encoding)
            findings = verify(part, identifiers, self._retained())
            if findings:
                return FileReport(name, "identified", _summary(findings), findings=findings)
            target.parent.mkdir(parents=True, exist_ok=True)
            part.rename(target)
        finally:
            part.unlink(missing_ok=True)
        if mapping is not None:
            mapping.add(patient, subject.pseudonym, zip(old, new, strict=True))
        return FileReport(name, "exported", judged.reason, str(target.relative_to(out)))

    def _retained(self) -> Retained:
        options = self.options
        return Retained(
            uids=options.uids,
            device_identity=options.device_identity,
            safe_private=options.safe_private,
            times=options.modified_dates,
        )


class Mapping:
    """Who is who: old and new Patient IDs and UIDs. It never leaves the hospital."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], str] = {}

    def add(self, patient: str, pseudonym: str, uids: Iterable[tuple[str, str]]) -> None:
        """Note one object's identifiers."""
        self._rows["patient", patient] = pseudonym
        for kind, (old, new) in zip(("study", "series", "instance"), uids, strict=True):
            self._rows[kind, old] = new

    def write(self, path: Path) -> None:
        """Write a CSV that only its owner may read.

        Raises
        ------
        OSError
            If the file exists or the disk refuses.
        """
        path.touch(mode=0o600, exist_ok=False)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("kind", "original", "exported"))
            writer.writerows((kind, old, new) for (kind, old), new in self._rows.items())


def write_report(path: Path, reports: Sequence[FileReport]) -> None:
    """Write the report: JSON if the name ends in ``.json``, else CSV.

    Raises
    ------
    OSError
        If the file exists or the disk refuses.
    """
    with path.open("x", encoding="utf-8", newline="") as file:
        if path.suffix == ".json":
            json.dump([asdict(r) for r in reports], file, ensure_ascii=False, indent=1)
            return
        writer = csv.writer(file)
        writer.writerow(("source", "state", "reason", "target"))
        writer.writerows((r.source, r.state, r.reason, r.target) for r in reports)


def _prepare(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DeidentifyError(f"{out} exists and is not an empty folder; name another")
    out.mkdir(parents=True, exist_ok=True)


def _uids(dataset: Dataset) -> tuple[str, str, str]:
    """Return study, series and instance UID.

    Raises
    ------
    DeidentifyError
        If one is missing or malformed.
    """
    study, series, instance = (
        str(dataset.get(k, "") or "")
        for k in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    )
    if not all(map(is_uid, (study, series, instance))):
        raise DeidentifyError("a UID of the object is missing or malformed (PS3.5 9.1)")
    return study, series, instance


def _summary(findings: Sequence[Finding]) -> str:
    return "; ".join(f"{f.kind} at {f.path}" for f in findings)
