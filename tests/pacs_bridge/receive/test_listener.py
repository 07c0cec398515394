"""The running listener against hostile and unordered senders, over real sockets."""

import random
import socket
import subprocess

import pytest
import structlog
from pydicom.dataelem import DataElement
from pynetdicom import build_context
from pynetdicom.sop_class import Verification
from sqlalchemy import select

from pacs_bridge import status
from pacs_bridge.errors import BridgeError, PeerError
from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Limits
from pacs_bridge.send import echo
from pacs_bridge.tables import quarantine
from tests.pacs_bridge.support import (
    ct_slice,
    encode,
    listening,
    poll,
    store_raw,
    storescu,
    tool,
    write_file,
)

UID = "1.2.3.1.1"


def quarantined(archive):
    with archive.engine.connect() as connection:
        return connection.execute(select(quarantine)).all()


def dicom_files(archive):
    return sorted(path.name for path in archive.root.glob("[0-9]*/**/*.dcm"))


def climbing_uid() -> bytes:
    ds = ct_slice()
    del ds.SOPInstanceUID
    # Sorted by tag when encoded; LO takes any text, the header is then relabelled UI.
    ds.add(DataElement(0x00080018, "LO", "../../evil"))
    return encode(ds).replace(b"\x08\x00\x18\x00LO", b"\x08\x00\x18\x00UI")


WHOLE = encode(ct_slice())


@pytest.mark.parametrize(
    ("dataset", "uid", "expected"),
    [
        pytest.param(climbing_uid(), "../../evil", status.BAD_UID, id="traversal UID"),
        pytest.param(WHOLE[:-256], UID, status.CANNOT_UNDERSTAND, id="cut pixel data"),
        pytest.param(WHOLE[:37], UID, status.CANNOT_UNDERSTAND, id="cut header"),
        pytest.param(b"<html>not DICOM</html>" * 9, UID, status.CANNOT_UNDERSTAND, id="not DICOM"),
        pytest.param(
            encode(ct_slice(PixelData=bytes(256))), UID, status.PIXEL_DATA, id="half the pixels"
        ),
        pytest.param(WHOLE, "1.2.3.9.9", status.MISMATCH, id="another instance named"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")  # our own sender's UID
def test_a_hostile_object_is_refused_and_kept_in_quarantine(
    listener, sqlite_archive, tmp_path, dataset, uid, expected
):
    assert store_raw(listener.port, dataset, uid) == expected
    assert len(quarantined(sqlite_archive)) == 1
    assert dicom_files(sqlite_archive) == []
    assert not list(tmp_path.rglob("evil*"))
    # The listener lives on.
    assert store_raw(listener.port, WHOLE, UID) == status.SUCCESS


def test_other_content_under_a_uid_leaves_the_first_and_keeps_the_second(listener, sqlite_archive):
    other = encode(ct_slice(SeriesDescription="OTHER"))
    assert store_raw(listener.port, WHOLE, UID) == status.SUCCESS
    with structlog.testing.capture_logs() as log:
        assert store_raw(listener.port, other, UID) == status.DUPLICATE
    (entry,) = [e for e in log if e["event"] == "archive.refused"]
    assert (entry["instance"], entry["status"]) == (UID, "C111")
    (record,) = sqlite_archive.instances("1.2.3")
    assert record.path.read_bytes().endswith(WHOLE)
    (row,) = quarantined(sqlite_archive)
    assert (sqlite_archive.root / row.path).read_bytes().endswith(other)


def test_a_wrong_called_ae_title_is_rejected(listener, sqlite_archive, tmp_path):
    path = write_file(ct_slice(), tmp_path)
    refused = storescu(listener.port, str(path), called="SOMEONE")
    assert refused.returncode != 0
    assert sqlite_archive.study("1.2.3") is None


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("GB18030", "Zhang^XiaoDong=张^小东"),
        ("ISO_IR 192", "Ouyang^Na=欧阳^娜"),
        ("ISO_IR 192", "<script>alert(1)</script>"),
    ],
)
def test_names_sent_by_dcmtk_reach_the_study_row(
    listener, sqlite_archive, tmp_path, character_set, name
):
    path = write_file(ct_slice(SpecificCharacterSet=character_set, PatientName=name), tmp_path)
    sent = storescu(listener.port, str(path))
    assert sent.returncode == 0, sent.stderr
    assert sqlite_archive.study("1.2.3").patient_name == name


def test_dcmtk_sends_shuffled_and_twice(listener, sqlite_archive, tmp_path):
    paths = [str(write_file(ct_slice(n), tmp_path)) for n in range(1, 31)]
    for seed in (1, 2):
        random.Random(seed).shuffle(paths)
        sent = storescu(listener.port, *paths)
        assert sent.returncode == 0, sent.stderr
    records = sqlite_archive.instances("1.2.3")
    assert [record.instance_number for record in records] == list(range(1, 31))
    assert len(dicom_files(sqlite_archive)) == 30
    assert quarantined(sqlite_archive) == []


def test_a_calling_ae_title_outside_the_list_is_rejected(sqlite_archive, tmp_path):
    path = str(write_file(ct_slice(), tmp_path))
    with listening(sqlite_archive, allowed_calling=("CT1", "CT2")) as listener:
        with structlog.testing.capture_logs() as log:
            assert storescu(listener.port, path, calling="EVIL").returncode != 0
        (entry,) = [e for e in log if e["event"] == "association.rejected"]
        assert (entry["calling"], entry["reason"]) == ("EVIL", "calling_ae_title")
        assert sqlite_archive.study("1.2.3") is None
        assert storescu(listener.port, path, calling="CT2").returncode == 0
    assert sqlite_archive.instances("1.2.3")[0].calling_ae_title == "CT2"


def test_more_associations_than_allowed_are_rejected_and_room_comes_back(sqlite_archive):
    with listening(sqlite_archive, limits=Limits(associations=2)) as listener:
        peer = Peer("me", "CLINICALAI", "127.0.0.1", listener.port)
        entity = application_entity("TEST")
        contexts = [build_context(Verification)]
        held = [
            entity.associate("127.0.0.1", listener.port, contexts=contexts, ae_title="CLINICALAI")
            for _ in range(2)
        ]
        assert all(association.is_established for association in held)
        with pytest.raises(PeerError, match="rejected"):
            echo(peer, "TEST")
        for association in held:
            association.release()
        poll(lambda: _echoes(peer))


def _echoes(peer: Peer) -> bool:
    try:
        return echo(peer, "TEST") >= 0
    except PeerError:
        return False


def test_dcmtk_verifies_us(listener):
    run = subprocess.run(
        [tool("echoscu"), "-aec", "CLINICALAI", "127.0.0.1", str(listener.port)],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0


def test_each_new_instance_is_told_once(sqlite_archive, tmp_path):
    told = []
    paths = [str(write_file(ct_slice(n), tmp_path)) for n in (1, 2)]
    with listening(sqlite_archive, on_stored=told.append) as listener:
        storescu(listener.port, *paths)
        storescu(listener.port, *paths)
    assert told == ["1.2.3", "1.2.3"]


def test_segmentations_structured_reports_and_private_classes_are_stored(
    listener, sqlite_archive, tmp_path
):
    document = ct_slice(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", Modality="SR")
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(document, keyword)
    segments = ct_slice(3, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG")
    for ds in (document, segments):
        # -R: propose only the classes of the files, which DCMTK's own list leaves out.
        sent = storescu(listener.port, "-R", str(write_file(ds, tmp_path)))
        assert sent.returncode == 0, sent.stderr
    private = ct_slice(4, SOPClassUID="1.3.12.2.1107.5.9.1")
    assert (
        store_raw(
            listener.port,
            encode(private),
            private.SOPInstanceUID,
            sop_class_uid=private.SOPClassUID,
        )
        == status.SUCCESS
    )
    assert len(sqlite_archive.instances("1.2.3")) == 3


def test_an_abort_in_the_middle_leaves_nothing_and_the_listener_lives(
    listener, sqlite_archive, tmp_path
):
    path = str(write_file(ct_slice(), tmp_path))
    storescu(listener.port, "--abort", path)
    with socket.create_connection(("127.0.0.1", listener.port)) as half:
        half.sendall(b"\x01\x00\x00\x00\xff\xffhalf an association request")
        assert storescu(listener.port, path).returncode == 0
    assert len(sqlite_archive.instances("1.2.3")) == 1
    assert not list(sqlite_archive.root.rglob("*.part"))


def test_a_port_in_use_is_named(listener, sqlite_archive):
    with (
        pytest.raises(BridgeError, match=str(listener.port)),
        listening(sqlite_archive, port=listener.port),
    ):
        pass
