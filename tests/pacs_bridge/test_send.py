"""The SCU against our own listener and against DCMTK."""

import socket
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom.sop_class import Verification

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.errors import PeerError
from pacs_bridge.peer import Peer
from pacs_bridge.send import echo, send
from tests.pacs_bridge.support import ct_slice, dcmtk_storescp, free_port, write_file


@pytest.fixture
def me(listener):
    return Peer("me", "CLINICALAI", "127.0.0.1", listener.port)


def test_files_arrive_in_the_transfer_syntax_they_have(me, sqlite_archive, tmp_path):
    files = [
        write_file(ct_slice(1), tmp_path, ExplicitVRLittleEndian),
        write_file(ct_slice(2), tmp_path, ImplicitVRLittleEndian),
    ]
    progress = []
    report = send(
        files, me, calling_ae_title="TEST", on_progress=lambda *done: progress.append(done)
    )
    assert report.sent == tuple(files)
    assert progress == [(1, 2), (2, 2)]
    assert [i.transfer_syntax_uid for i in sqlite_archive.instances("1.2.3")] == [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
    ]


def test_compressed_files_are_never_converted(me, sqlite_archive):
    path = Path(get_testdata_file("JPEG2000.dcm"))
    report = send([path], me, calling_ae_title="TEST")
    assert report.failed == ()
    read = pydicom.dcmread(path)
    (record,) = sqlite_archive.instances(str(read.StudyInstanceUID))
    assert pydicom.dcmread(record.path).PixelData == read.PixelData


def test_more_than_128_contexts_take_several_associations(me, sqlite_archive, tmp_path):
    files = [
        write_file(ct_slice(n, SOPClassUID=f"1.2.826.0.1.3680043.9.{n}"), tmp_path)
        for n in range(1, 151)
    ]
    report = send(files, me, calling_ae_title="TEST")
    assert report.failed == ()
    assert len(sqlite_archive.instances("1.2.3")) == 150


def test_what_is_no_dicom_file_is_reported_and_the_rest_sent(me, tmp_path):
    bad = tmp_path / "x.txt"
    bad.write_text("hello")
    good = write_file(ct_slice(), tmp_path)
    report = send([bad, good], me, calling_ae_title="TEST")
    assert report.sent == (good,)
    assert report.failed[0][0] == bad
    assert "not DICOM" in report.failed[0][1]


def test_a_refusal_is_reported_with_its_status(me, tmp_path):
    first = write_file(ct_slice(), tmp_path)
    other = write_file(ct_slice(PatientID="P2"), tmp_path)
    report = send([first, other], me, calling_ae_title="TEST")
    assert report.sent == (first,)
    assert "0xC111" in report.failed[0][1]


def test_nobody_there(tmp_path):
    peer = Peer("pacs", "PACS", "127.0.0.1", free_port())
    path = write_file(ct_slice(), tmp_path)
    report = send([path], peer, calling_ae_title="TEST")
    assert "cannot be reached" in report.failed[0][1]
    with pytest.raises(PeerError, match="cannot be reached"):
        echo(peer, "TEST")


def test_a_wrong_ae_title_is_named_in_the_error(listener):
    peer = Peer("me", "WRONG", "127.0.0.1", listener.port)
    with pytest.raises(PeerError, match="AE titles"):
        echo(peer, "TEST")


def test_dcmtk_receives(tmp_path):
    with dcmtk_storescp(tmp_path / "scp") as peer:
        files = [write_file(ct_slice(n), tmp_path) for n in (1, 2)]
        assert send(files, peer, calling_ae_title="TEST").failed == ()
    assert len(list((tmp_path / "scp").iterdir())) == 2


def test_a_peer_that_does_not_know_the_class_or_aborts_is_reported(tmp_path):
    private = write_file(ct_slice(SOPClassUID=generate_uid()), tmp_path)
    plain = write_file(ct_slice(2), tmp_path)
    with dcmtk_storescp(tmp_path / "scp") as peer:
        report = send([private, plain], peer, calling_ae_title="TEST")
        assert report.sent == (plain,)
        assert "does not accept SOP class" in report.failed[0][1]
    with dcmtk_storescp(tmp_path / "scp", "--abort-during") as peer:
        report = send([plain], peer, calling_ae_title="TEST")
        assert len(report.failed) == 1
    with dcmtk_storescp(tmp_path / "scp") as peer:
        report = send([private], peer, calling_ae_title="TEST")
        assert len(report.failed) == 1


@pytest.mark.parametrize("fault", ["--abort-after", "--abort-during"])
def test_a_connection_that_is_lost_fails_what_is_left_at_once(tmp_path, fault):
    files = [write_file(ct_slice(n), tmp_path) for n in range(1, 21)]
    with dcmtk_storescp(tmp_path / "scp", fault) as peer:
        for _ in range(3):
            begin = time.monotonic()
            report = send(files, peer, calling_ae_title="TEST")
            assert time.monotonic() - begin < 10
            assert len(report.sent) <= 1
            assert len(report.sent) + len(report.failed) == 20
            assert report.failed[-1][1] == "the association was lost"


def test_nothing_waits_for_a_delayed_acknowledgement(listener):
    """With Nagle's algorithm on, an instance takes 50 ms more with many receivers."""
    peer = Peer("pacs", "CLINICALAI", "127.0.0.1", listener.port)
    association = RequestedAssociation(peer, "X", [(Verification, ImplicitVRLittleEndian)])
    try:
        association.echo()
        connection = association._association.dul.socket.socket
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        association.close()
