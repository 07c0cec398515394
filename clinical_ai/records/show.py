"""A record as rows of plain text, for a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from clinical_ai.formats import visible
from clinical_ai.records.record import ClinicalRecord, Concept, Source


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: what it is, its value, its day and the resource that states it."""

    what: str
    value: str
    on: str
    source: str


def record_rows(record: ClinicalRecord, values: int) -> Iterator[Row]:
    """Yield every fact, the newest first; of each measure the newest `values` only."""
    for problem in reversed(record.problems):
        state = "active" if problem.active else "past"
        yield _row(f"problem, {state}", _words(problem.concept), problem.onset, problem.source)
    for drug in reversed(record.medications):
        state = "active" if drug.active else "past"
        yield _row(f"drug, {state}", _words(drug.concept), drug.since, drug.source)
    for allergy in record.allergies:
        yield _row("allergy", _words(allergy.concept), None, allergy.source)
    if record.smoking is not None:
        smoking = record.smoking
        packs = "" if smoking.pack_years is None else f", {smoking.pack_years:g} pack-years"
        yield _row("smoking", f"{smoking.status}{packs}", smoking.at, smoking.source)
    for kin in record.family_history:
        yield _row(
            f"family, {visible(kin.relation) or 'relative'}", _words(kin.concept), None, kin.source
        )
    for done in reversed(record.procedures):
        yield _row("procedure", _words(done.concept), done.on, done.source)
    for image in reversed(record.imaging):
        side = f" {image.laterality}" if image.laterality else ""
        unsigned = "" if image.signed else ", not signed"
        yield _row(
            f"imaging, {image.kind}{side}", visible(image.value) + unsigned, image.on, image.source
        )
    yield from _measurements(record, values)
    for unused in record.unused:
        yield Row("not used", unused.reason, "", unused.reference)


def _measurements(record: ClinicalRecord, values: int) -> Iterator[Row]:
    for kind in sorted({m.kind for m in record.measurements}):
        for one in reversed(record.series(kind)[-values:]):
            home = ", at home" if one.home else ""
            yield _row(
                kind.replace("_", " "),
                f"{one.value:.4g} {one.unit}{home}",
                one.at.date(),
                one.source,
            )


def _row(what: str, value: str, on: date | None, source: Source) -> Row:
    return Row(what, value, "" if on is None else on.isoformat(), source.reference)


def _words(concept: Concept) -> str:
    code = visible(concept.code)
    return " ".join(filter(None, [visible(concept.display), code and f"({code})"]))
