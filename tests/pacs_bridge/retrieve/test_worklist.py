"""Modality worklist as SCU: a scripted RIS, and Orthanc's worklist plug-in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from pacs_bridge.errors import PeerError, QueryError
from pacs_bridge.peer import Peer
from pacs_bridge.retrieve.dimse_source import DimseSource
from pacs_bridge.retrieve.worklist import (
    WorklistQuery,
    find_scheduled,
    scheduled_steps,
    worklist_keys,
)
from tests.pacs_bridge.retrieve.scripted import ScriptedPeer, scripted
from tests.support.orthanc import orthanc

CHINESE = "WANG^XIAOMING=王^小明"


def scheduled(number: int = 1, **more) -> Dataset:
    step = Dataset()
    step.Modality = "CT"
    step.ScheduledStationAETitle = "CT1"
    step.ScheduledProcedureStepStartDate = "20260102"
    step.ScheduledProcedureStepStartTime = f"{10 - number:02}0000"
    step.ScheduledProcedureStepDescription = "胸部平扫"
    step.ScheduledProcedureStepID = f"S{number}"
    order = Dataset()
    order.SpecificCharacterSet = "GB18030"
    order.AccessionNumber = f"A{number}"
    order.PatientName, order.PatientID = CHINESE, f"P{number}"
    order.PatientBirthDate, order.PatientSex = "19600102", "F"
    order.StudyInstanceUID = f"1.2.{number}"
    order.RequestedProcedureID = f"R{number}"
    order.RequestedProcedureDescription = "CT chest"
    order.ScheduledProcedureStepSequence = [step]
    for keyword, value in more.items():
        setattr(order, keyword, value)
    return order


def test_scheduled_steps_come_in_order_of_time():
    def find(_event):
        yield 0xFF00, scheduled(1)
        yield 0xFF00, scheduled(2)

    with scripted(ScriptedPeer(find=find)) as ris:
        query = WorklistQuery("20260102", "20260102", "CT", "CT1")
        steps = find_scheduled(DimseSource(ris.peer(), "CLINICALAI"), query)
    assert [s.step_id for s in steps] == ["S2", "S1"]
    first = steps[0]
    assert (first.patient_name, first.step_description) == (CHINESE, "胸部平扫")
    assert (first.accession_number, first.study_uid) == ("A2", "1.2.2")
    (asked,) = ris.asked
    step = asked.ScheduledProcedureStepSequence[0]
    assert (step.ScheduledProcedureStepStartDate, step.Modality) == ("20260102", "CT")
    assert step.ScheduledStationAETitle == "CT1"


def test_a_ris_without_a_worklist_is_named():
    with (
        scripted(ScriptedPeer(models=())) as ris,
        pytest.raises(PeerError, match="none of the proposed"),
    ):
        find_scheduled(DimseSource(ris.peer(), "CLINICALAI"), WorklistQuery())


def test_an_answer_without_a_step_or_with_a_hostile_uid():
    bare = Dataset()
    bare.PatientID = "P1"
    assert scheduled_steps(bare) == []
    hostile = scheduled(1)
    del hostile.StudyInstanceUID
    hostile.add_new(0x0020000D, "LO", "../x")

    def find(_event):
        yield 0xFF00, bare
        yield 0xFF00, hostile

    with scripted(ScriptedPeer(find=find)) as ris:
        (step,) = find_scheduled(DimseSource(ris.peer(), "CLINICALAI"), WorklistQuery())
    assert (step.study_uid, step.patient_id) == ("", "P1")


@pytest.mark.parametrize(
    "values", [{"date_from": "today"}, {"modality": "C\\T"}, {"patient_id": "a\nb"}]
)
def test_a_question_that_cannot_be_asked(values):
    with pytest.raises(QueryError):
        WorklistQuery(**values)


@pytest.mark.parametrize(
    ("first", "last", "dates"),
    [("", "", ""), ("20260102", "20260102", "20260102"), ("20260102", "", "20260102-")],
)
def test_dates(first, last, dates):
    keys = worklist_keys(WorklistQuery(first, last), "ISO_IR 192")
    step = keys.ScheduledProcedureStepSequence[0]
    assert step.ScheduledProcedureStepStartDate == dates


@given(st.text(max_size=64))
def test_any_patient_id_is_asked_as_it_is_or_refused(patient_id):
    try:
        query = WorklistQuery(patient_id=patient_id)
    except QueryError:
        return
    keys = worklist_keys(query, "ISO_IR 192")
    assert keys.PatientID == patient_id
    assert ("SpecificCharacterSet" in keys) == (not patient_id.isascii())


def test_with_orthanc(tmp_path):
    folder = tmp_path / "worklists"
    folder.mkdir()
    for number in (1, 2):
        order = scheduled(number)
        order.file_meta = FileMetaDataset()
        order.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        order.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
        order.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.{number}"
        order.save_as(folder / f"{number}.wl", enforce_file_format=True)
    more = {
        "Worklists": {"Enable": True, "Database": str(folder)},
        "DicomModalities": {"us": ["CLINICALAI", "127.0.0.1", 1]},
        "DefaultEncoding": "Utf8",
    }
    with orthanc(tmp_path / "orthanc", plugins=["libModalityWorklists.so"], more=more) as server:
        peer = Peer("ris", "ORTHANC", "127.0.0.1", server.dicom_port)
        ris = DimseSource(peer, "CLINICALAI")
        steps = find_scheduled(ris, WorklistQuery("20260102", "20260102", "CT"))
        assert [s.step_id for s in steps] == ["S2", "S1"]
        assert steps[0].patient_name == CHINESE
        assert find_scheduled(ris, WorklistQuery("20260103", "20260103")) == []
