"""C-GET, asked by DCMTK's getscu and by pynetdicom."""

import hashlib
import subprocess

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)
from pynetdicom import build_context, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as StudyRootGet

from pacs_bridge.network import application_entity
from tests.pacs_bridge.support import ct_slice, encode, store, tool


def test_getscu_fetches_a_study(listener, archive_with_studies, tmp_path):
    folder = tmp_path / "got"
    folder.mkdir()
    process = subprocess.run(
        [
            *(tool("getscu"), "-v", "-S", "-od", str(folder), "-aec", "CLINICALAI"),
            *("127.0.0.1", str(listener.port), "-k", "QueryRetrieveLevel=STUDY"),
            *("-k", "StudyInstanceUID=1.2.1"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    got = [pydicom.dcmread(p) for p in folder.iterdir()]
    assert len(got) == 5
    assert {d.SeriesInstanceUID for d in got} == {"1.2.1.1", "1.2.1.2"}
    first = next(d for d in got if d.SOPInstanceUID == "1.2.1.1.1")
    (kept,) = [
        i for i in archive_with_studies.instances("1.2.1") if i.sop_instance_uid == "1.2.1.1.1"
    ]
    assert first.PixelData == pydicom.dcmread(kept.path).PixelData


def fetch(port, *, contexts, answer=0x0000, stop_after=None, **keys):
    """Ask with pynetdicom; the data sets that came as (bytes, syntax), and the responses."""
    got = []

    def take(event):
        got.append((event.request.DataSet.getvalue(), event.context.transfer_syntax))
        return answer(event.request.AffectedSOPInstanceUID) if callable(answer) else answer

    identifier = Dataset()
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    entity = application_entity("GETTER")
    association = entity.associate(
        "127.0.0.1",
        port,
        ae_title="CLINICALAI",
        contexts=[build_context(StudyRootGet), *contexts],
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, take)],
    )
    assert association.is_established
    answers = []
    for status, found in association.send_c_get(identifier, StudyRootGet, msg_id=9):
        answers.append((status, found))
        if len(answers) == stop_after:
            association.send_c_cancel(9, query_model=StudyRootGet)
    association.release()
    return got, answers


SERIES = {
    "QueryRetrieveLevel": "SERIES",
    "StudyInstanceUID": "1.2.1",
    "SeriesInstanceUID": "1.2.1.1",
}


def test_what_comes_is_what_is_archived_and_is_counted(listener, archive_with_studies):
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    got, answers = fetch(listener.port, contexts=contexts, **SERIES)
    kept = {i.sha256 for i in archive_with_studies.instances("1.2.1")}
    assert len(got) == 3
    assert {hashlib.sha256(data).hexdigest() for data, _ in got} <= kept
    statuses = [s for s, _ in answers]
    assert [s.Status for s in statuses] == [0xFF00] * 3 + [0x0000]
    assert [s.NumberOfRemainingSuboperations for s in statuses[:-1]] == [2, 1, 0]
    assert statuses[-1].NumberOfCompletedSuboperations == 3
    assert statuses[-1].NumberOfFailedSuboperations == 0


def test_another_native_syntax_is_re_encoded(listener):
    contexts = [build_context(CTImageStorage, ImplicitVRLittleEndian)]
    got, answers = fetch(listener.port, contexts=contexts, **SERIES)
    assert answers[-1][0].Status == 0x0000
    assert {syntax for _, syntax in got} == {ImplicitVRLittleEndian}
    assert got[0][0] == encode(
        ct_slice(1, study="1.2.1", series="1.2.1.1",
                 PatientName="Zhang^San=张^三", PatientID="P1"),
        ImplicitVRLittleEndian,
    )  # fmt: skip


@pytest.fixture
def compressed(archive_with_studies):
    """A slice in RLE, and one whose JPEG 2000 no decoder reads."""
    slice_ = ct_slice(1, study="1.7", series="1.7.1")
    slice_.file_meta = pydicom.dataset.FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.compress(RLELossless, generate_instance_uid=False)
    assert store(archive_with_studies, slice_, RLELossless).status == 0
    broken = ct_slice(2, study="1.7", series="1.7.1")
    broken.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51 no image"])
    broken["PixelData"].is_undefined_length = True
    assert store(archive_with_studies, broken, JPEG2000Lossless).status == 0


def test_what_is_compressed_comes_so_or_is_decompressed_or_is_counted_as_failed(
    listener, compressed
):
    study = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "1.7"}
    as_it_is = [build_context(CTImageStorage, s) for s in (RLELossless, JPEG2000Lossless)]
    got, answers = fetch(listener.port, contexts=as_it_is, **study)
    assert [syntax for _, syntax in got] == [RLELossless, JPEG2000Lossless]
    assert answers[-1][0].Status == 0x0000
    plain = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    got, answers = fetch(listener.port, contexts=plain, **study)
    assert len(got) == 1
    assert ct_slice(1).PixelData in got[0][0]
    assert answers[-1][0].Status == 0xB000
    assert answers[-1][0].NumberOfFailedSuboperations == 1
    assert answers[-1][1].FailedSOPInstanceUIDList == "1.7.1.2"


def test_what_the_requester_refuses_is_failed_and_listed(listener):
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    answer = {"1.2.1.1.1": 0xA700, "1.2.1.1.2": 0xB000, "1.2.1.1.3": 0x0000}.__getitem__
    _, answers = fetch(listener.port, contexts=contexts, answer=answer, **SERIES)
    final, failed = answers[-1]
    assert final.Status == 0xB000
    assert final.NumberOfWarningSuboperations == 1
    assert final.NumberOfCompletedSuboperations == 1
    assert failed.FailedSOPInstanceUIDList == "1.2.1.1.1"
    _, answers = fetch(listener.port, contexts=contexts, answer=0xA700, **SERIES)
    assert answers[-1][0].Status == 0xA702
    assert len(answers[-1][1].FailedSOPInstanceUIDList) == 3


def test_a_requester_without_a_context_for_the_images_gets_failures(listener):
    _, answers = fetch(listener.port, contexts=[], **SERIES)
    assert answers[-1][0].Status == 0xA702
    assert answers[-1][0].NumberOfFailedSuboperations == 3


def test_a_missing_file_is_a_failure(listener, archive_with_studies):
    archive_with_studies.instances("1.2.1")[0].path.unlink()
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    got, answers = fetch(listener.port, contexts=contexts, **SERIES)
    assert len(got) == 2
    assert answers[-1][1].FailedSOPInstanceUIDList == "1.2.1.1.1"


def test_a_get_is_cancelled(listener, archive_with_studies):
    for number in range(50):
        store(archive_with_studies, ct_slice(number, study="1.8", series="1.8.1"))
    contexts = [build_context(CTImageStorage, ExplicitVRLittleEndian)]
    got, answers = fetch(
        listener.port,
        contexts=contexts,
        stop_after=1,
        QueryRetrieveLevel="STUDY",
        StudyInstanceUID="1.8",
    )
    final = answers[-1][0]
    assert final.Status == 0xFE00
    assert 0 < len(got) < 50
    assert final.NumberOfRemainingSuboperations == 50 - len(got)


def test_nothing_that_matches_is_success(listener):
    got, answers = fetch(
        listener.port, contexts=[], QueryRetrieveLevel="STUDY", StudyInstanceUID="9.9"
    )
    assert (got, answers[-1][0].Status) == ([], 0x0000)


def test_a_retrieval_of_everything_is_refused(listener):
    _, answers = fetch(listener.port, contexts=[], QueryRetrieveLevel="STUDY")
    assert answers[-1][0].Status == 0xA900
    assert answers[-1][0].OffendingElement == 0x0020000D
