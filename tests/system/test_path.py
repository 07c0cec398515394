"""The whole path with real processes: listener, worker with the shipped reader, a real PACS."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from clinical_ai.demo.phantom import PhantomTruth, make_chest_phantom
from clinical_ai.quarantine import refused_objects
from clinical_ai.worklist import versions
from pacs_bridge.send import send
from tests.support.processes import REPOSITORY, clinical_ai, started, storescp, wait_for
from tests.support.site import Site, arrived, newest

pytestmark = pytest.mark.slow
SCRIPTED = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]
CHINESE = "Zhang^Xiaodong=张^小东"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    """Listener and PACS for all tests of this module."""
    folder = tmp_path_factory.mktemp("site")
    with storescp(folder / "pacs") as port:
        site = Site(folder, port)
        with site.listener():
            yield site


def small(folder: Path, **arguments: object) -> PhantomTruth:
    return make_chest_phantom(
        folder, slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=(), **arguments
    )


def deliver(site: Site, files) -> list[str]:
    """Send files; returns the reasons of those that were refused."""
    report = send(files, site.listener_peer, calling_ae_title="CT1")
    return [reason for _, reason in report.failed]


def wait_until(site: Site, study_uid: str, *states: str, sequence: int = 1):
    with site.engine() as engine:

        def done() -> bool:
            row = newest(engine, study_uid)
            return bool(
                row and row.content_sequence >= sequence and row.state in {*states, "failed"}
            )

        wait_for(done, f"{study_uid} to be {states}", seconds=90)
        return newest(engine, study_uid)


@pytest.mark.parametrize("character_set", ["GB18030", "ISO_IR 192"])
def test_a_chinese_name_reaches_worklist_sr_and_seg(site, tmp_path, character_set):
    truth = small(tmp_path / "ct", patient_name=CHINESE, character_set=character_set)
    with started(SCRIPTED, site.folder / "worker.log", site.environment):
        assert deliver(site, truth.files) == []
        row = wait_until(site, truth.study_uid, "ready")
        assert row.patient_name == CHINESE
        pacs = site.folder / "pacs"

        def results():
            return [
                d
                for kind in ("SR", "SEG")
                for d in arrived(pacs).get(kind, [])
                if d.StudyInstanceUID == truth.study_uid
            ]

        wait_for(lambda: len(results()) == 2, "SR and SEG", every=0.5)
    assert {str(d.PatientName) for d in results()} == {CHINESE}


def test_sent_twice_and_shuffled_is_one_version_and_a_late_slice_another(site, tmp_path):
    truth = small(tmp_path / "ct", patient_name="Twice^Sent")
    early, late = list(truth.files[:-1]), [truth.files[-1]]
    random.Random(3).shuffle(early)
    with started(SCRIPTED, site.folder / "worker.log", site.environment), site.engine() as engine:
        assert deliver(site, early) == []
        first = wait_until(site, truth.study_uid, "ready")
        assert deliver(site, early) == []
        assert deliver(site, late) == []
        second = wait_until(site, truth.study_uid, "ready", sequence=2)
        states = [(v.content_sequence, v.state) for v in versions(engine, truth.study_uid)]
    assert states == [(2, "ready"), (1, "superseded")]
    assert first.reading_id != second.reading_id
    assert second.instances == len(truth.files)


def changed(files, folder: Path, change) -> list[Path]:
    folder.mkdir()
    out = []
    for number, file in enumerate(files):
        dataset = pydicom.dcmread(file)
        change(number, dataset)
        out.append(folder / file.name)
        dataset.save_as(out[-1])
    return out


def no_geometry(number: int, dataset: pydicom.Dataset) -> None:
    del dataset.ImagePositionPatient


def localizer(number: int, dataset: pydicom.Dataset) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def gap(number: int, dataset: pydicom.Dataset) -> None:
    if number > 8:
        dataset.ImagePositionPatient[2] += 40


def two_orientations(number: int, dataset: pydicom.Dataset) -> None:
    if number % 2:
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def brain(number: int, dataset: pydicom.Dataset) -> None:
    dataset.BodyPartExamined = "BRAIN"


BAD = [
    (no_geometry, "ImagePositionPatient"),
    (localizer, "localizer"),
    (gap, "missing"),
    (two_orientations, "orientation"),
    (brain, "BRAIN"),
]


def test_unusable_studies_are_not_read_and_say_why(site, tmp_path):
    with started(clinical_ai("worker"), site.folder / "worker.log", site.environment):
        for number, (change, says) in enumerate(BAD):
            truth = small(tmp_path / f"ct{number}", seed=number, patient_name=f"Bad^{number}")
            files = changed(truth.files, tmp_path / f"bad{number}", change)
            assert deliver(site, files) == []
            row = wait_until(site, truth.study_uid, "not_read")
            assert row.state == "not_read"
            assert says in str(row.reason)


def test_a_truncated_image_is_refused_and_listed_with_the_reason(site, tmp_path):
    truth = small(tmp_path / "ct", seed=77)

    def cut(number: int, dataset: pydicom.Dataset) -> None:
        if number == 0:
            dataset.PixelData = dataset.PixelData[:100]

    files = changed(truth.files, tmp_path / "cut", cut)
    (reason,) = deliver(site, files)
    assert reason
    uid = str(pydicom.dcmread(files[0]).SOPInstanceUID)
    with site.engine() as engine:
        (refused,) = [r for r in refused_objects(engine) if r.sop_instance_uid == uid]
    assert "pixel" in refused.reason.lower()


def test_the_phantom_is_read_and_its_nodules_found(site, tmp_path):
    """Shipped model, real processes: the two well-separated solid nodules are among the marks."""
    truth = make_chest_phantom(tmp_path / "ct")
    with started(clinical_ai("worker"), site.folder / "worker.log", site.environment):
        assert deliver(site, truth.files) == []
        row = wait_until(site, truth.study_uid, "ready")
    assert row.state == "ready"
    assert row.category == "Lung-RADS v2022 4B"
    shown = subprocess.run(
        clinical_ai("studies", "--json"),
        env={**os.environ, **site.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert truth.study_uid in shown.stdout
