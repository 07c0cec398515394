"""A synthetic result, to try whether a RIS takes our messages."""

from datetime import datetime

from clinical_ai import codes
from clinical_ai.findings import Assessment, Finding, Measurement, ModelIdentity, Quality, Reading
from clinical_ai.hl7_results import route_to, texts_for
from clinical_ai.identifiers import derive_uid
from clinical_ai.messages import Message
from clinical_ai.reports.hl7_oru import build_oru, control_id
from clinical_ai.reports.hl7_result import Result, preliminary
from clinical_ai.settings import Settings
from pacs_bridge.records import StudyRecord

ACCESSION_NUMBER = "CLINICALAI-TEST"
_PATIENT = "Test^Clinical AI=测试^示例"


def make_test_result(settings: Settings, peer_name: str, moment: float) -> tuple[str, str]:
    """Return control id and text of a preliminary result of a patient who does not exist.

    Parameters
    ----------
    moment
        Seconds since 1970 UTC; each moment gives a message of its own.
    """
    made_at = datetime.fromtimestamp(moment).astimezone().replace(microsecond=0)
    result = _result(repr(moment), made_at)
    route = route_to(settings, peer_name)
    study = _study(result.reading.study_uid, made_at)
    text = str(build_oru(result, study, None, route, texts_for(settings, peer_name)))
    return control_id(result, route), text


def _result(identity: str, made_at: datetime) -> Result:
    uid = derive_uid("hl7-test", identity)
    nodule = Finding(
        id="1",
        tracking_uid=derive_uid("hl7-test", identity, "finding"),
        code=codes.LUNG_NODULE,
        site=codes.RIGHT_LUNG,
        confidence=0.9,
        measurements=(
            Measurement(codes.LONG_AXIS, 9.2, codes.MILLIMETER),
            Measurement(codes.MEAN_DIAMETER, 8.4, codes.MILLIMETER),
        ),
        qualities=(Quality(codes.NODULE_COMPOSITION, codes.SOLID),),
        region=None,
        key_sop_instance_uid="",
    )
    whole = Assessment(
        scheme="Lung-RADS v2022",
        category="4A",
        code=codes.LUNG_RADS_4A,
        recommendation=Message("Test message: no recommendation."),
        branch=Message("Test message: no patient was examined"),
        assumptions=(),
        citation="",
        finding_id=None,
    )
    reading = Reading(
        id=uid,
        study_uid=derive_uid("hl7-test", identity, "study"),
        content_version="test",
        series_uids=(),
        reader="test",
        model=ModelIdentity(
            name="test-message",
            version="1",
            intended_use=Message("Test message: no model was run."),
            accuracy=(),
            manifest_sha256="",
        ),
        status="read",
        reason=None,
        cautions=(),
        findings=(nodule,),
        assessments=(whole,),
        urgency="routine",
        made_at=made_at.isoformat(),
    )
    return preliminary(reading, derive_uid("hl7-test", identity, "report"), made_at)


def _study(study_uid: str, made_at: datetime) -> StudyRecord:
    return StudyRecord(
        study_instance_uid=study_uid,
        patient_id=ACCESSION_NUMBER,
        issuer_of_patient_id="",
        patient_name=_PATIENT,
        patient_birth_date="19000101",
        patient_sex="O",
        accession_number=ACCESSION_NUMBER,
        study_date=made_at.strftime("%Y%m%d"),
        study_time=made_at.strftime("%H%M%S"),
        study_description="Test",
        study_id="",
        referring_physician_name="",
        modalities=("CT",),
        created_at=made_at.timestamp(),
        last_received_at=made_at.timestamp(),
        due_at=None,
        state="complete",
        content_version=None,
        content_sequence=0,
    )
