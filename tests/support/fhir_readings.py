"""Readings as they come from real studies, and what FHIR resources are made of, for tests."""

from dataclasses import replace
from datetime import UTC, date, datetime

from clinical_ai import codes
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.findings import Measurement, Reading
from clinical_ai.messages import Message
from clinical_ai.readers.mammography import NO_MODEL
from clinical_ai.records.record import Source
from clinical_ai.reports.fhir import PatientLink, Resource, Told, risk_resources
from clinical_ai.reports.signing import Signer
from clinical_ai.risk.profile import RiskEnhancer, RiskProfile, UsedFact
from clinical_ai.texts import Texts
from pacs_bridge.records import SeriesRecord, StudyRecord
from risk_models import evaluate
from tests.support.ct_series import SERIES_UID, STUDY_UID, lung_reading

PATIENT_ID = "p-1"
LINKED = PatientLink(f"Patient/{PATIENT_ID}", "P1", "http://hospital.example/mrn", "示范医院")
SIGNER = Signer("wang", "王医生 <&>", "示范医院", 1795509000.5)
VERDICTS = {"1": ("accepted", ""), "2": ("rejected", "血管 <vessel>"), "3": ("accepted", "")}
STUDY = StudyRecord(
    study_instance_uid=STUDY_UID,
    patient_id="P1",
    issuer_of_patient_id="",
    patient_name="Zhang^San=张^三",
    patient_birth_date="19600101",
    patient_sex="F",
    accession_number="ACC1",
    study_date="20261123",
    study_time="101112.5",
    study_description="Chest \x07 & <b>thorax</b>",
    study_id="1",
    referring_physician_name="",
    modalities=("CT",),
    created_at=1.0,
    last_received_at=1.0,
    due_at=None,
    state="complete",
    content_version="v1",
    content_sequence=1,
)
SERIES = SeriesRecord(SERIES_UID, STUDY_UID, "CT", "CHEST", "Thin", 2, "", 6)


def told(
    *, language: str = "zh", patient: PatientLink = LINKED, study: StudyRecord = STUDY
) -> Told:
    """Return what all resources have in common."""
    return Told(study, (SERIES,), patient, Texts(language), "示范医院", "2.25.77")


def lung(*, findings: int = 3, smoking: str | None = None) -> Reading:
    """Return an assessed lung reading; its first finding is a solid nodule of 20 mm: urgent."""
    return assess(lung_reading(findings=findings), AssessmentContext(age_years=66, smoking=smoking))


def lung_with_record() -> Reading:
    """Return a reading that used a record: each finding has its probability too."""
    context = AssessmentContext(
        age_years=66,
        sex="F",
        smoking="former",
        pack_years=30.0,
        years_since_quitting=4.0,
        emphysema=True,
        lung_cancer_in_family=False,
        has_record=True,
    )
    return assess(lung_reading(findings=3), context)


def small_lung() -> Reading:
    """Return a reading of one solid nodule of 5 mm: routine."""
    reading = lung_reading(findings=1)
    small = replace(
        reading.findings[0],
        measurements=(Measurement(codes.MEAN_DIAMETER, 5.0, codes.MILLIMETER),),
    )
    return assess(replace(reading, findings=(small,)), AssessmentContext(age_years=66))


def no_finding() -> Reading:
    """Return a reading in which the model marked nothing."""
    return assess(lung_reading(findings=0), AssessmentContext(age_years=66))


def newer(reading: Reading) -> Reading:
    """Return the same reading of a newer version of the study."""
    return replace(reading, id="0b8c6e0e-70b5-5f6e-9a4c-000000000002", content_version="v2")


def mammography() -> Reading:
    """Return a mammography study that was not read."""
    return replace(
        lung_reading(findings=0, status="not_read"),
        reader="mammography",
        model=None,
        reason=Message(NO_MODEL),
    )


def profile(*, complete: bool = True) -> RiskProfile:
    """Return a profile of several equations; without cholesterol some of them refuse."""
    record = {
        "age": 62,
        "sex": "male",
        "race": "other",
        "systolic_bp": 148,
        "bp_treated": True,
        "hdl_cholesterol_mmol_l": 1.1,
        "current_smoker": False,
        "diabetes": True,
        "waist_cm": 92,
        "north_of_yangtze": True,
        "urban": True,
        "family_history_ascvd": False,
        "prevalent_cvd": False,
        "atrial_fibrillation": False,
        "congestive_heart_failure": False,
        "hypertension": True,
        "stroke_tia_thromboembolism": False,
        "vascular_disease": False,
        "creatinine_umol_l": 88,
    }
    if complete:
        record["total_cholesterol_mmol_l"] = 5.2
    names = ("pce_2013", "china_par_10y", "framingham_stroke_2017", "cha2ds2_vasc", "ckd_epi_2021")
    here, elsewhere = Source("his", "Observation/bp-1"), Source("local", "Observation/old")
    return RiskProfile(
        person=PATIENT_ID,
        on=date(2026, 11, 24),
        evaluations={name: evaluate(name, record) for name in names},
        used={
            "systolic_bp": UsedFact("systolic_bp", 148.0, "mm[Hg]", date(2026, 11, 1), here, 23),
            "diabetes": UsedFact("diabetes", True, "", None, elsewhere),
            "age": UsedFact("age", 62.0, "a", None, Source("his", f"Patient/{PATIENT_ID}")),
        },
        enhancers=(
            RiskEnhancer(
                "coronary_artery_calcium",
                Message("Coronary calcium is visible <on CT>."),
                "ACC/AHA 2019",
                here,
                signed=False,
            ),
        ),
        assumptions=(Message("Family history unknown: assumed none."),),
    )


def risks(*, complete: bool = True, language: str = "zh") -> tuple[Resource, ...]:
    """Return the resources of a profile, for the server "his"."""
    return risk_resources(
        profile(complete=complete),
        LINKED,
        Texts(language),
        origin="his",
        made_at=datetime(2026, 11, 24, 9, tzinfo=UTC),
    )
