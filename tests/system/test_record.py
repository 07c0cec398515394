"""A study whose patient has a record: the reading uses it, and the risk is kept with it."""

import sys
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import select

from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.findings import Reading, reading_from_json
from clinical_ai.identifiers import derive_uid
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.stored import newest_profile, profile_of_reading
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import reading as reading_table
from pacs_bridge.send import send
from risk_models import evaluate
from tests.support.processes import REPOSITORY, started, storescp, wait_for
from tests.support.site import Site, newest

pytestmark = pytest.mark.slow
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]


def coded(code: str, system: str) -> dict[str, object]:
    return {"coding": [{"code": code, "system": system}]}


def observation(number: int, code: str, value: float, unit: str) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "code": coded(code, "http://loinc.org"),
        "subject": {"reference": "Patient/zhang"},
        "effectiveDateTime": "2025-11-03T09:00:00+08:00",
        "valueQuantity": {"value": value, "unit": unit, "code": unit},
    }


PATIENT = {
    "resourceType": "Patient",
    "id": "zhang",
    "identifier": [{"value": "MRN-1", "system": "urn:hospital"}],
    "name": [{"family": "Zhang", "given": ["Wei"]}, {"text": "张伟"}],
    "gender": "male",
    "birthDate": "1966-01-01",
}
SMOKING = {
    "resourceType": "Observation",
    "id": "smoking",
    "status": "final",
    "code": coded("72166-2", "http://loinc.org"),
    "subject": {"reference": "Patient/zhang"},
    "effectiveDateTime": "2025-11-03",
    "valueCodeableConcept": coded("LA18976-3", "http://loinc.org"),
}
EMPHYSEMA = {
    "resourceType": "Condition",
    "id": "emphysema",
    "clinicalStatus": coded("active", "http://terminology.hl7.org/CodeSystem/condition-clinical"),
    "code": coded("87433001", "http://snomed.info/sct"),
    "subject": {"reference": "Patient/zhang"},
    "onsetDateTime": "2020-01-01",
}
RECORD = [
    PATIENT,
    SMOKING,
    EMPHYSEMA,
    observation(1, "8480-6", 138, "mm[Hg]"),
    observation(2, "8462-4", 82, "mm[Hg]"),
    observation(3, "14647-2", 5.2, "mmol/L"),
    observation(4, "14646-4", 1.2, "mmol/L"),
    observation(5, "39156-5", 26.1, "kg/m2"),
    observation(6, "4548-4", 7.4, "%"),
    observation(7, "2160-0", 0.9, "mg/dL"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("site")
    with storescp(folder / "pacs") as port:
        site = Site(folder, port, more={"CLINICAL_AI_RECORDS__DEFAULT_ISSUER": "urn:hospital"})
        with site.listener(), started(WORKER, folder / "worker.log", site.environment):
            yield site


def phantom(folder: Path, name: str, patient_id: str, patient: str, born: str) -> list[Path]:
    """Make a study of a patient; returns its files."""
    truth = make_chest_phantom(
        folder, slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=(), patient_name=patient
    )
    for file in truth.files:
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID = derive_uid("record-test", name)
        dataset.SeriesInstanceUID = derive_uid("record-test", name, "series")
        dataset.PatientID = patient_id
        dataset.PatientBirthDate = born
        dataset.PatientSex = "M"
        dataset.save_as(file)
    return list(truth.files)


def read(site: Site, files: list[Path], name: str) -> Reading:
    """Send a study and wait for its reading."""
    assert not send(files, site.listener_peer, calling_ae_title="CT1").failed
    uid = derive_uid("record-test", name)
    with site.engine() as engine:
        wait_for(lambda: (row := newest(engine, uid)) and row.state in ("ready", "failed"), name)
        row = newest(engine, uid)
        assert row is not None
        assert row.state == "ready", row.reason
        with engine.connect() as connection:
            body = connection.execute(
                select(reading_table.c.body).where(reading_table.c.id == row.reading_id)
            ).scalar_one()
    return reading_from_json(body)


def schemes(reading: Reading) -> set[str]:
    return {a.scheme for a in reading.assessments}


def test_a_reading_uses_the_record_of_its_patient_and_keeps_the_risk(site, tmp_path):
    with site.engine() as engine:
        migrate(engine)
        assert not RecordStore(engine).put(RECORD, origin="local").refused
    files = phantom(tmp_path / "ct", "known", "MRN-1", "Zhang^Wei=张^伟", "19660101")
    reading = read(site, files, "known")
    assert reading.record is not None
    assert reading.record.state == "matched", reading.record
    facts = {f.field: f for f in reading.record.facts}
    assert facts["smoking"].value == "current"
    assert facts["smoking"].on is not None
    assert facts["emphysema"].reference == "Condition/emphysema"
    assert facts["hba1c_percent"].value == 7.4

    lung_rads = reading.assessments[0]
    assert lung_rads.category == "4A"
    assert any("lacks: pack-years" in str(a) for a in lung_rads.assumptions)
    (fleischner,) = (
        a for a in reading.assessments if "Fleischner" in a.scheme and a.finding_id is None
    )
    assert any("Smoker, now" in str(a) for a in fleischner.assumptions)

    (brock,) = (a for a in reading.assessments if a.scheme.startswith("Brock"))
    known = {
        "age": brock.inputs["age"],
        "sex": "male",
        "emphysema": True,
        "nodule_size": 9.0,
        "nodule_type": "solid",
        "nodule_count": 1.0,
    }
    ends = [
        evaluate(
            "brock_pancan",
            {
                **known,
                **dict.fromkeys(("family_history_lung_cancer", "upper_lobe", "spiculation"), at),
            },
        )["lung_cancer"].percent
        for at in (False, True)
    ]
    assert brock.category == f"{ends[0]:.1f}–{ends[1]:.1f} %"
    assert any("lung cancer in the family" in str(a) for a in brock.assumptions)

    with site.engine() as engine, engine.connect() as connection:
        profile = profile_of_reading(connection, reading.id)
        assert profile == newest_profile(connection, "zhang", "local")
    assert profile is not None
    assert profile.evaluations["prevent_2023"].results
    assert profile.used["systolic_bp"].source.reference == "Observation/o1"
    assert profile.on.isoformat() == "2026-01-02"


@pytest.mark.parametrize(
    ("name", "patient_id", "patient", "born", "state"),
    [
        ("stranger", "MRN-9", "Li^Na=李^娜", "19710203", "not_found"),
        ("doubtful", "MRN-1", "Zhao^Min=赵^敏", "19810203", "uncertain"),
    ],
)
def test_a_patient_without_a_certain_record_is_read_as_before(
    site, tmp_path, name, patient_id, patient, born, state
):
    with site.engine() as engine:
        migrate(engine)
        RecordStore(engine).put(RECORD, origin="local")
    reading = read(site, phantom(tmp_path / "ct", name, patient_id, patient, born), name)
    assert reading.record is not None
    assert (reading.record.state, reading.record.facts) == (state, ())
    assert all("Brock" not in scheme for scheme in schemes(reading))
    assert any("another person" in str(c) for c in reading.cautions) is (state == "uncertain")
    with site.engine() as engine, engine.connect() as connection:
        assert profile_of_reading(connection, reading.id) is None
