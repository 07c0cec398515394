"""The listener process tells Prometheus, and ``bridge peers``, what a real sender did."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.registry import CollectorRegistry

from clinical_ai.dicom_settings import DicomSettings, PeerSettings
from clinical_ai.listener import running_listener
from clinical_ai.metrics import ReadsCollector, listener_registry, worker_registry
from clinical_ai.senders import sender_statistics
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.store.reads import queue_read
from pacs_bridge.errors import MetricsError
from pacs_bridge.peer import Peer
from pacs_bridge.send import send
from pacs_bridge.statistics import ReceiveStatistics
from tests.pacs_bridge.support import ct_slice, free_port, write_file
from tests.pacs_bridge.test_metrics import scrape


def settings(tmp_path: Path, **more: object) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        dicom=DicomSettings(port=free_port()),
        peers={"ct": PeerSettings(ae_title="CT1", host="127.0.0.1", port=4242)},
        metrics_port=free_port(),
        **more,
    )


@contextmanager
def listening(chosen: Settings) -> Iterator[Services]:
    with closing(open_services(chosen)) as services, running_listener(services):
        yield services


def test_a_listener_with_a_real_sender(tmp_path: Path):
    chosen = settings(tmp_path)
    files = [write_file(ct_slice(n), tmp_path) for n in (1, 2, 3)]
    with listening(chosen) as services:
        own = Peer(name="self", ae_title="CLINICALAI", host="127.0.0.1", port=chosen.dicom.port)
        assert len(send(files, own, calling_ae_title="CT1").sent) == 3
        assert len(send(files[:1], own, calling_ae_title="STRANGER").sent) == 1
        samples = scrape(chosen.metrics_port)
        rows = {row.ae_title: row for row in sender_statistics(services, 7)}
    assert samples["clinical_ai_received_instances_total", "CT1", "0000"] == 3
    assert samples["clinical_ai_received_instances_total", "other", "0000"] == 1
    assert samples["clinical_ai_studies", "receiving"] == 1
    assert samples["clinical_ai_database_commit_seconds_count",] >= 1
    assert samples["process_resident_memory_bytes",] > 1e6
    told = " ".join(" ".join(key) for key in samples)
    assert "STRANGER" not in told
    for secret in ("Test^Case", "P1 ", "1.2.3", "A1"):
        assert secret not in told
    assert rows["CT1"].instances == rows["CT1"].last_hour == 3
    assert rows["CT1"].known
    assert rows["CT1"].served is not None
    assert rows["CT1"].served.mean_ms > 0
    assert "STRANGER" not in rows  # the same content again is not archived twice


def test_peers_command_works_without_a_listener(tmp_path: Path):
    chosen = settings(tmp_path)
    with listening(chosen):
        own = Peer(name="self", ae_title="CLINICALAI", host="127.0.0.1", port=chosen.dicom.port)
        send([write_file(ct_slice(1), tmp_path)], own, calling_ae_title="STRANGER")
    done = subprocess.run(
        [sys.executable, "-m", "clinical_ai", "bridge", "peers", "--json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "CLINICAL_AI_DATA_DIR": str(chosen.data_dir)},
    )
    (row,) = json.loads(done.stdout)
    assert (row["ae_title"], row["known"], row["instances"]) == ("STRANGER", False, 1)
    assert row["mean_ms"] is None


def test_reads_by_state(tmp_path: Path):
    with closing(open_services(settings(tmp_path))) as services:
        queue_read(services.engine, "1.2.3", "0" * 16, 1)
        (family,) = ReadsCollector(services.engine).collect()
        assert [(s.labels["state"], s.value) for s in family.samples] == [("queued", 1.0)]
        assert isinstance(worker_registry(services), CollectorRegistry)


def test_a_port_that_is_taken_stops_the_start(tmp_path: Path):
    chosen = settings(tmp_path)
    with (
        listening(chosen) as services,
        pytest.raises(MetricsError, match="set another port"),
        running_listener(services),
    ):
        pass


def test_the_documented_metrics_exist(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs/pacs.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"clinical_ai_[a-z0-9_]+[a-z]", page))
    with closing(open_services(settings(tmp_path))) as services:
        statistics = ReceiveStatistics()
        statistics.instance("x", 0, 1, 0.1)
        registry = listener_registry(services, statistics)
        names = {sample.name for family in registry.collect() for sample in family.samples}
        names |= {family.name for family in registry.collect()}
        names |= {f"{n}_total" for n in names}
    assert len(documented) > 15
    assert documented - names == set()
