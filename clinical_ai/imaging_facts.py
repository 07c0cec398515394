"""Our own imaging results of a person, as facts for risk and for whoever looks at the record.

Signed results are those that the clinician accepted. Preliminary ones are given too, marked
as unsigned.
"""

from collections.abc import Iterator
from datetime import date, timedelta

from sqlalchemy import Connection, select

from clinical_ai.assessment.after_review import after_review
from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.record_link import linked_person, study_patient
from clinical_ai.records.record import Demographics, ImagingFact, Source
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services
from clinical_ai.store.tables import decision, signature, study_read
from clinical_ai.store.tables import reading as reading_table
from pacs_bridge.tables import study

ORIGIN = "readings"
"""`Source.origin` of our own results; the reference is ``Reading/<id>``."""
_KINDS = {"Lung-RADS": "lung_rads", "BI-RADS": "bi_rads", "TI-RADS": "ti_rads", "ICDR": "dr_grade"}
"""Kind by the beginning of a guideline's name."""
_FOLLOW_UP_DAYS = {"1": 365, "2": 365, "3": 183, "4A": 91, "4B": 0, "4X": 0}
"""Lung-RADS v2022 management: low-dose CT after 12, 6 or 3 months, or work-up now."""


def imaging_facts(
    services: Services, person: str, origin: str | None = None
) -> tuple[ImagingFact, ...]:
    """Return the results of every study that is surely of a person, the oldest first.

    Parameters
    ----------
    person, origin
        As in `clinical_ai.records.store.RecordStore`.
    """
    known = RecordStore(services.engine).person(person, origin=origin)
    if known is None:
        return ()
    with services.engine.connect() as connection:
        uids = _studies(connection, known.demographics)
    facts: list[ImagingFact] = []
    for uid in uids:
        patient = study_patient(services, uid)
        if patient is None or linked_person(services, patient.query) != (
            known.origin,
            known.person,
        ):
            continue
        with services.engine.connect() as connection:
            facts += _of_study(connection, uid, patient.study_date)
    return tuple(sorted(facts, key=lambda f: f.on or date.min))


def facts_of_reading(reading: Reading, on: date | None, *, signed: bool) -> tuple[ImagingFact, ...]:
    """Return what a reading says of its whole study, as facts.

    Parameters
    ----------
    on
        Day of the study.
    signed
        Whether a clinician has signed the reading.
    """
    source = Source(ORIGIN, f"Reading/{reading.id}")
    facts = []
    for assessment in reading.assessments:
        kind = next((k for name, k in _KINDS.items() if name in assessment.scheme), None)
        if kind is None or assessment.finding_id is not None:
            continue
        facts.append(ImagingFact(kind, assessment.category, on, source, signed=signed))
        days = _FOLLOW_UP_DAYS.get(assessment.category.removesuffix(" S"))
        if kind == "lung_rads" and on is not None and days is not None:
            due = (on + timedelta(days=days)).isoformat()
            facts.append(ImagingFact("nodule_followup_due", due, on, source, signed=signed))
    return tuple(facts)


def _studies(connection: Connection, person: Demographics) -> list[str]:
    """Return the UIDs of studies whose patient ID is one of the person's numbers."""
    numbers = [i.value for i in person.identifiers if i.value]
    born = "" if person.birth_date is None else f"{person.birth_date:%Y%m%d}"
    rows = connection.execute(
        select(study.c.study_instance_uid).where(
            study.c.patient_id.in_(numbers)
            | ((study.c.patient_birth_date == born) & (study.c.patient_birth_date != ""))
        )
    )
    return list(rows.scalars())


def _of_study(connection: Connection, study_uid: str, on: date | None) -> Iterator[ImagingFact]:
    """Yield the facts of the newest reading of a study."""
    row = connection.execute(
        select(reading_table.c.id, reading_table.c.body, signature.c.signed_at)
        .select_from(study_read)
        .join(reading_table, reading_table.c.id == study_read.c.reading_id)
        .outerjoin(signature, signature.c.reading_id == study_read.c.reading_id)
        .where(study_read.c.study_uid == study_uid, study_read.c.state.in_(("ready", "signed")))
        .order_by(study_read.c.content_sequence.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return
    reading = reading_from_json(row.body)
    if row.signed_at is not None:
        reading = after_review(reading, _accepted(connection, row.id))
    yield from facts_of_reading(reading, on, signed=row.signed_at is not None)


def _accepted(connection: Connection, reading_id: str) -> set[str]:
    rows = connection.execute(
        select(decision.c.finding_id, decision.c.verdict)
        .where(decision.c.reading_id == reading_id)
        .order_by(decision.c.id)
    )
    newest = {row.finding_id: row.verdict for row in rows}
    return {finding for finding, verdict in newest.items() if verdict == "accepted"}
