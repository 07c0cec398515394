"""C-FIND, asked by DCMTK's findscu and by pynetdicom."""

import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from pacs_bridge.network import application_entity
from tests.pacs_bridge.support import ct_slice, listening, store, tool


def findscu(port, folder, *arguments):
    """Run DCMTK's findscu; the responses' identifiers, and what it printed."""
    folder.mkdir(exist_ok=True)
    process = subprocess.run(
        [
            *(tool("findscu"), "-v", "-X", "-od", str(folder), "-aec", "CLINICALAI"),
            *("127.0.0.1", str(port), *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [pydicom.dcmread(p, force=True) for p in sorted(folder.iterdir())], process


def test_findscu_finds_studies(listener, tmp_path):
    found, process = findscu(
        listener.port, tmp_path / "out",
        "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=zhang*", "-k", "PatientID",
        "-k", "StudyInstanceUID", "-k", "StudyDate=20260101-", "-k", "ModalitiesInStudy",
        "-k", "NumberOfStudyRelatedInstances", "-k", "NumberOfStudyRelatedSeries",
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    (study,) = found
    assert study.StudyInstanceUID == "1.2.1"
    assert study.PatientName == "Zhang^San=张^三"
    assert study.SpecificCharacterSet == "ISO_IR 192"
    assert study.NumberOfStudyRelatedInstances == 5
    assert study.NumberOfStudyRelatedSeries == 2
    assert study.ModalitiesInStudy == "CT"
    assert study.QueryRetrieveLevel == "STUDY"
    assert study.RetrieveAETitle == "CLINICALAI"
    assert study.InstanceAvailability == "ONLINE"
    assert "Success" in process.stdout + process.stderr


def test_findscu_goes_down_the_patient_root(listener, tmp_path):
    patients, _ = findscu(
        listener.port, tmp_path / "p", "-P", "-k", "QueryRetrieveLevel=PATIENT", "-k", "PatientID",
        "-k", "NumberOfPatientRelatedStudies",
    )  # fmt: skip
    assert [(p.PatientID, p.NumberOfPatientRelatedStudies) for p in patients] == [("P1", 2)]
    above = ["-k", "PatientID=P1", "-k", "StudyInstanceUID=1.2.1"]
    series, _ = findscu(
        listener.port, tmp_path / "s", "-P", "-k", "QueryRetrieveLevel=SERIES", *above,
        "-k", "Modality=CT", "-k", "SeriesInstanceUID", "-k", "NumberOfSeriesRelatedInstances",
    )  # fmt: skip
    assert {s.SeriesInstanceUID: s.NumberOfSeriesRelatedInstances for s in series} == {
        "1.2.1.1": 3,
        "1.2.1.2": 2,
    }
    images, _ = findscu(
        listener.port, tmp_path / "i", "-P", "-k", "QueryRetrieveLevel=IMAGE", *above,
        "-k", "SeriesInstanceUID=1.2.1.2", "-k", "SOPInstanceUID", "-k", "InstanceNumber=2",
        "-k", "Rows",
    )  # fmt: skip
    assert [(i.SOPInstanceUID, i.Rows) for i in images] == [("1.2.1.2.2", 16)]


def ask(port, model=StudyRootQueryRetrieveInformationModelFind, *, stop_after=None, **keys):
    """Ask with pynetdicom; all (status data set, identifier)."""
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    entity = application_entity("ASKER")
    entity.add_requested_context(model)
    association = entity.associate("127.0.0.1", port, ae_title="CLINICALAI")
    assert association.is_established
    answers = []
    for status, found in association.send_c_find(identifier, model, msg_id=5):
        answers.append((status, found))
        if len(answers) == stop_after:
            association.send_c_cancel(5, query_model=model)
    association.release()
    return answers


def test_no_match_is_success(listener):
    ((status, found),) = ask(listener.port, QueryRetrieveLevel="STUDY", PatientID="nobody")
    assert (status.Status, found) == (0x0000, None)


def test_a_key_that_we_do_not_support_is_told_and_left_out(listener):
    answers = ask(listener.port, QueryRetrieveLevel="STUDY", PatientID="P1", PatientWeight=None)
    assert [s.Status for s, _ in answers] == [0xFF01, 0xFF01, 0x0000]
    assert "PatientWeight" not in answers[0][1]
    assert answers[0][1].PatientID == "P1"
    assert answers[0][1].StudyInstanceUID == "1.2.1"


@pytest.mark.parametrize(
    ("model", "keys", "at_fault"),
    [
        (StudyRootQueryRetrieveInformationModelFind, {}, 0x00080052),
        (
            StudyRootQueryRetrieveInformationModelFind,
            {"QueryRetrieveLevel": "PATIENT"},
            0x00080052,
        ),
        (
            StudyRootQueryRetrieveInformationModelFind,
            {"QueryRetrieveLevel": "SERIES", "Modality": "CT"},
            0x0020000D,
        ),
        (
            PatientRootQueryRetrieveInformationModelFind,
            {"QueryRetrieveLevel": "STUDY", "StudyDate": "20260102"},
            0x00100020,
        ),
        (
            StudyRootQueryRetrieveInformationModelFind,
            {"QueryRetrieveLevel": "STUDY", "StudyDate": "20260102-20269"},
            0x00080020,
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_an_identifier_against_the_rules_is_refused_and_the_element_named(
    listener, model, keys, at_fault
):
    ((status, _),) = ask(listener.port, model, PatientName="", **keys)
    assert status.Status == 0xA900
    assert status.OffendingElement == at_fault
    assert "20269" not in status.ErrorComment


def test_a_query_is_cancelled(archive_with_studies, listener):
    for number in range(300):
        store(archive_with_studies, ct_slice(study=f"1.5.{number}", series=f"1.5.{number}.1"))
    answers = ask(listener.port, QueryRetrieveLevel="STUDY", PatientName="", stop_after=1)
    assert answers[-1][0].Status == 0xFE00
    assert 1 < len(answers) < 302


def test_a_cancel_that_comes_too_late_does_not_cancel_the_next_query(listener):
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.PatientID = "STUDY", "P1"
    entity = application_entity("ASKER")
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = entity.associate("127.0.0.1", listener.port, ae_title="CLINICALAI")
    model = StudyRootQueryRetrieveInformationModelFind
    for _ in range(2):
        answers = list(association.send_c_find(identifier, model, msg_id=5))
        assert [s.Status for s, _ in answers] == [0xFF00, 0xFF00, 0x0000]
        association.send_c_cancel(5, query_model=model)
    association.release()


def test_more_matches_than_a_page_come_once_each(archive_with_studies, listener):
    for number in range(520):
        store(archive_with_studies, ct_slice(number, study="1.6", series="1.6.1"))
    answers = ask(
        listener.port,
        QueryRetrieveLevel="IMAGE",
        StudyInstanceUID="1.6",
        SeriesInstanceUID="1.6.1",
        SOPInstanceUID="",
    )
    assert len({found.SOPInstanceUID for _, found in answers[:-1]}) == len(answers) - 1 == 520


def test_without_the_service_nobody_can_ask(archive_with_studies):
    with listening(archive_with_studies) as plain:
        entity = application_entity("ASKER")
        entity.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
        association = entity.associate("127.0.0.1", plain.port, ae_title="CLINICALAI")
        assert not association.is_established
