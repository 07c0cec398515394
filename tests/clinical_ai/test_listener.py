"""What the listener offers, by its settings."""

import pytest
from pydicom.dataset import Dataset
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRootFind

from clinical_ai.listener import running_listener
from clinical_ai.services import open_services
from clinical_ai.settings import DicomSettings, Settings
from pacs_bridge.network import application_entity
from tests.support.processes import free_port


def associate(port: int, calling: str):
    entity = application_entity(calling)
    entity.add_requested_context(StudyRootFind)
    return entity.associate("127.0.0.1", port, ae_title="CLINICALAI")


@pytest.mark.parametrize("query_retrieve", [True, False])
def test_who_may_query(tmp_path, query_retrieve):
    dicom = DicomSettings(
        port=free_port(),
        allowed_calling=("VIEWER",),
        query_retrieve=query_retrieve,
        watermark_mb=0,
    )
    services = open_services(Settings(data_dir=tmp_path / "data", dicom=dicom))
    with running_listener(services) as listener:
        assert not associate(listener.port, "STRANGER").is_established
        association = associate(listener.port, "VIEWER")
        assert association.is_established == query_retrieve
        if query_retrieve:
            keys = Dataset()
            keys.QueryRetrieveLevel, keys.PatientID = "STUDY", ""
            assert [s.Status for s, _ in association.send_c_find(keys, StudyRootFind)] == [0]
            association.release()
    services.close()
