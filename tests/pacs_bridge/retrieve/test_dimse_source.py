"""C-FIND, C-MOVE and C-GET as SCU: against a scripted SCP, DCMTK's dcmqrscp and Orthanc."""

import hashlib
import subprocess
import threading
import time
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLosslessSV1
from pynetdicom import build_context
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
)

from pacs_bridge.archive import Archive
from pacs_bridge.errors import PeerError, QueryError
from pacs_bridge.peer import Peer
from pacs_bridge.retrieve.dimse_source import DimseSource
from pacs_bridge.retrieve.keep import keep_in
from pacs_bridge.retrieve.matches import StudyQuery
from pacs_bridge.send import send
from pacs_bridge.tls import TlsFiles, listener_context
from tests.pacs_bridge.retrieve.scripted import (
    ScriptedPeer,
    drop_connection,
    scripted,
    study_answer,
    undeclared,
    with_meta,
)
from tests.pacs_bridge.support import ct_slice, encode, listening, tool, write_file
from tests.support.certificates import make_authority
from tests.support.dcmqrscp import dcmqrscp
from tests.support.orthanc import orthanc

CHINESE = "WANG^XIAOMING=王^小明"


def source(peer: Peer, archive: Archive | None = None, **more) -> DimseSource:
    keep = None if archive is None else keep_in(archive)
    return DimseSource(peer, "CLINICALAI", keep, **more)


def find_with(*answers: object, query: StudyQuery | None = None, **more):
    """What `find_studies` makes of scripted answers, and the peer that gave them."""

    def find(_event):
        yield from answers

    with scripted(ScriptedPeer(find=find)) as peer:
        found = source(peer.peer(**more)).find_studies(query or StudyQuery(patient_id="P1"))
    return found, peer


def test_a_study_found_is_what_the_peer_says():
    (study,), peer = find_with((0xFF00, study_answer(StudyDescription="CHEST")))
    assert (study.study_uid, study.patient_id, study.study_date) == ("1.2.3", "P1", "20250102")
    assert study.modalities == ("CT", "SR")
    assert study.instance_count == 3
    assert study.series_count is None
    assert study.study_description == "CHEST"
    assert study.peer == "scripted"
    (asked,) = peer.asked
    assert (asked.QueryRetrieveLevel, asked.PatientID) == ("STUDY", "P1")
    assert "SpecificCharacterSet" not in asked


@pytest.mark.parametrize("character_set", ["GB18030", "GBK", "ISO_IR 192"])
def test_chinese_names_are_right_in_answers(character_set):
    answer = study_answer(PatientName=CHINESE, SpecificCharacterSet=character_set)
    (study,), _ = find_with((0xFF00, answer))
    assert study.patient_name == CHINESE


def test_an_answer_that_declares_no_character_set_is_read_in_the_one_of_the_peer():
    answer = undeclared(study_answer(), "PatientName", "王^小明".encode("gb18030"))
    (study,), _ = find_with((0xFF00, answer), character_set="GB18030")
    assert study.patient_name == "王^小明"


def test_code_extensions_are_read():
    answer = study_answer(SpecificCharacterSet=["", "ISO 2022 IR 58"])
    raw = b"WANG^XIAOMING=\x1b$)A\xcd\xf5^\x1b$)A\xd0\xa1\xc3\xf7"
    (study,), _ = find_with((0xFF00, undeclared(answer, "PatientName", raw)))
    assert study.patient_name == CHINESE


@pytest.mark.parametrize("character_set", ["GB18030", "GBK", "ISO_IR 192"])
def test_chinese_names_are_right_in_questions(character_set):
    query = StudyQuery(patient_name="王*")
    _, peer = find_with((0xFF00, study_answer()), query=query, character_set=character_set)
    (asked,) = peer.asked
    assert asked.SpecificCharacterSet == character_set
    assert str(asked.PatientName) == "王*"


def test_answers_without_a_proper_uid_are_left_out():
    answers = [(0xFF00, study_answer(uid)) for uid in ("1.2", "", "1.2.4")]
    hostile = study_answer()
    del hostile.StudyInstanceUID
    hostile.add_new(0x0020000D, "LO", "../../etc")
    found, _ = find_with(*answers, (0xFF00, hostile))
    assert [s.study_uid for s in found] == ["1.2", "1.2.4"]


def test_more_matches_than_wanted_are_cancelled():
    seen_cancel = threading.Event()

    def find(event):
        for number in range(100_000):
            time.sleep(0.001)  # a peer that looks something up
            if event.is_cancelled:
                seen_cancel.set()
                yield 0xFE00, None
                return
            yield 0xFF00, study_answer(f"1.2.{number}")

    with scripted(ScriptedPeer(find=find)) as peer:
        found = source(peer.peer()).find_studies(StudyQuery(patient_id="P1"), limit=5)
    assert len(found) == 5
    assert seen_cancel.is_set()


@pytest.mark.parametrize(
    ("status", "words"),
    [(0xA700, "out of resources"), (0xA900, "identifier"), (0xC001, "unable"), (0x0124, "allow")],
)
def test_a_failure_is_named(status, words):
    with pytest.raises(PeerError, match=f"scripted: .*0x{status:04X}.*{words}"):
        find_with((status, None))


def test_a_connection_lost_between_answers_fails_at_once():
    def find(event):
        yield 0xFF00, study_answer()
        drop_connection(event)
        yield 0xFF00, study_answer("1.2.4")

    with scripted(ScriptedPeer(find=find)) as peer:
        begin = time.monotonic()
        with pytest.raises(PeerError, match="scripted"):
            source(peer.peer()).find_studies(StudyQuery(patient_id="P1"))
    assert time.monotonic() - begin < 10


def test_a_peer_that_does_not_answer_is_left_after_the_time_allowed():
    release = threading.Event()

    def find(_event):
        release.wait(20)
        yield 0x0000, None

    with scripted(ScriptedPeer(find=find)) as peer:
        begin = time.monotonic()
        with pytest.raises(PeerError, match="in time"):
            source(peer.peer(), find_seconds=0.5).find_studies(StudyQuery(patient_id="P1"))
        assert time.monotonic() - begin < 10
        release.set()


def test_a_peer_that_is_not_there_is_named():
    with pytest.raises(PeerError, match=r"gone.*cannot be reached"):
        source(Peer("gone", "GONE", "127.0.0.1", 1)).find_studies(StudyQuery())


def test_a_peer_without_the_service_is_named():
    with (
        scripted(ScriptedPeer(models=())) as peer,
        pytest.raises(PeerError, match="none of the proposed"),
    ):
        source(peer.peer()).find_studies(StudyQuery())


def test_the_patient_root_needs_a_patient():
    def find(_event):
        yield 0xFF00, study_answer()

    models = (PatientRootQueryRetrieveInformationModelFind,)
    with scripted(ScriptedPeer(find=find, models=models)) as peer:
        archive = source(peer.peer())
        with pytest.raises(PeerError, match="patient root only"):
            archive.find_studies(StudyQuery(accession_number="A1"))
        assert len(archive.find_studies(StudyQuery(patient_id="P1"))) == 1
        archive.find_series("1.2.3")
    assert [a.get("PatientID") for a in peer.asked] == ["P1", "P1"]


@pytest.mark.parametrize(
    "values",
    [
        {"patient_id": "a\\b"},
        {"patient_name": "x\ny"},
        {"date_from": "2025"},
        {"study_uid": "../x"},
        {"modality": "C" * 400},
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(values):
    with pytest.raises(QueryError):
        StudyQuery(**values)


def test_a_study_uid_that_is_none_is_never_sent():
    with pytest.raises(QueryError, match="no UID"):
        source(Peer("gone", "GONE", "127.0.0.1", 1)).find_series("../..")


def test_tls_with_certificates_both_ways(tmp_path):
    trusted, node = make_authority(tmp_path / "authority")
    files = TlsFiles(node.certificate, node.key, trusted)

    def find(_event):
        yield 0xFF00, study_answer()

    with scripted(ScriptedPeer(find=find, tls=listener_context(files))) as peer:
        assert source(peer.peer(tls=files)).find_studies(StudyQuery(patient_id="P1"))


def test_a_tls_peer_that_our_authorities_do_not_vouch_for_is_refused(tmp_path, sqlite_archive):
    theirs, node = make_authority(tmp_path / "theirs")
    ours, _ = make_authority(tmp_path / "ours")
    context = listener_context(TlsFiles(node.certificate, node.key))
    with listening(sqlite_archive, tls=context) as listener:
        for trusted, reason in ((theirs, "none of the proposed"), (ours, "cannot be reached")):
            tls = TlsFiles(trusted=trusted)
            peer = Peer("self", "CLINICALAI", "127.0.0.1", listener.port, tls=tls)
            with pytest.raises(PeerError, match=reason):
                source(peer).find_studies(StudyQuery(patient_id="P1"))


def test_sub_operations_of_a_move_are_the_progress(sqlite_archive):
    with listening(sqlite_archive) as listener:

        def move(_event):
            contexts = [build_context(ct_slice().SOPClassUID, ExplicitVRLittleEndian)]
            yield "127.0.0.1", listener.port, {"contexts": contexts, "ae_title": "CLINICALAI"}
            yield 2
            for number in (1, 2):
                yield 0xFF00, with_meta(ct_slice(number))

        seen = []
        with scripted(ScriptedPeer(move=move)) as peer:
            fetched = source(peer.peer()).fetch_study("1.2.3", on_progress=seen.append)
    assert (fetched.done, fetched.failed) == (2, 0)
    assert [(p.done, p.total) for p in seen] == [(1, 2), (2, 2), (2, 2)]
    assert len(sqlite_archive.instances("1.2.3")) == 2


def test_a_move_to_an_unknown_destination_says_what_to_do():
    def move(_event):
        yield None, None

    with (
        scripted(ScriptedPeer(move=move)) as peer,
        pytest.raises(PeerError, match=r"0xA801.*add our AE title"),
    ):
        source(peer.peer()).fetch_study("1.2.3")


def get_of(*datasets: Dataset):
    def get(_event):
        yield len(datasets)
        for dataset in datasets:
            yield 0xFF00, with_meta(dataset)

    return get


def test_a_get_brings_instances_into_the_archive(sqlite_archive):
    def find(event):
        answer = Dataset()
        answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
        answer.SeriesInstanceUID, answer.SOPInstanceUID = "1.2.3.1", "1.2.3.1.1"
        answer.SOPClassUID = ct_slice().SOPClassUID
        yield 0xFF00, answer

    seen = []
    script = ScriptedPeer(find=find, get=get_of(ct_slice(1), ct_slice(2)))
    with scripted(script) as peer:
        archive = source(peer.peer(retrieve="get"), sqlite_archive)
        fetched = archive.fetch_study("1.2.3", on_progress=seen.append)
    assert (fetched.done, fetched.failed, fetched.reasons) == (2, 0, ())
    assert fetched.received_bytes > 0
    assert [i.sop_instance_uid for i in sqlite_archive.instances("1.2.3")] == [
        "1.2.3.1.1",
        "1.2.3.1.2",
    ]
    assert {i.calling_ae_title for i in sqlite_archive.instances("1.2.3")} == {"SCRIPTED"}
    assert seen[-1].done == 2


def test_hostile_instances_of_a_get_are_refused_and_counted(sqlite_archive):
    cut = ct_slice(3)
    cut.Rows = 4096
    script = ScriptedPeer(get=get_of(ct_slice(1), cut))
    script.find = lambda _event: iter([])
    with scripted(script) as peer:
        archive = source(peer.peer(retrieve="get"), sqlite_archive)
        fetched = archive.fetch_study("1.2.3")
    assert (fetched.done, fetched.failed) == (1, 1)
    assert any("pixel data" in reason for reason in fetched.reasons)


def test_a_peer_that_refuses_the_role_is_named(sqlite_archive):
    script = ScriptedPeer(get=get_of(ct_slice(1)), storage_roles=False)
    script.find = lambda _event: iter([])
    with scripted(script) as peer, pytest.raises(PeerError, match=r"SCP role.*C-MOVE"):
        source(peer.peer(retrieve="get"), sqlite_archive).fetch_study("1.2.3")


def test_a_get_can_be_cancelled(sqlite_archive):
    cancel = threading.Event()
    stopped = threading.Event()

    def get(event):
        yield 10_000
        for number in range(10_000):
            if event.is_cancelled:
                stopped.set()
                yield 0xFE00, Dataset()
                return
            yield 0xFF00, with_meta(ct_slice(number + 1))

    script = ScriptedPeer(get=get)
    script.find = lambda _event: iter([])
    with scripted(script) as peer:
        archive = source(peer.peer(retrieve="get"), sqlite_archive)
        fetched = archive.fetch_study(
            "1.2.3", on_progress=lambda p: cancel.set() if p.done == 3 else None, cancel=cancel
        )
    assert stopped.is_set()
    assert 3 <= fetched.done < 10_000


def test_a_connection_lost_in_a_get_fails_at_once(sqlite_archive):
    def get(event):
        yield 3
        yield 0xFF00, with_meta(ct_slice(1))
        drop_connection(event)
        yield 0xFF00, with_meta(ct_slice(2))

    script = ScriptedPeer(get=get)
    script.find = lambda _event: iter([])
    begin = time.monotonic()
    with scripted(script) as peer, pytest.raises(PeerError):
        source(peer.peer(retrieve="get"), sqlite_archive).fetch_study("1.2.3")
    assert time.monotonic() - begin < 10
    assert len(sqlite_archive.instances("1.2.3")) == 1


# Real peers.


def chinese_study(folder: Path, number: int = 3) -> list[Path]:
    """Files of two series of a patient with a Chinese name, one of them compressed."""
    files = []
    for n in range(1, number + 1):
        slice_ = ct_slice(n, SpecificCharacterSet="GB18030", PatientName=CHINESE)
        files.append(write_file(slice_, folder))
    implicit = ct_slice(1, series="1.2.3.2", SeriesNumber=4, PatientName="Test^Case")
    files.append(write_file(implicit, folder, ImplicitVRLittleEndian))
    plain = write_file(ct_slice(1, series="1.2.3.5", SeriesNumber=5), folder)
    compressed = folder / "compressed.dcm"
    subprocess.run([tool("dcmcjpeg"), str(plain), str(compressed)], check=True)
    plain.unlink()
    return [*files, compressed]


def digests(archive: Archive) -> dict[str, tuple[str, str]]:
    """Transfer syntax and digest of what the archive has, by SOP Instance UID."""
    return {
        i.sop_instance_uid: (i.transfer_syntax_uid, i.sha256) for i in archive.instances("1.2.3")
    }


@pytest.fixture
def sent(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    return chinese_study(folder)


@pytest.mark.parametrize("method", ["get", "move"])
def test_from_dcmqrscp(tmp_path, sqlite_archive, sent, method):
    with (
        listening(sqlite_archive) as listener,
        dcmqrscp(tmp_path / "qr", {"CLINICALAI": listener.port}) as peer,
    ):
        peer = Peer("qrscp", peer.ae_title, peer.host, peer.port, retrieve=method)
        # It takes nothing that is compressed.
        assert not send(sent[:-1], peer, calling_ae_title="TEST").failed
        archive = source(peer, sqlite_archive)
        (study,) = archive.find_studies(StudyQuery(patient_id="P1"))
        assert study.study_uid == "1.2.3"
        assert {s.series_uid for s in archive.find_series("1.2.3")} == {
            "1.2.3.1",
            "1.2.3.2",
        }
        assert len(archive.find_instances("1.2.3", "1.2.3.1")) == 3
        assert archive.find_studies(StudyQuery(patient_id="NOBODY")) == []
        one = archive.fetch_series("1.2.3", "1.2.3.1")
        assert (one.done, one.failed) == (3, 0)
        fetched = archive.fetch_study("1.2.3")
    assert (fetched.done, fetched.failed) == (4, 0)
    assert len(digests(sqlite_archive)) == 4


def test_an_orthanc_that_does_not_know_us_says_so(tmp_path):
    with orthanc(tmp_path / "orthanc") as server:
        peer = Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port)
        with pytest.raises(PeerError, match="aborted the association; it may not allow"):
            source(peer).find_studies(StudyQuery(patient_id="P1"))


@pytest.mark.parametrize("method", ["get", "move"])
def test_from_orthanc(tmp_path, sqlite_archive, sent, method):
    with listening(sqlite_archive) as listener:
        nodes = {"us": ["CLINICALAI", "127.0.0.1", listener.port]}
        with orthanc(
            tmp_path / "orthanc", more={"DicomModalities": nodes, "DefaultEncoding": "Utf8"}
        ) as server:
            peer = Peer("orthanc", "ORTHANC", "127.0.0.1", server.dicom_port, retrieve=method)
            assert not send(sent, peer, calling_ae_title="TEST").failed
            archive = source(peer, sqlite_archive)
            (study,) = archive.find_studies(StudyQuery(patient_id="P1", modality="CT"))
            assert study.instance_count == 5
            assert study.patient_name == CHINESE
            assert archive.find_studies(StudyQuery(patient_name="*小明*"))[0] == study
            assert archive.count_instances("1.2.3") == 5
            assert archive.count_instances("1.2.99") is None
            seen = []
            fetched = archive.fetch_study("1.2.3", on_progress=seen.append)
    assert (fetched.done, fetched.failed) == (5, 0)
    assert seen[-1].done == 5
    kept = digests(sqlite_archive)
    assert len(kept) == 5
    assert kept["1.2.3.5.1"][0] == JPEGLosslessSV1
    if method == "get":
        original = encode(ct_slice(2, SpecificCharacterSet="GB18030", PatientName=CHINESE))
        assert kept["1.2.3.1.2"] == (
            ExplicitVRLittleEndian,
            hashlib.sha256(original).hexdigest(),
        )
