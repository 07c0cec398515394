"""Orthanc asks us, and is the destination of what it asks for."""

import pytest

from pacs_bridge.peer import Peer
from tests.pacs_bridge.support import poll
from tests.support.orthanc import orthanc


@pytest.fixture
def server(listener, peers, tmp_path):
    """Orthanc that knows us, and that we may send to."""
    ours = ["CLINICALAI", "127.0.0.1", listener.port]
    # Orthanc drops from answers what its default encoding, Latin 1, does not have.
    more = {"DicomModalities": {"ours": ours}, "DefaultEncoding": "Utf8"}
    with orthanc(tmp_path / "orthanc", more=more) as server:
        peers.append(Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port))
        yield server


def test_orthanc_finds_and_retrieves(server):
    assert server.send("POST", "/modalities/ours/echo", {}) == {}
    asked = server.send(
        "POST",
        "/modalities/ours/query",
        {"Level": "Study", "Query": {"PatientName": "张*", "StudyDate": "20260101-20261231"}},
    )
    answers = server.get(f"{asked['Path']}/answers?expand&simplify")
    assert [a["StudyInstanceUID"] for a in answers] == ["1.2.1"]
    assert answers[0]["PatientName"] == "Zhang^San=张^三"
    retrieved = server.send(
        "POST", f"{asked['Path']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True}
    )
    assert retrieved["Query"]
    poll(lambda: len(server.get("/instances")) == 5)
    assert {t["SeriesInstanceUID"] for t in server.instances().values()} == {"1.2.1.1", "1.2.1.2"}


def test_orthanc_asks_by_patient_and_by_instance(server):
    patients = server.send("POST", "/modalities/ours/query", {"Level": "Patient", "Query": {}})
    (patient,) = server.get(f"{patients['Path']}/answers?expand&simplify")
    assert patient["PatientID"] == "P1"
    where = {"StudyInstanceUID": "1.2.1", "SeriesInstanceUID": "1.2.1.1"}
    images = server.send("POST", "/modalities/ours/query", {"Level": "Instance", "Query": where})
    found = server.get(f"{images['Path']}/answers?expand&simplify")
    assert {i["SOPInstanceUID"] for i in found} == {"1.2.1.1.1", "1.2.1.1.2", "1.2.1.1.3"}
