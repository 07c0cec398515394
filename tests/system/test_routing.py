"""Routing with real processes: our listener and worker, DCMTK's storescu and two storescp."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import Engine, select

from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.store.tables import study_read
from clinical_ai.worklist import WorklistRow, versions
from pacs_bridge.tables import delivery
from tests.pacs_bridge.support import storescu
from tests.support.processes import REPOSITORY, clinical_ai, started, storescp, wait_for
from tests.support.site import Site, arrived, newest

pytestmark = pytest.mark.slow

RULES = """\
rules:
- name: research waits
  when: {calling_ae: RESEARCH}
  then: {hold: true, forward_to: backup, results_to: backup}
- name: service images
  when: {calling_ae: SERVICE}
  then: {ignore: true}
- name: copies
  when: {calling_ae: [COPY, BACKUP]}
  then: {read: none, forward_to: [backup, pacs]}
- name: emergency
  when: {calling_ae: ER}
  then: {priority: stat}
- name: no hurry
  when: {calling_ae: LATER}
  then: {priority: low}
"""


class RoutedSite(Site):
    """A site with a rule file and a second peer."""

    backup_port: int = 0

    @property
    def rules(self) -> Path:
        return self.folder / "rules.yaml"

    @property
    def environment(self) -> dict[str, str]:
        peers = {
            "pacs": {"ae_title": "PACS", "host": "127.0.0.1", "port": self.pacs_port},
            "backup": {"ae_title": "BACKUP", "host": "127.0.0.1", "port": self.backup_port},
        }
        return {
            **super().environment,
            "CLINICAL_AI_PEERS": json.dumps(peers),
            "CLINICAL_AI_ROUTING_FILE": str(self.rules),
            "COLUMNS": "200",
        }

    def run(self, *arguments: str) -> str:
        """Run one of our commands; returns what it printed."""
        done = subprocess.run(
            clinical_ai(*arguments),
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **self.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def worker(self) -> Iterator[Path]:
        """Run a worker; yields the file whose existence lets its readings begin."""
        gate = self.folder / "gate"
        gate.unlink(missing_ok=True)
        command = [sys.executable, str(REPOSITORY / "tests/support/worker_behind_gate.py")]
        with started([*command, str(gate)], self.folder / "worker.log", self.environment):
            yield gate


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RoutedSite]:
    """Listener, PACS and backup archive for all tests of this module."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("pacs", "backup"):
        (folder / name).mkdir()
    with storescp(folder / "pacs") as pacs, storescp(folder / "backup", "BACKUP") as backup:
        site = RoutedSite(folder, pacs)
        site.backup_port = backup
        site.rules.write_text(RULES)
        with site.listener():
            yield site


@pytest.fixture
def engine(site: RoutedSite) -> Iterator[Engine]:
    with site.engine() as opened:
        yield opened


def send(site: RoutedSite, folder: Path, calling: str, seed: int) -> str:
    """Send a study with DCMTK's storescu; returns its UID."""
    truth = make_chest_phantom(
        folder, slices=16, rows=64, spacing_mm=(5.0, 5.6, 5.6), nodules=(), seed=seed
    )
    sent = storescu(site.listener_port, "+sd", str(folder), calling=calling)
    assert sent.returncode == 0, sent.stderr
    return truth.study_uid


def until(engine: Engine, study_uid: str, *states: str) -> WorklistRow:
    def reached() -> bool:
        row = newest(engine, study_uid)
        return row is not None and row.state in states

    wait_for(reached, f"{study_uid} to be {states}")
    return versions(engine, study_uid)[0]


def of_study(site: RoutedSite, peer: str, study_uid: str, modality: str = "CT"):
    found: list[pydicom.Dataset] = arrived(site.folder / peer).get(modality, [])
    return [d for d in found if d.StudyInstanceUID == study_uid]


def forwards(engine: Engine, study_uid: str) -> list[tuple[str, str]]:
    """Return (peer, state) of the forwards of a study."""
    with engine.connect() as connection:
        rows = connection.execute(select(delivery).where(delivery.c.purpose == "forward")).all()
    return [(r.peer, r.state) for r in rows if f"/{study_uid}/" in r.path]


def test_images_are_forwarded_to_both_and_nobody_reads_them(site, engine, tmp_path):
    study_uid = send(site, tmp_path / "ct", "COPY", 1)
    row = until(engine, study_uid, "not_read")
    assert str(row.reason) == "Not read: routing rule copies asks for no reading."
    with site.worker():
        for peer in ("pacs", "backup"):
            wait_for(lambda p=peer: len(of_study(site, p, study_uid)) == 16, peer, every=0.5)


def test_images_do_not_go_back_to_where_they_came_from(site, engine, tmp_path):
    study_uid = send(site, tmp_path / "ct", "BACKUP", 2)
    until(engine, study_uid, "not_read")
    assert {peer for peer, _ in forwards(engine, study_uid)} == {"pacs"}
    assert len(forwards(engine, study_uid)) == 16


def test_a_held_study_is_seen_released_read_and_forwarded(site, engine, tmp_path):
    study_uid = send(site, tmp_path / "ct", "RESEARCH", 3)
    row = until(engine, study_uid, "held")
    assert str(row.reason) == "Held by routing rule research waits until it is released."
    assert forwards(engine, study_uid) == []
    shown = {r["study_uid"]: r for r in json.loads(site.run("studies", "--json"))}
    assert shown[study_uid]["state"] == "held"
    assert "research waits" in shown[study_uid]["result"]
    assert "released; the study is queued" in site.run("studies", "--release", study_uid)
    with site.worker() as gate:
        gate.touch()
        until(engine, study_uid, "ready")
        wait_for(lambda: len(of_study(site, "backup", study_uid)) == 16, "images", every=0.5)
        wait_for(lambda: of_study(site, "backup", study_uid, "SR"), "the result", every=0.5)
    assert not of_study(site, "pacs", study_uid)
    assert not of_study(site, "pacs", study_uid, "SR")
    explained = site.run("route", "explain", study_uid)
    assert "calling AE is RESEARCH: found RESEARCH" in explained
    assert "released by command line" in explained


def test_an_ignored_study_is_kept_and_shown_and_nothing_else(site, engine, tmp_path):
    study_uid = send(site, tmp_path / "ct", "SERVICE", 4)
    row = until(engine, study_uid, "ignored")
    assert (row.instances, str(row.reason)) == (16, "Ignored by routing rule service images.")
    assert forwards(engine, study_uid) == []


def test_a_stat_study_overtakes_what_waits_already(site, engine, tmp_path):
    """While one study is being read, one of low and then one of stat priority are queued."""

    def handed_over(study_uid: str) -> bool:
        with engine.connect() as connection:
            query = select(study_read.c.dispatched_at).where(study_read.c.study_uid == study_uid)
            return connection.execute(query).scalar_one_or_none() is not None

    with site.worker() as gate:
        first = send(site, tmp_path / "first", "CT1", 5)
        until(engine, first, "reading")
        low = send(site, tmp_path / "low", "LATER", 6)
        wait_for(lambda: handed_over(low), "low in the queue")
        stat = send(site, tmp_path / "stat", "ER", 7)
        wait_for(lambda: handed_over(stat), "stat in the queue")
        gate.touch()
        rows = {name: until(engine, uid, "ready") for name, uid in
                (("first", first), ("low", low), ("stat", stat))}  # fmt: skip
    assert [r.priority for r in rows.values()] == ["normal", "low", "stat"]
    order = sorted(rows, key=lambda name: rows[name].finished_at or 0.0)
    assert order == ["first", "stat", "low"]


def test_a_new_file_counts_and_a_bad_one_changes_nothing(site, engine, tmp_path):
    log = site.folder / "listener.log"
    try:
        site.rules.write_text("default: {ignore: true}\n")
        until(engine, send(site, tmp_path / "a", "CT1", 8), "ignored")
        site.rules.write_text("default: {priority: fast}\n")
        wait_for(lambda: "unknown priority 'fast'" in log.read_text(), "the log to say why")
        until(engine, send(site, tmp_path / "b", "CT1", 9), "ignored")
    finally:
        site.rules.write_text(RULES)
    until(engine, send(site, tmp_path / "c", "SERVICE", 10), "ignored")
    assert "routing.rules_refused" in log.read_text()
