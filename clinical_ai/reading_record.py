"""The steps of a reading that look at the record: what is known, and the risk of the person."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.findings import Reading, RecordUse
from clinical_ai.imaging_facts import facts_of_reading, imaging_facts
from clinical_ai.messages import Message
from clinical_ai.readers.base import StudyInput
from clinical_ai.record_link import record_of_study, study_patient
from clinical_ai.records.reading_facts import reading_facts
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.assess import assess_risk
from clinical_ai.risk.stored import keep_profile
from clinical_ai.services import Services
from pacs_bridge.database import writing

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KnownPatient:
    """What is known of the patient when the guidelines are applied.

    Parameters
    ----------
    cautions
        What a reader of the result should know of the record.
    """

    context: AssessmentContext
    use: RecordUse
    cautions: tuple[Message, ...] = ()


def known_patient(services: Services, study: StudyInput, prior_studies: int) -> KnownPatient:
    """Return what the images and the record say of a study's patient.

    Age and sex are those of the images, the rest is of the record, where it is surely the
    patient's.

    Parameters
    ----------
    prior_studies
        As in `AssessmentContext`.
    """
    context = AssessmentContext(
        age_years=study.patient_age_years, sex=study.patient_sex, prior_studies=prior_studies
    )
    linked = record_of_study(services, study.study_uid)
    if linked.record is None:
        return KnownPatient(context, RecordUse(linked.state, linked.why), linked.cautions)
    patient = study_patient(services, study.study_uid)
    on = patient.study_date if patient is not None else None
    context, facts = reading_facts(
        linked.record, on or datetime.now(UTC).date(), context, origin=linked.origin
    )
    use = RecordUse(
        linked.state,
        linked.why,
        linked.record.person,
        linked.origin,
        facts,
        linked.record.complete,
    )
    return KnownPatient(context, use, linked.cautions)


def keep_risk(services: Services, reading: Reading) -> bool:
    """Compute and store the risk of the patient of a reading; False where no record was used.

    Doing it again changes nothing.
    """
    use = reading.record
    if use is None or use.state != "matched":
        return False
    record = RecordStore(services.engine).record(use.person, origin=use.origin)
    if record is None:
        _log.warning("risk.record_gone", study=reading.study_uid)
        return False
    patient = study_patient(services, reading.study_uid)
    on = patient.study_date if patient is not None else None
    earlier = imaging_facts(services, use.person, use.origin)
    own = facts_of_reading(reading, on, signed=False)
    known = {fact.source for fact in own}
    profile = assess_risk(
        replace(record, complete=use.complete),
        on or datetime.now(UTC).date(),
        (*(fact for fact in earlier if fact.source not in known), *own),
        place=services.settings.risk,
    )
    with writing(services.engine) as connection:
        keep_profile(connection, reading.id, profile, origin=use.origin)
    _log.info("risk.kept", study=reading.study_uid, equations=len(profile.evaluations))
    return True
