"""One part of a cohort, from rows to assessed people: the function that every engine runs."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from risk_models.cohort import fhir_persons
from risk_models.cohort.counts import Counts, count_people, save
from risk_models.cohort.fhir_input import FhirExport
from risk_models.cohort.fields import FIELDS
from risk_models.cohort.followup import add_followup
from risk_models.cohort.indicators import TargetMemory, add_indicators
from risk_models.cohort.issues import Issue, listed, none_found
from risk_models.cohort.mapping import TablePlan
from risk_models.cohort.persons import Persons, merge_visits, with_age
from risk_models.cohort.record import Assumptions, complete
from risk_models.cohort.rows import read_visits
from risk_models.cohort.scoring import ChosenEquation, score_persons
from risk_models.cohort.table_input import ROW, Table
from risk_models.cohort.targets import HBA1C_TARGET_PERCENT

PART_ROWS = 200_000
"""Rows handled at once. Bounds memory; no result depends on it."""

HASH = "__hash"


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of a table that are handled together.

    Parameters
    ----------
    offset, length
        A range of rows, without the people who have several rows; or, with `bucket`, every
        row of the people with several whose hash falls into that bucket.
    """

    number: int
    offset: int = 0
    length: int = 0
    bucket: int | None = None
    buckets: int = 1


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table and how it is read; `repeated` holds hashes of people with several rows."""

    name: str
    table: Table
    plan: TablePlan
    repeated: Path | None = None


@dataclass(frozen=True, slots=True)
class FhirSource:
    """A FHIR export that was picked over."""

    name: str
    export: FhirExport


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every part; can be sent to another process.

    Parameters
    ----------
    as_of
        The day for ages, due dates, and beyond which no date can be.
    oldest
        Values dated before this day are not used; None uses all.
    out
        Folder for what each part writes.
    """

    source: TableSource | FhirSource
    as_of: date
    oldest: date | None
    assumptions: Assumptions
    equations: tuple[ChosenEquation, ...]
    out: Path
    hba1c_target: float = HBA1C_TARGET_PERCENT

    @property
    def main(self) -> ChosenEquation:
        """The equation whose classes are the risk strata."""
        return self.equations[0]


@dataclass(slots=True)
class Memory:
    """Guideline answers kept between the parts that one process handles."""

    targets: TargetMemory = field(default_factory=lambda: TargetMemory({}, {}))
    followup: dict[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)


def parts_of(source: TableSource | FhirSource) -> tuple[Part, ...]:
    """Split a source; for a table, people with several rows are found first."""
    if isinstance(source, FhirSource):
        total = fhir_persons.parts_of(source.export)
        return tuple(Part(k, bucket=k, buckets=total) for k in range(total))
    rows = source.table.rows
    ranges = [
        Part(number, offset, min(PART_ROWS, rows - offset))
        for number, offset in enumerate(range(0, rows, PART_ROWS))
    ]
    if source.repeated is None:
        return tuple(ranges)
    count = pl.read_parquet(source.repeated).get_column("rows").sum()
    buckets = max(1, -(-int(count) // PART_ROWS))
    if count == rows:
        ranges = []
    first = len(ranges)
    return (*ranges, *(Part(first + k, bucket=k, buckets=buckets) for k in range(buckets)))


def find_repeated(table: Table, plan: TablePlan, work: Path) -> Path | None:
    """Write down the hashes of people with several rows, with how many; None if nobody has.

    Two people whose hashes agree by chance are handled with the repeated ones and kept apart.
    """
    hashes = table.scan().select(_hash(plan)).collect(engine="streaming").get_column(HASH)
    ordered = hashes.drop_nulls().sort()
    again = ordered.rle()
    repeated = again.struct.unnest().filter(pl.col("len") > 1)
    if repeated.is_empty():
        return None
    path = work / "repeated.parquet"
    repeated.select(pl.col("value").alias(HASH), rows="len").write_parquet(path)
    return path


def process(job: Job, part: Part, memory: Memory) -> Counts:
    """Handle one part: writes people, issues and provenance under `job.out`, returns counts."""
    persons, visits, issues, rows = _read(job, part)
    completed = complete(with_age(persons.rows, job.as_of), job.assumptions)
    scored = score_persons(completed, job.equations)
    judged = add_indicators(scored, job.main, memory.targets, job.hba1c_target)
    people = add_followup(judged, job.as_of, memory.followup)
    for name, frame in (
        ("people", people),
        ("issues", issues),
        ("provenance", persons.provenance),
    ):
        folder = job.out / name
        folder.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(folder / f"part-{part.number:05}.parquet", compression="lz4")
    counts = count_people(people, visits, issues, rows, job.equations)
    save(counts, job.out / "counts" / f"part-{part.number:05}")
    return counts


def _read(job: Job, part: Part) -> tuple[Persons, pl.DataFrame, pl.DataFrame, int]:
    """Persons, visits, issues and the number of rows of one part."""
    if isinstance(job.source, FhirSource):
        assert part.bucket is not None
        export = job.source.export
        where = (export, part.bucket, part.buckets, job.as_of)
        persons = fhir_persons.build_persons(*where, job.oldest)
        visits = fhir_persons.visits_of(*where)
        issues = pl.concat([persons.issues, *([export.issues] if part.number == 0 else [])])
        return persons, visits, issues, 0
    frame = _rows(job.source, part)
    read = read_visits(frame, job.source.plan, job.source.name, job.as_of)
    usable, too_old = _not_too_old(read.rows, job.oldest, job.source.name)
    persons = merge_visits(usable, job.source.name)
    issues = pl.concat([read.issues, too_old, persons.issues])
    return persons, read.rows, issues, frame.height


def _rows(source: TableSource, part: Part) -> pl.DataFrame:
    scan = source.table.scan()
    if part.bucket is None:
        scan = scan.slice(part.offset, part.length)
    if source.repeated is None:
        return scan.collect(engine="streaming")
    repeated = pl.scan_parquet(source.repeated).select(HASH)
    hashed = scan.with_columns(_hash(source.plan))
    if part.bucket is None:
        kept = hashed.join(repeated, on=HASH, how="anti", maintain_order="left")
    else:
        kept = hashed.filter(pl.col(HASH) % part.buckets == part.bucket)
        kept = kept.join(repeated, on=HASH, how="semi", maintain_order="left")
    return kept.drop(HASH).collect(engine="streaming")


def _hash(plan: TablePlan) -> pl.Expr:
    column = plan.column_of("person_id")
    assert column is not None
    text = pl.col(column.column).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text).hash(seed=0).alias(HASH)


def _not_too_old(
    visits: pl.DataFrame, oldest: date | None, source: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Visits that may be used, and an issue for each that is too old."""
    if oldest is None or "date" not in visits.columns:
        return visits, none_found()
    old = visits.filter(pl.col("date") < oldest)
    rows = old.select(
        ROW,
        "person_id",
        issue=pl.lit(Issue.TOO_OLD.value),
        cell=pl.col("date").cast(pl.String),
        hint=pl.lit(f"{oldest} or later"),
    )
    return visits.filter(~(pl.col("date") < oldest).fill_null(value=False)), listed(
        rows, source, FIELDS["date"].name, "date"
    )
