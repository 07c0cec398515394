"""C-MOVE, asked by DCMTK's movescu and by pynetdicom, with DCMTK's storescp as destination."""

import subprocess

import pydicom
import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import evt
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as StudyRootMove

from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer
from tests.pacs_bridge.support import ct_slice, dcmtk_storescp, free_port, poll, store, tool


def test_movescu_moves_a_series_to_a_known_peer(listener, peers, tmp_path):
    with dcmtk_storescp(tmp_path / "pacs") as pacs:
        peers.append(pacs)
        process = subprocess.run(
            [
                *(tool("movescu"), "-v", "-S", "-aec", "CLINICALAI", "-aem", "PACS"),
                *("127.0.0.1", str(listener.port), "-k", "QueryRetrieveLevel=SERIES"),
                *("-k", "StudyInstanceUID=1.2.1", "-k", "SeriesInstanceUID=1.2.1.1"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        poll(lambda: len(list((tmp_path / "pacs").iterdir())) == 3)
    assert "Success" in process.stdout + process.stderr


def move(port, destination, *, stop_after=None, **keys):
    """Ask with pynetdicom; all (status data set, identifier)."""
    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    entity = application_entity("MOVER")
    entity.add_requested_context(StudyRootMove)
    association = entity.associate("127.0.0.1", port, ae_title="CLINICALAI")
    assert association.is_established
    answers = []
    for answer in association.send_c_move(identifier, destination, StudyRootMove, msg_id=77):
        answers.append(answer)
        if len(answers) == stop_after:
            association.send_c_cancel(77, query_model=StudyRootMove)
    association.release()
    return answers


STUDY = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.2.1"}


def test_an_unknown_destination_is_refused(listener, peers):
    peers.append(Peer("other", "OTHER", "127.0.0.1", free_port()))
    with structlog.testing.capture_logs() as log:
        ((status, _),) = move(listener.port, "NOBODY", **STUDY)
    assert status.Status == 0xA801
    (entry,) = [e for e in log if e["event"] == "move.unknown_destination"]
    assert entry["destination"] == "NOBODY"


def test_a_destination_that_is_down_fails_every_sub_operation(listener, peers):
    peers.append(Peer("pacs", "PACS", "127.0.0.1", free_port()))
    answers = move(listener.port, "PACS", **STUDY)
    final, failed = answers[-1]
    assert final.Status == 0xA702
    assert final.NumberOfFailedSuboperations == 5
    assert len(failed.FailedSOPInstanceUIDList) == 5


class Destination:
    """A storage SCP of pynetdicom that keeps what it is asked."""

    def __init__(self, *syntaxes, answer=lambda uid: 0x0000):
        self.requests = []
        self._answer = answer
        self._entity = application_entity("PACS")
        self._entity.add_supported_context(CTImageStorage, list(syntaxes))

    def __enter__(self):
        self._server = self._entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._store)]
        )
        return Peer("pacs", "PACS", "127.0.0.1", self._server.server_address[1])

    def __exit__(self, *_):
        self._server.shutdown()

    def _store(self, event):
        self.requests.append((event.request, event.context.transfer_syntax))
        return self._answer(event.request.AffectedSOPInstanceUID)


def test_the_destination_is_told_who_asked(listener, peers):
    destination = Destination(ExplicitVRLittleEndian)
    with destination as peer:
        peers.append(peer)
        answers = move(listener.port, "PACS", **STUDY)
    assert answers[-1][0].Status == 0x0000
    assert [s.NumberOfRemainingSuboperations for s, _ in answers[:-1]] == [4, 3, 2, 1, 0]
    assert len(destination.requests) == 5
    request, _ = destination.requests[0]
    assert request.MoveOriginatorApplicationEntityTitle == "MOVER"
    assert request.MoveOriginatorMessageID == 77


def test_compressed_goes_as_it_is_or_decompressed_where_it_is_refused(
    listener, archive_with_studies, peers, tmp_path
):
    slice_ = ct_slice(1, study="1.7", series="1.7.1")
    slice_.file_meta = pydicom.dataset.FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.compress(RLELossless, generate_instance_uid=False)
    store(archive_with_studies, slice_, RLELossless)
    for option, expected in (("+xr", RLELossless), ("+xi", ImplicitVRLittleEndian)):
        with dcmtk_storescp(tmp_path / option, option) as pacs:
            peers[:] = [pacs]
            answers = move(
                listener.port, "PACS", QueryRetrieveLevel="STUDY", StudyInstanceUID="1.7"
            )
        assert answers[-1][0].Status == 0x0000
        (path,) = (tmp_path / option).iterdir()
        got = pydicom.dcmread(path)
        assert got.file_meta.TransferSyntaxUID == expected
        assert got.SOPInstanceUID == "1.7.1.1"
        assert got.pixel_array[0, 0] == 1


def test_what_the_destination_refuses_is_listed(listener, peers):
    destination = Destination(
        ExplicitVRLittleEndian, answer=lambda uid: 0xA700 if uid == "1.2.1.1.2" else 0x0000
    )
    with destination as peer:
        peers.append(peer)
        final, failed = move(listener.port, "PACS", **STUDY)[-1]
    assert final.Status == 0xB000
    assert final.NumberOfCompletedSuboperations == 4
    assert failed.FailedSOPInstanceUIDList == "1.2.1.1.2"


def test_a_move_is_cancelled(listener, archive_with_studies, peers):
    for number in range(60):
        store(archive_with_studies, ct_slice(number, study="1.8", series="1.8.1"))
    destination = Destination(ExplicitVRLittleEndian)
    with destination as peer:
        peers.append(peer)
        answers = move(
            listener.port,
            "PACS",
            stop_after=1,
            QueryRetrieveLevel="STUDY",
            StudyInstanceUID="1.8",
        )
    final = answers[-1][0]
    assert final.Status == 0xFE00
    assert 0 < len(destination.requests) < 60
    assert final.NumberOfRemainingSuboperations == 60 - len(destination.requests)
