"""Kill -9 of the worker at any step, or of the listener between images, loses nothing.

Each case ends with the study read once, exactly one SR and one SEG at the PACS, and the risk
of its patient kept.
"""

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from clinical_ai.demo.phantom import PhantomTruth, make_chest_phantom
from clinical_ai.records.store import RecordStore
from clinical_ai.risk.stored import profile_of_reading
from clinical_ai.workflow import STEPS
from pacs_bridge.send import send
from tests.support.processes import (
    REPOSITORY,
    Process,
    answers,
    clinical_ai,
    started,
    storescp,
    wait_for,
)
from tests.support.site import Site, arrived, newest

pytestmark = pytest.mark.slow
PATIENT = {
    "resourceType": "Patient",
    "id": "phantom",
    "identifier": [{"value": "PHANTOM", "system": "urn:hospital"}],
    "name": [{"family": "Phantom", "given": ["Chest"]}],
    "gender": "male",
    "birthDate": "1966-01-01",
}
WORKER = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> PhantomTruth:
    return make_chest_phantom(
        tmp_path_factory.mktemp("phantom"),
        slices=16,
        rows=64,
        spacing_mm=(5.0, 5.6, 5.6),
        nodules=(),
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("site")
    with storescp(folder / "pacs") as port:
        more = {"CLINICAL_AI_RECORDS__DEFAULT_ISSUER": "urn:hospital"}
        site = Site(folder, port, more=more)
        with site.listener(), site.engine() as engine:
            RecordStore(engine).put([PATIENT], origin="local")
            yield site


def another_study(site: Site, phantom: PhantomTruth, number: int) -> str:
    """Send the phantom under a new study UID; returns that UID."""
    import pydicom

    folder = site.folder / f"study{number}"
    folder.mkdir()
    study_uid = f"{phantom.study_uid[:50]}.{number}"
    files = []
    for index, file in enumerate(phantom.files):
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID = study_uid
        dataset.SeriesInstanceUID = f"{phantom.series_uid[:50]}.{number}"
        dataset.SOPInstanceUID = f"{phantom.series_uid[:45]}.{number}.{index}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        files.append(folder / f"{index}.dcm")
        dataset.save_as(files[-1])
    report = send(files, site.listener_peer, calling_ae_title="CT1")
    assert not report.failed
    return study_uid


def expect_one_sr_and_one_seg(site: Site, study_uid: str) -> None:
    pacs = site.folder / "pacs"

    def count(modality: str) -> int:
        return sum(d.StudyInstanceUID == study_uid for d in arrived(pacs).get(modality, []))

    wait_for(lambda: count("SR") and count("SEG"), f"SR and SEG of {study_uid}", every=0.5)
    assert (count("SR"), count("SEG")) == (1, 1)


CASES = [(step, moment) for step in STEPS for moment in ("before", "after")]


@pytest.mark.parametrize(("step", "moment"), CASES)
def test_worker_killed_in_a_step(site, phantom, tmp_path, step, moment):
    number = CASES.index((step, moment)) + 1
    study_uid = another_study(site, phantom, number)
    marker = tmp_path / "died"
    log = site.folder / "worker.log"
    deadly = Process([*WORKER, step, moment, str(marker)], log, site.environment)
    try:
        wait_for(lambda: not deadly.running(), "the worker to die")
        assert deadly.child.returncode == -signal.SIGKILL
        assert marker.exists()
    finally:
        deadly.stop()
    with started(WORKER, log, site.environment), site.engine() as engine:
        wait_for(lambda: newest(engine, study_uid).state == "ready", "the study to be read")
        expect_one_sr_and_one_seg(site, study_uid)
        with engine.connect() as connection:
            assert profile_of_reading(connection, newest(engine, study_uid).reading_id)


def test_worker_killed_at_random_moments(site, phantom):
    """Ten kills, each some random time after a start, while studies wait."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    uids = [another_study(site, phantom, 100 + n) for n in range(4)]
    log = site.folder / "worker.log"
    for _ in range(10):
        worker = Process(WORKER, log, site.environment)
        time.sleep(chance.uniform(0.5, 4.5))
        worker.kill()
    with started(WORKER, log, site.environment), site.engine() as engine:
        for study_uid in uids:
            wait_for(lambda uid=study_uid: newest(engine, uid).state == "ready", study_uid)
            expect_one_sr_and_one_seg(site, study_uid)


def test_listener_killed_between_images(phantom, tmp_path):
    """The sender repeats what was not answered, as a PACS does; no image is lost or doubled."""
    with storescp(tmp_path / "pacs") as port:
        site = Site(tmp_path, port, quiet_seconds=2.0)
        files = list(phantom.files)
        log = tmp_path / "listener.log"
        sent: list[Path] = []
        for size in (3, 4, 2):
            listener = Process(clinical_ai("listen"), log, site.environment)
            wait_for(lambda: answers(site.listener_port), "listener")
            part = files[len(sent) : len(sent) + size]
            assert not send(part, site.listener_peer, calling_ae_title="CT1").failed
            sent += part
            listener.kill()
        with site.listener(), started(WORKER, tmp_path / "worker.log", site.environment):
            assert not send(files, site.listener_peer, calling_ae_title="CT1").failed
            with site.engine() as engine:
                wait_for(
                    lambda: (row := newest(engine, phantom.study_uid)) and row.state == "ready",
                    "the study to be read",
                )
                row = newest(engine, phantom.study_uid)
            assert row.instances == len(files)
            expect_one_sr_and_one_seg(site, phantom.study_uid)
