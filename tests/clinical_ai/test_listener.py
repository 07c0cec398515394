"""What the listener offers, by its settings."""

import threading

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import StorageCommitmentPushModel
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind

from clinical_ai.dicom_settings import DicomSettings
from clinical_ai.listener import running_listener
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from pacs_bridge.commitment.datasets import PUSH_MODEL_INSTANCE, request_dataset
from pacs_bridge.network import application_entity
from tests.support.processes import free_port


def associate(port: int, calling: str):
    entity = application_entity(calling)
    entity.add_requested_context(StudyRootFind)
    return entity.associate("127.0.0.1", port, ae_title="CLINICALAI")


@pytest.mark.parametrize(("storage_commitment", "status"), [(True, 0x0000), (False, 0x0211)])
def test_whether_we_commit(tmp_path, storage_commitment, status):
    dicom = DicomSettings(port=free_port(), storage_commitment=storage_commitment, watermark_mb=0)
    services = open_services(Settings(data_dir=tmp_path / "data", dicom=dicom))
    reported = threading.Event()

    def take(event):
        reported.set()
        return 0x0000, None

    with running_listener(services):
        entity = application_entity("MODALITY")
        entity.add_requested_context(StorageCommitmentPushModel)
        association = entity.associate(
            "127.0.0.1",
            dicom.port,
            ae_title="CLINICALAI",
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, take)],
        )
        answer, _ = association.send_n_action(
            request_dataset("1.2.9", [("1.2.3", "1.2.4")]),
            1,
            StorageCommitmentPushModel,
            PUSH_MODEL_INSTANCE,
        )
        assert answer.Status == status
        if storage_commitment:
            assert reported.wait(20)
        association.release()
    services.close()


@pytest.mark.parametrize("query_retrieve", [True, False])
def test_who_may_query(tmp_path, query_retrieve):
    dicom = DicomSettings(
        port=free_port(),
        allowed_calling=("VIEWER",),
        query_retrieve=query_retrieve,
        watermark_mb=0,
    )
    services = open_services(Settings(data_dir=tmp_path / "data", dicom=dicom))
    with running_listener(services):
        assert not associate(dicom.port, "STRANGER").is_established
        association = associate(dicom.port, "VIEWER")
        assert association.is_established == query_retrieve
        if query_retrieve:
            keys = Dataset()
            keys.QueryRetrieveLevel, keys.PatientID = "STUDY", ""
            assert [s.Status for s, _ in association.send_c_find(keys, StudyRootFind)] == [0]
            association.release()
    services.close()
