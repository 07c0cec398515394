"""Reads a FHIR bulk export (NDJSON, plain or gzip) into persons with their latest values."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl

from risk_models.cohort.cells import EARLIEST_BIRTH, as_date
from risk_models.cohort.errors import InputFileError
from risk_models.cohort.fhir_resources import (
    FhirCodes,
    Mark,
    Value,
    condition_fields,
    condition_marks,
    medication_fields,
    medication_marks,
    observation_values,
    patient_of,
)
from risk_models.cohort.issues import SCHEMA

VALUES_AT_ONCE = 250_000
"""Values kept in memory before they are written down."""

SUFFIXES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")

_VALUES = pl.Schema(
    {
        "person_id": pl.String,
        "field": pl.String,
        "value": pl.Float64,
        "unit": pl.String,
        "day": pl.String,
        "source": pl.String,
        "row": pl.Int64,
    }
)
_PATIENTS = pl.Schema(
    {
        "person_id": pl.String,
        "sex": pl.String,
        "birth": pl.String,
        "deceased": pl.Boolean,
        "district": pl.String,
        "source": pl.String,
        "row": pl.Int64,
    }
)


@dataclass(frozen=True, slots=True)
class FhirExport:
    """A bulk export, picked over and written down.

    Parameters
    ----------
    values, patients, issues
        Parquet files; `issues` holds lines that are no resources.
    counts
        Resources read by type.
    decided
        Flags that an absent entry answers with "no", because the list that would hold it
        (conditions, medications) is part of the export.
    """

    values: tuple[Path, ...]
    patients: tuple[Path, ...]
    issues: pl.DataFrame
    counts: dict[str, int]
    decided: tuple[str, ...]


def is_fhir(path: Path) -> bool:
    """Whether a path is a bulk export: an NDJSON file or a folder of them."""
    return bool(_files(path))


def read_export(
    path: Path, work: Path, codes: FhirCodes, progress: Callable[[int], None] = lambda _: None
) -> FhirExport:
    """Read every NDJSON file of an export.

    Parameters
    ----------
    path
        A file or a folder.
    work
        Folder for what is picked.
    progress
        Called with the resources read so far.

    Raises
    ------
    InputFileError
        If there is no NDJSON file or no Patient resource.
    """
    files = _files(path)
    if not files:
        raise InputFileError(f"{path}: no {', '.join(SUFFIXES)} file")
    reader = _Reader(work, codes, progress)
    for file in files:
        reader.read(file)
    reader.flush()
    if not reader.counts.get("Patient"):
        raise InputFileError(f"{path}: no Patient resource; the export must hold the patients")
    decided = condition_fields() if reader.counts.get("Condition") else ()
    if reader.counts.get("MedicationRequest") or reader.counts.get("MedicationStatement"):
        decided = (*decided, *medication_fields())
    return FhirExport(
        tuple(reader.value_files),
        tuple(reader.patient_files),
        pl.DataFrame(reader.issues, schema=SCHEMA, orient="row"),
        reader.counts,
        decided,
    )


def as_day(column: str, as_of: date) -> pl.Expr:
    """A FHIR date or dateTime as a day; null where it has no day or lies outside."""
    day = as_date(column, pl.String())
    return pl.when(day.is_between(EARLIEST_BIRTH, as_of)).then(day)


class _Reader:
    """Collects what is picked and writes it down in pieces."""

    def __init__(self, work: Path, codes: FhirCodes, progress: Callable[[int], None]) -> None:
        self.work, self.codes, self.progress = work, codes, progress
        self.counts: dict[str, int] = {}
        self.issues: list[tuple[Any, ...]] = []
        self.value_files: list[Path] = []
        self.patient_files: list[Path] = []
        self._values: list[tuple[Any, ...]] = []
        self._patients: list[tuple[Any, ...]] = []
        self._read = 0

    def read(self, file: Path) -> None:
        source, values, codes = file.name, self._values, self.codes
        with _opened(file) as lines:
            for row, line in enumerate(lines, start=1):
                resource = self._resource(line, source, row)
                if resource is None:
                    continue
                kind = resource["resourceType"]
                self.counts[kind] = self.counts.get(kind, 0) + 1
                found: Iterator[Value | Mark] = iter(())
                if kind == "Observation":
                    found = observation_values(resource, codes)
                elif kind == "Condition":
                    found = condition_marks(resource, codes)
                elif kind in ("MedicationRequest", "MedicationStatement"):
                    found = medication_marks(resource, codes)
                elif kind == "Patient":
                    self._add_patient(resource, source, row)
                for one in found:
                    unit = one.unit if isinstance(one, Value) else ""
                    values.append(
                        (one.person, one.field, float(one.value), unit, one.day, source, row)
                    )
                self._read += 1
                if self._read % 10_000 == 0:
                    self.progress(self._read)
                if len(values) >= VALUES_AT_ONCE:
                    self.flush()
        self.progress(self._read)

    def flush(self) -> None:
        for rows, schema, files, name in (
            (self._values, _VALUES, self.value_files, "values"),
            (self._patients, _PATIENTS, self.patient_files, "patients"),
        ):
            if rows or not files:
                path = self.work / f"{name}-{len(files):05}.parquet"
                pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
                files.append(path)
                rows.clear()

    def _resource(self, line: bytes, source: str, row: int) -> dict[str, Any] | None:
        if line.isspace():
            return None
        try:
            resource = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            self._bad_line(source, row, f"not JSON: {error.msg}")
            return None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            self._bad_line(source, row, "no resourceType")
            return None
        return resource

    def _bad_line(self, source: str, row: int, reason: str) -> None:
        self.issues.append((source, row, None, None, None, "line not readable", None, reason))

    def _add_patient(self, resource: dict[str, Any], source: str, row: int) -> None:
        patient = patient_of(resource)
        if patient is None:
            self._bad_line(source, row, "Patient without id")
        else:
            self._patients.append((*patient, source, row))


def _files(path: Path) -> tuple[Path, ...]:
    candidates = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple(p for p in candidates if p.is_file() and p.name.lower().endswith(SUFFIXES))


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")  # type: ignore[return-value]
