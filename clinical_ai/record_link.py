"""The record that belongs to a study: found, matched with certainty, or not used.

A record is only used when matching says that it is surely the patient's. Asking FHIR servers
has a short time, so that a server that is slow or away delays a reading by seconds, never
stops it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import structlog
from sqlalchemy import select

from clinical_ai.findings import LinkState
from clinical_ai.formats import moment
from clinical_ai.messages import N_, Message
from clinical_ai.records.fhir.copies import RecordCopy, RecordServers
from clinical_ai.records.match_queue import match_known, match_patient
from clinical_ai.records.matching import MatchPolicy, MatchResult, PatientQuery
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from pacs_bridge.tables import study

_log = structlog.get_logger(__name__)
# Without these types nothing can be said of what a record does not list.
_NEEDED = frozenset({"Condition", "MedicationRequest"})

NOT_USED = Message(N_("Records are switched off in the settings of this site."))
NO_PATIENT_ID = Message(N_("The images hold no patient ID to look for a record with."))
FOUND = Message(N_("The record of the patient was found and used."))
NOT_FOUND = Message(N_("No record of the patient was found."))
UNCERTAIN = N_("A record was found that may be another person's, so it was not used: {reason}")
UNAVAILABLE = N_("The record could not be looked for in time: {server} did not answer.")
INCOMPLETE = N_("The record is not whole: {server} did not give all diagnoses or drugs.")
OUTDATED = N_("The record may lack what is new: {server} did not answer.")
COPY_OF = N_("The record is as {server} had it at {moment}; the server did not answer now.")


@dataclass(frozen=True, slots=True)
class LinkedRecord:
    """The record of a study's patient, or why there is none.

    Parameters
    ----------
    record
        Only when the match is certain.
    origin
        Store or server that the record comes from; empty without one.
    state, why
        As in `clinical_ai.findings.RecordUse`.
    cautions
        What a reader of the result should know.
    """

    record: ClinicalRecord | None
    origin: str
    state: LinkState
    why: Message
    cautions: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyPatient:
    """The patient of a study as the images name them, and the day of the study."""

    query: PatientQuery
    study_date: date | None


def study_patient(services: Services, study_uid: str) -> StudyPatient | None:
    """Return the patient of a study of the archive; None if it is not there."""
    with services.engine.connect() as connection:
        row = connection.execute(
            select(study).where(study.c.study_instance_uid == study_uid)
        ).one_or_none()
    if row is None:
        return None
    query = PatientQuery(
        patient_id=row.patient_id,
        issuer=row.issuer_of_patient_id,
        name=row.patient_name,
        birth_date=row.patient_birth_date,
        sex=row.patient_sex,
    )
    return StudyPatient(query, _day(row.study_date))


def record_of_study(services: Services, study_uid: str) -> LinkedRecord:
    """Return the record of a study's patient, from the local store.

    The servers of the settings are asked first, and what they have is copied into the store;
    of one that does not answer in time, the last copy is used. An uncertain match is put into
    the queue that a person decides.
    """
    if not services.settings.records.use:
        return LinkedRecord(None, "", "not_found", NOT_USED)
    patient = study_patient(services, study_uid)
    if patient is None or not patient.query.patient_id:
        return LinkedRecord(None, "", "not_found", NO_PATIENT_ID)
    found, unanswered = _match_with_servers(services, patient.query, study_uid)
    linked = linked_record(services, found, unanswered)
    _log.info("record.linked", study=study_uid, state=linked.state)
    return linked


def _match_with_servers(
    services: Services, query: PatientQuery, study_uid: str
) -> tuple[MatchResult, tuple[str, ...]]:
    """Match a patient, with what the servers have of them; returns who did not answer too."""
    settings, begun = services.settings, time.monotonic()
    wait = settings.records.wait_seconds
    servers = RecordServers(services.engine, settings.fhir_servers, seconds=wait)
    unanswered = servers.look_for(query.patient_id)
    found = match_patient(services.engine, query, match_policy(settings), study_uid=study_uid)
    if found.match is None or found.match.origin not in servers.names:
        return found, unanswered
    server, left = found.match.origin, wait - (time.monotonic() - begun)
    servers = RecordServers(services.engine, settings.fhir_servers, seconds=max(left, 0.1))
    if server in unanswered or servers.bring_up_to_date(server, found.match.person):
        return found, unanswered
    return found, (*unanswered, server)


def linked_record(
    services: Services, found: MatchResult, unanswered: Sequence[str] = ()
) -> LinkedRecord:
    """Return the record in the local store that a match is sure of, or why there is none.

    Parameters
    ----------
    unanswered
        Names of servers that did not answer: a record is then not complete.
    """
    if found.match is not None:
        record = RecordStore(services.engine).record(found.match.person, origin=found.match.origin)
        if record is not None:
            origin = found.match.origin
            servers = RecordServers(services.engine, services.settings.fhir_servers)
            copy = servers.copy(origin, found.match.person)
            cautions = tuple(_outdated(name, copy) for name in unanswered)
            whole = origin not in servers.names or (copy is not None and _is_whole(copy))
            if not whole:
                cautions = (*cautions, Message(INCOMPLETE, {"server": origin}))
            record = replace(record, complete=record.complete and whole and not unanswered)
            return LinkedRecord(record, origin, "matched", FOUND, cautions)
    if found.outcome == "uncertain":
        why = Message(UNCERTAIN, {"reason": found.reason.template})
        return LinkedRecord(None, "", "uncertain", why, (why,))
    if unanswered:
        cautions = tuple(Message(UNAVAILABLE, {"server": name}) for name in unanswered)
        return LinkedRecord(None, "", "unavailable", cautions[0], cautions)
    return LinkedRecord(None, "", "not_found", NOT_FOUND)


def _is_whole(copy: RecordCopy) -> bool:
    """Whether a copy has what absence is told by; other types a server may do without."""
    return not _NEEDED & set(copy.missing)


def _outdated(server: str, copy: RecordCopy | None) -> Message:
    if copy is not None and copy.server == server:
        return Message(COPY_OF, {"server": server, "moment": moment(copy.copied_at)})
    return Message(OUTDATED, {"server": server})


def linked_person(services: Services, query: PatientQuery) -> tuple[str, str] | None:
    """Return origin and id of the person of the local store that surely is a patient."""
    found = match_known(services.engine, query, match_policy(services.settings)).match
    return None if found is None else (found.origin, found.person)


def match_policy(settings: Settings) -> MatchPolicy:
    """Return what the site declares about the numbers of its patients."""
    return MatchPolicy(
        default_issuer=settings.records.default_issuer, issuers=settings.records.issuers
    )


def _day(text: str) -> date | None:
    """Return a DICOM date (YYYYMMDD), or None when it is absent or malformed."""
    try:
        return datetime.strptime(text.strip(), "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
