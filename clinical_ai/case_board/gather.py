"""All that is known of the patient of a case: studies, readings, record and risk."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from clinical_ai.case_board.cases import Case
from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.record_link import linked_person, study_patient
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.risk.stored import newest_profile
from clinical_ai.services import Services
from clinical_ai.store.tables import decision, reading, signature
from clinical_ai.worklist import StudyState, versions
from pacs_bridge.tables import study


@dataclass(frozen=True, slots=True)
class BoardStudy:
    """A study of the patient, in its newest version.

    Parameters
    ----------
    study_date
        DICOM, YYYYMMDD.
    reading
        None while it was not read.
    verdicts
        By id of the finding: ``"accepted"`` or ``"rejected"``, where a clinician decided.
    signed_at
        UTC epoch seconds; None while no clinician has signed the reading.
    """

    study_uid: str
    study_date: str
    description: str
    modalities: str
    accession_number: str
    state: StudyState
    reading: Reading | None
    verdicts: Mapping[str, str]
    signed_at: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """What a case page shows.

    Parameters
    ----------
    left_out
        Studies with the patient's number whose birth date, sex or name is another: they may be
        another person's and are not shown.
    record, origin
        Only where matching is certain; no server is asked.
    """

    case: Case
    patient_name: str
    birth_date: str
    sex: str
    studies: tuple[BoardStudy, ...]
    left_out: tuple[str, ...]
    record: ClinicalRecord | None
    origin: str
    risk: RiskProfile | None


def gather(services: Services, case: Case) -> Board:
    """Gather the board of a case from the archive and the local record store."""
    patient = study_patient(services, case.study_uid)
    assert patient is not None  # a case is opened on a study, and studies stay in the index
    query = patient.query
    same, left_out = _studies_of(services, case)
    with services.engine.connect() as connection:
        studies = tuple(_study(services, connection, uid) for uid in same)
    origin, record, risk = "", None, None
    who = linked_person(services, query) if services.settings.records.use else None
    if who is not None:
        origin, person = who
        record = RecordStore(services.engine).record(person, origin=origin)
        with services.engine.connect() as connection:
            risk = newest_profile(connection, person, origin)
    return Board(
        case=case,
        patient_name=query.name,
        birth_date=query.birth_date,
        sex=query.sex,
        studies=studies,
        left_out=left_out,
        record=record,
        origin=origin,
        risk=risk,
    )


def _studies_of(services: Services, case: Case) -> tuple[list[str], tuple[str, ...]]:
    """Return UIDs of the patient's studies, the newest first, and of those that may not be."""
    own = study.c.study_instance_uid == case.study_uid
    number = (study.c.patient_id == case.patient_id) & (study.c.issuer_of_patient_id == case.issuer)
    query = select(study).where(or_(own, number) if case.patient_id else own)
    with services.engine.connect() as connection:
        rows = connection.execute(query.order_by(study.c.study_date.desc())).all()
    mine = next(r for r in rows if r.study_instance_uid == case.study_uid)
    same: list[str] = []
    others: list[str] = []
    for row in rows:
        is_same = (row.patient_birth_date, row.patient_sex, row.patient_name_folded) == (
            mine.patient_birth_date,
            mine.patient_sex,
            mine.patient_name_folded,
        )
        (same if is_same else others).append(row.study_instance_uid)
    return same, tuple(others)


def _study(services: Services, connection: Connection, uid: str) -> BoardStudy:
    newest = versions(services.engine, uid)[0]
    body = (
        connection.execute(
            select(reading.c.body).where(reading.c.id == newest.reading_id)
        ).scalar_one_or_none()
        if newest.reading_id
        else None
    )
    verdicts = connection.execute(
        select(decision.c.finding_id, decision.c.verdict)
        .where(decision.c.reading_id == newest.reading_id)
        .order_by(decision.c.id)
    )
    signed = connection.execute(
        select(signature.c.signed_at).where(signature.c.reading_id == newest.reading_id)
    ).scalar_one_or_none()
    return BoardStudy(
        study_uid=uid,
        study_date=newest.study_date,
        description=newest.study_description,
        modalities=newest.modalities,
        accession_number=newest.accession_number,
        state=newest.state,
        reading=None if body is None else reading_from_json(body),
        verdicts={r.finding_id: r.verdict for r in verdicts},
        signed_at=signed,
    )
