"""A study and a record of one patient, for tests of the case board."""

from collections.abc import Iterator
from datetime import date

from clinical_ai.services import Services
from tests.pacs_bridge.support import ct_slice, store
from tests.support.fhir_people import blood_pressure, condition, patient

PASSWORD = "correct horse battery"
STUDY = "1.2.3.40"
NAME = "Zhang^Sanfeng=张^三丰"
BORN = "19560312"
PATIENT_ID = "P20260040"
ACCESSION = "ACC-778899"


def archive_study(
    services: Services,
    *,
    study: str = STUDY,
    patient_id: str = PATIENT_ID,
    name: str = NAME,
    slices: int = 2,
) -> None:
    """Put a small CT into the archive."""
    for number in range(1, slices + 1):
        ds = ct_slice(
            number,
            study=study,
            series=f"{study}.1",
            PatientID=patient_id,
            PatientName=name,
            PatientBirthDate=BORN,
            PatientSex="M",
            AccessionNumber=ACCESSION,
            StudyDate="20260510",
            SpecificCharacterSet="ISO_IR 192",
        )
        assert store(services.archive, ds).status == 0


def one_patient(last: date) -> Iterator[dict]:
    """The record of the patient of the study, with all that identifies a person."""
    yield patient(
        "zhang-san",
        family="张",
        born="1956-03-12",
        gender="male",
        name=[{"family": "张", "given": ["三丰"], "text": "张三丰"}],
        identifier=[
            {"type": {"coding": [{"code": "MR"}]}, "value": PATIENT_ID},
            {"system": "urn:oid:1.2.156.112604", "value": "110101195603123456"},
        ],
        telecom=[{"system": "phone", "value": "13800138000"}],
        address=[{"line": ["学院路37号"], "district": "海淀区"}],
    )
    yield condition("zhang-san", 1, "I10", "2020-01-01")
    yield blood_pressure("zhang-san", 1, 166, 98, last.isoformat())
