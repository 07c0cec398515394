"""Priors with real processes: a new study, an older one at an Orthanc, listener and worker."""

import json
import sys
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import select

from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.findings import reading_from_json
from clinical_ai.store.tables import reading, study_read
from clinical_ai.worklist import worklist
from pacs_bridge.peer import Peer
from pacs_bridge.send import send
from pacs_bridge.tables import instance, retrieval, study
from tests.support.orthanc import orthanc
from tests.support.processes import REPOSITORY, free_port, started, storescp, wait_for
from tests.support.site import Site, newest

pytestmark = pytest.mark.slow
SCRIPTED = [sys.executable, str(REPOSITORY / "tests/support/worker_that_dies.py")]


class PriorSite(Site):
    """A site that fetches priors from `archive`."""

    archive_port = 1

    @property
    def environment(self):
        pacs = {"ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs_port}
        archive = {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": self.archive_port}
        return {
            **super().environment,
            "CLINICAL_AI_PEERS": json.dumps({"pacs": pacs, "archive": archive}),
            "CLINICAL_AI_PRIORS": json.dumps(
                {"peers": ["archive"], "count": 1, "wait_seconds": 30}
            ),
        }


def small(folder: Path):
    return make_chest_phantom(folder, slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=())


def earlier(files, folder: Path, year: int) -> tuple[list[Path], str]:
    """The same patient's study of another year, under other UIDs."""
    folder.mkdir()
    written, study_uid = [], f"2.25.{year}"
    for number, file in enumerate(files):
        old = pydicom.dcmread(file)
        old.StudyInstanceUID, old.SeriesInstanceUID = study_uid, f"{study_uid}.1"
        old.SOPInstanceUID = f"{study_uid}.1.{number + 1}"
        old.file_meta.MediaStorageSOPInstanceUID = old.SOPInstanceUID
        old.StudyDate = f"{year}0102"
        old.AccessionNumber = f"OLD{year}"
        path = folder / f"{number}.dcm"
        old.save_as(path, enforce_file_format=True)
        written.append(path)
    return written, study_uid


@pytest.fixture
def site(tmp_path):
    with storescp(tmp_path / "pacs") as port:
        yield PriorSite(tmp_path, port)


def finished(site, engine, study_uid):
    def done():
        row = newest(engine, study_uid)
        return row and row.state in {"ready", "not_read", "failed"}

    with started(SCRIPTED, site.folder / "worker.log", site.environment):
        wait_for(done, f"{study_uid} to be read", seconds=120)
    row = newest(engine, study_uid)
    with engine.connect() as connection:
        body = connection.execute(
            select(reading.c.body).where(reading.c.id == row.reading_id)
        ).scalar_one()
    return row, reading_from_json(body)


def test_the_newest_prior_is_fetched_kept_and_not_read(site, tmp_path):
    truth = small(tmp_path / "ct")
    site.listener_port = free_port()
    nodes = {"DicomModalities": {"us": ["CLINICALAI", "127.0.0.1", site.listener_port]}}
    with orthanc(tmp_path / "orthanc", more=nodes) as server:
        site.archive_port = server.dicom_port
        archive = Peer("archive", "ORTHANC", "127.0.0.1", server.dicom_port)
        uids = {}
        for year in (2001, 2003, 2002):
            files, uids[year] = earlier(truth.files, tmp_path / str(year), year)
            assert not send(files, archive, calling_ae_title="TEST").failed
        with site.listener(), site.engine() as engine:
            assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
            row, done = finished(site, engine, truth.study_uid)
            assert row.state == "ready"
            assert not [c for c in done.cautions if "arlier" in c.template]
            with engine.connect() as connection:
                (wanted,) = connection.execute(select(retrieval)).all()
                count = len(
                    connection.execute(
                        select(instance.c.path).where(instance.c.study_instance_uid == uids[2003])
                    ).all()
                )
            assert (wanted.study_instance_uid, wanted.state) == (uids[2003], "done")
            assert (wanted.purpose, wanted.for_study_uid) == ("prior", truth.study_uid)
            assert count == len(truth.files)

            def settled():
                with engine.connect() as connection:
                    states = connection.execute(select(study.c.state)).scalars().all()
                return states == ["complete", "complete"]

            wait_for(settled, "both studies to be complete")
            with engine.connect() as connection:
                read = connection.execute(select(study_read.c.study_uid)).scalars().all()
            assert read == [truth.study_uid]
            assert [r.study_uid for r in worklist(engine)] == [truth.study_uid]

            # The same study, sent by somebody, is new after all.
            files = sorted((tmp_path / "2003").iterdir())

            def queued():
                if (newest(engine, uids[2003]) or row).state == "queued":
                    return True
                # What comes within seconds of our own fetching still counts as fetched.
                assert not send(files, site.listener_peer, calling_ae_title="CT1").failed
                return False

            wait_for(queued, "it to be queued", every=4.0)


def test_a_peer_that_is_away_delays_nothing_and_is_named(site, tmp_path):
    truth = small(tmp_path / "ct")
    site.archive_port = 1
    with site.listener(), site.engine() as engine:
        assert not send(truth.files, site.listener_peer, calling_ae_title="CT1").failed
        row, done = finished(site, engine, truth.study_uid)
    assert row.state == "ready"
    assert "archive" in [c.values.get("peer") for c in done.cautions]
