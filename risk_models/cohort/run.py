"""Scores a cohort: from an input file or folder to a folder of results.

The folder holds `cohort.json` (what was done), `issues.csv`, `scores.parquet` and under
`records/` what reports and explanations are made from. `records/` holds patient data.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from risk_models.cohort import counts as counting
from risk_models.cohort.counts import Counts
from risk_models.cohort.engines import ENGINES, people_files
from risk_models.cohort.errors import CohortError, EngineError, MappingError
from risk_models.cohort.fhir_input import is_fhir, read_export
from risk_models.cohort.fhir_resources import check_local_codes, fhir_codes
from risk_models.cohort.issues import safe_for_spreadsheets
from risk_models.cohort.mapping import TableMapping, plan_table
from risk_models.cohort.parts import (
    FhirSource,
    Job,
    TableSource,
    find_repeated,
    parts_of,
)
from risk_models.cohort.record import Assumptions
from risk_models.cohort.scoring import ChosenEquation
from risk_models.cohort.table_input import ROW, open_table
from risk_models.cohort.targets import HBA1C_TARGET_PERCENT

MANIFEST = "cohort.json"
RECORDS = "records"
MARK = "CONTAINS-PATIENT-DATA.txt"

Progress = Callable[[str, int, int], None]
"""Called with the stage's name, what is done and what there is (0 if not known)."""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What to score and how.

    Parameters
    ----------
    as_of
        Day for ages and due dates.
    oldest
        Values dated before are not used.
    with_ids
        Whether `scores` names the person; else a number that means nothing elsewhere.
    """

    source: Path
    out: Path
    equations: tuple[ChosenEquation, ...]
    as_of: date
    mapping: TableMapping = field(default_factory=TableMapping)
    oldest: date | None = None
    engine: str = "local"
    with_ids: bool = False
    csv: bool = False
    hba1c_target: float = HBA1C_TARGET_PERCENT


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was done, as `cohort.json` keeps it.

    Parameters
    ----------
    equations
        Name, variant and constants of each; the first is the main one.
    """

    source: str
    kind: str
    notes: tuple[str, ...]
    as_of: str
    oldest: str | None
    equations: tuple[dict[str, Any], ...]
    constants: dict[str, Any]
    absent_means_no: tuple[str, ...]
    columns: tuple[dict[str, Any], ...]
    unused_columns: tuple[str, ...]
    resources: dict[str, int]
    hba1c_target_percent: float

    @property
    def chosen(self) -> tuple[ChosenEquation, ...]:
        """The equations, as they were chosen."""
        return tuple(
            ChosenEquation(one["name"], one["variant"], one["constants"]) for one in self.equations
        )


def score_cohort(request: ScoreRequest, progress: Progress = lambda *_: None) -> Manifest:
    """Score everyone in `request.source` and write the results to `request.out`.

    Raises
    ------
    CohortError
        If the input, its mapping or the engine cannot work. What single rows hold never does.
    """
    if request.engine not in ENGINES:
        raise EngineError(f"no engine {request.engine!r}; there are: {', '.join(ENGINES)}")
    if not request.equations:
        raise CohortError("no equation is chosen")
    names = [equation.name for equation in request.equations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CohortError(f"chosen twice: {', '.join(twice)}; run each variant with its own --out")
    records = _emptied(request.out)
    source, manifest = _opened(request, records, progress)
    job = Job(
        source,
        request.as_of,
        request.oldest,
        Assumptions(manifest.constants, manifest.absent_means_no),
        request.equations,
        records,
        request.hba1c_target,
    )
    parts = parts_of(source)
    counts = ENGINES[request.engine](job, parts, lambda done, total: progress("score", done, total))
    counting.save(counts, records / "counts")
    progress("write", 0, 0)
    write_issues(records, request.out / "issues.csv")
    write_scores(request, records)
    for folder in (*(records / "counts").glob("part-*"), records / "input"):
        shutil.rmtree(folder)
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    (request.out / MANIFEST).write_text(text + "\n", "utf-8")
    return manifest


def read_manifest(out: Path) -> Manifest:
    """Read `cohort.json` of a folder that `score_cohort` wrote."""
    path = out / MANIFEST
    if not path.is_file():
        raise CohortError(f"{out}: no {MANIFEST}; first run: clinical-ai cohort score INPUT --out")
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for name in ("notes", "equations", "absent_means_no", "columns", "unused_columns"):
        content[name] = tuple(content[name])
    return Manifest(**content)


def read_counts(out: Path) -> Counts:
    """Read the counts of a folder that `score_cohort` wrote."""
    return counting.load(out / RECORDS / "counts")


def write_issues(records: Path, target: Path) -> None:
    """The issue report as CSV, safe to open in a spreadsheet; with a byte order mark, as
    spreadsheets in Chinese want it.
    """
    issues = pl.scan_parquet(records / "issues" / "part-*.parquet")
    safe_for_spreadsheets(issues).sort("source", "source_row", "field").sink_csv(
        target, include_bom=True
    )


def write_scores(request: ScoreRequest, records: Path) -> None:
    """Scores of everyone, and only what they need: no birth date, no measured value."""
    columns = [
        column
        for equation in request.equations
        for column in (
            *equation.columns,
            *([equation.class_column] if equation.class_column else []),
            f"{equation.name}.problems",
            f"{equation.name}.cautions",
        )
    ]
    people = pl.scan_parquet(
        people_files(records), missing_columns="insert", extra_columns="ignore"
    )
    who = pl.col("person_id") if request.with_ids else pl.col(ROW).alias("record")
    scores = people.filter(~pl.col("deceased").fill_null(value=False)).select(
        who,
        "district",
        "sex",
        counting.age_band(pl.col("age")).alias("age_band"),
        *columns,
    )
    if request.csv:
        scores.sink_csv(request.out / "scores.csv", include_bom=True)
    else:
        scores.sink_parquet(request.out / "scores.parquet")


def write_followup(out: Path, target: Path) -> int:
    """Who is due, with why; names the person, so it is only written when asked for."""
    reasons = {
        "gap_no_blood_pressure": "no blood pressure",
        "gap_no_lipids": "no lipids",
        "gap_diabetes_no_hba1c": "diabetes without HbA1c",
        "gap_hypertension_untreated": "blood pressure high, no drug",
        "gap_ldl_no_statin": "LDL above target, no statin",
    }
    people = pl.scan_parquet(
        people_files(out / RECORDS), extra_columns="ignore", missing_columns="insert"
    )
    texts = (pl.when(pl.col(name)).then(pl.lit(text)) for name, text in reasons.items())
    due = (
        people.filter(~pl.col("deceased").fill_null(value=False))
        .select(
            "person_id",
            "district",
            "due",
            "overdue",
            "reassess",
            reasons=pl.concat_str(*texts, separator="; ", ignore_nulls=True),
        )
        .filter(pl.col("overdue").fill_null(value=False) | (pl.col("reasons") != ""))
        .sort("due", "person_id", nulls_last=True)
    )
    listed = due.with_columns(
        pl.when(pl.col(name).str.contains(r"^[=+\-@\t\r]"))
        .then(pl.concat_str(pl.lit("'"), name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("person_id", "district")
    )
    listed.sink_csv(target, include_bom=True)
    return int(pl.scan_csv(target).select(pl.len()).collect().item())


def _emptied(out: Path) -> Path:
    """A fresh `records` folder; anything else in the folder is left alone."""
    records = out / RECORDS
    mark = records / MARK
    if records.exists():
        if not mark.exists():
            raise CohortError(f"{records} holds files of something else; choose another --out")
        shutil.rmtree(records)
    (out / MANIFEST).unlink(missing_ok=True)
    records.mkdir(parents=True)
    records.chmod(0o700)
    mark.write_text("Patient data of clinical-ai cohort; made anew by each run.\n", "utf-8")
    return records


def _opened(
    request: ScoreRequest, records: Path, progress: Progress
) -> tuple[TableSource | FhirSource, Manifest]:
    work = records / "input"
    work.mkdir()
    mapping = request.mapping
    if is_fhir(request.source):
        wrong = check_local_codes(mapping.codes)
        if wrong:
            raise MappingError(f"[codes]: {', '.join(wrong)}: not a measure; see the field list")
        export = read_export(
            request.source, work, fhir_codes(mapping.codes), lambda n: progress("read", n, 0)
        )
        absent = tuple(dict.fromkeys((*mapping.absent_means_no, *export.decided)))
        source: TableSource | FhirSource = FhirSource(request.source.name, export)
        return source, _manifest(request, "FHIR", (), absent, (), (), export.counts)
    progress("read", 0, 0)
    table = open_table(request.source, work)
    plan = plan_table(table.headers, mapping)
    repeated = find_repeated(table, plan, work)
    source = TableSource(request.source.name, table, plan, repeated)
    columns = tuple(asdict(column) for column in plan.columns)
    kind = "Parquet" if request.source.suffix.lower() == ".parquet" else "CSV"
    return source, _manifest(
        request, kind, table.notes, mapping.absent_means_no, columns, plan.unused, {}
    )


def _manifest(
    request: ScoreRequest,
    kind: str,
    notes: tuple[str, ...],
    absent: tuple[str, ...],
    columns: tuple[dict[str, Any], ...],
    unused: tuple[str, ...],
    resources: dict[str, int],
) -> Manifest:
    return Manifest(
        source=request.source.name,
        kind=kind,
        notes=notes,
        as_of=str(request.as_of),
        oldest=None if request.oldest is None else str(request.oldest),
        equations=tuple(
            {"name": e.name, "variant": e.variant, "constants": dict(e.constants)}
            for e in request.equations
        ),
        constants=dict(request.mapping.constants),
        absent_means_no=absent,
        columns=columns,
        unused_columns=unused,
        resources=resources,
        hba1c_target_percent=request.hba1c_target,
    )
