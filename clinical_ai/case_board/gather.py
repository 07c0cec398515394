"""What the system knows of a case: studies, newest readings, record, risk."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from clinical_ai.case_board.cases import Case
from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.risk.stored import newest_profile
from clinical_ai.services import Services
from clinical_ai.store.tables import decision, signature
from clinical_ai.store.tables import reading as reading_table
from pacs_bridge.records import StudyRecord


@dataclass(frozen=True, slots=True)
class StudyView:
    """A study of a case.

    Parameters
    ----------
    reading
        The signed one, else the newest; None when the study was not read.
    signed_by
        Full name of the clinician who signed it; empty when nobody has.
    rejected
        Ids of the findings that a clinician rejected.
    """

    study: StudyRecord
    reading: Reading | None
    signed_by: str
    rejected: frozenset[str]


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case with what is known of the patient."""

    case: Case
    studies: tuple[StudyView, ...]
    record: ClinicalRecord | None
    risk: RiskProfile | None


def gather_case(services: Services, case: Case) -> CaseView:
    """Return what is known now; studies by date, the newest first."""
    studies = [services.archive.study(uid) for uid in case.study_uids]
    record = risk = None
    with services.engine.connect() as connection:
        views = [_view(connection, study) for study in studies if study is not None]
        if case.person:
            risk = newest_profile(connection, case.person, case.origin)
    if case.person:
        record = RecordStore(services.engine).record(case.person, origin=case.origin)
    views.sort(key=lambda v: (v.study.study_date, v.study.study_instance_uid), reverse=True)
    return CaseView(case, tuple(views), record, risk)


def _view(connection: Connection, study: StudyRecord) -> StudyView:
    rows = connection.execute(
        select(reading_table.c.id, reading_table.c.body, signature.c.full_name)
        .outerjoin(signature, signature.c.reading_id == reading_table.c.id)
        .where(reading_table.c.study_uid == study.study_instance_uid)
        .order_by(reading_table.c.created_at)
    ).all()
    if not rows:
        return StudyView(study, None, "", frozenset())
    signed = [row for row in rows if row.full_name is not None]
    row = signed[-1] if signed else rows[-1]
    verdicts = connection.execute(
        select(decision.c.finding_id, decision.c.verdict)
        .where(decision.c.reading_id == row.id)
        .order_by(decision.c.id)
    ).all()
    newest = {v.finding_id: v.verdict for v in verdicts}
    rejected = frozenset(f for f, verdict in newest.items() if verdict == "rejected")
    return StudyView(study, reading_from_json(row.body), row.full_name or "", rejected)
