"""Orthanc's DICOMweb plugin as a client of ours, in both directions."""

import urllib.request

import pytest

from tests.pacs_bridge.dicomweb.web import clip, part10, put, serving
from tests.pacs_bridge.support import ct_slice, store
from tests.support.orthanc import orthanc

PLUGIN = "libOrthancDicomWeb.so"


@pytest.fixture
def pair(sqlite_archive, tmp_path):
    """Our server, and an Orthanc that knows it by the name ``ours``."""
    with serving(sqlite_archive) as web:
        server = {
            "Url": f"{web.url}/",
            "HttpHeaders": {"Authorization": "Bearer both"},
            "HasDelete": False,
        }
        more = {"DicomWeb": {"Enable": True, "Servers": {"ours": server}}}
        with orthanc(tmp_path / "orthanc", plugins=[PLUGIN], more=more) as peer:
            yield web, peer


@pytest.mark.slow
def test_orthanc_searches_and_retrieves(pair):
    web, peer = pair
    originals = [ct_slice(n) for n in (1, 2)]
    for one in originals:
        store(web.archive, one)
    put(web.archive, part10(clip(3), "1.2.840.10008.1.2.4.80"))
    found = peer.send(
        "POST",
        "/dicom-web/servers/ours/qido",
        {"Uri": "/studies", "Arguments": {"PatientID": "P1"}},
    )
    assert [one["0020000D"]["Value"] for one in found] == ["1.2.3"]
    peer.send(
        "POST",
        "/dicom-web/servers/ours/retrieve",
        {"Resources": [{"Study": "1.2.3"}], "Synchronous": True},
    )
    arrived = peer.instances()
    assert sorted(arrived) == ["1.2.3.1.1", "1.2.3.1.2", "1.2.3.1.3"]
    assert {tags["PatientName"] for tags in arrived.values()} == {"Test^Case"}


@pytest.mark.slow
def test_orthanc_stores(pair):
    web, peer = pair
    for n in (1, 2, 3):
        file = part10(ct_slice(n))
        request = urllib.request.Request(
            f"http://127.0.0.1:{peer.http_port}/instances", file, method="POST"
        )
        urllib.request.urlopen(request).close()
    (identifier,) = peer.get("/studies")
    peer.send(
        "POST",
        "/dicom-web/servers/ours/stow",
        {"Resources": [identifier], "Synchronous": True},
    )
    assert [r.sop_instance_uid for r in web.archive.instances("1.2.3")] == [
        "1.2.3.1.1",
        "1.2.3.1.2",
        "1.2.3.1.3",
    ]
