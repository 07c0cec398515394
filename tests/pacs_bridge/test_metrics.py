"""Metrics as Prometheus reads them: over HTTP, from a listener with a real sender."""

import shutil
import socket
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry
from sqlalchemy import Engine

from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine, writing
from pacs_bridge.errors import MetricsError
from pacs_bridge.exposition import served_peers, serving_metrics
from pacs_bridge.metrics import ArchiveCollector, ReceiveCollector, observe_commits
from pacs_bridge.statistics import OTHER, ReceiveStatistics
from pacs_bridge.status import DUPLICATE, SUCCESS
from pacs_bridge.tables import delivery, quarantine, study
from tests.pacs_bridge.support import ct_slice, free_port, store


def scrape(port: int) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and the values of its labels."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    assert response.status == 200
    text = response.read().decode()
    connection.close()
    return {
        (sample.name, *(v for _, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_reception(tmp_path: Path):
    statistics = ReceiveStatistics(["CT1"])
    statistics.instance("CT1", SUCCESS, 1000, 0.003)
    statistics.instance("CT1", SUCCESS, 3000, 0.2)
    statistics.instance("CT1", DUPLICATE, 500, 0.001)
    statistics.instance("INVENTED", SUCCESS, 1, 0.001)
    statistics.association_opened("CT1")
    statistics.association_rejected("INVENTED", "calling_ae_title")
    registry = CollectorRegistry()
    registry.register(ReceiveCollector(statistics))
    port = free_port()
    with serving_metrics(registry, port):
        samples = scrape(port)
        served = served_peers(port)
    assert samples["clinical_ai_received_instances_total", "CT1", "0000"] == 2
    assert samples["clinical_ai_received_bytes_total", "CT1", "0000"] == 4000
    assert samples["clinical_ai_received_instances_total", "CT1", "C111"] == 1
    assert samples["clinical_ai_receive_seconds_bucket", "0.005", "CT1", "0000"] == 1
    assert samples["clinical_ai_receive_seconds_bucket", "+Inf", "CT1", "0000"] == 2
    assert samples["clinical_ai_receive_seconds_sum", "CT1", "0000"] == pytest.approx(0.203)
    assert samples["clinical_ai_associations_open", "CT1"] == 1
    assert samples["clinical_ai_associations_rejected_total", OTHER, "calling_ae_title"] == 1
    assert samples["clinical_ai_last_instance_timestamp_seconds", "CT1"] > time.time() - 60
    assert not [name for name in samples if "INVENTED" in name]
    assert served["CT1"].associations_open == 1
    assert served["CT1"].mean_ms == pytest.approx(68.0)
    assert served[OTHER].mean_ms == pytest.approx(1.0)


def _fill(engine: Engine, now: float) -> None:
    reasons = [
        "the SOP Instance UID is archived with other content",
        "the command names another SOP class or instance",
        "Study Instance UID is missing",
        "SOP Class UID is not made of 1 to 64 digits and dots (PS3.5 9.1)",
        "12 bytes of pixel data, but Rows, Columns and frames need 24",
        "an image without pixel data",
        "a file found at the start is not whole: element (0010,0010) ends 2 bytes after",
        "the data set ends inside the head of an element",
    ]
    with writing(engine) as connection:
        for number, reason in enumerate(reasons):
            connection.execute(
                quarantine.insert().values(
                    received_at=now,
                    calling_ae_title="CT1",
                    reason=reason,
                    path="x",
                    sha256=str(number),
                )
            )
        states = ["queued", "queued", "stored", "dead", "sent", "dropped"]
        for number, state in enumerate(states):
            for peer in ("pacs", "gone"):
                connection.execute(
                    delivery.insert().values(
                        sop_instance_uid=f"1.2.{number}",
                        path="x",
                        peer=peer,
                        state=state,
                        due_at=now,
                        created_at=now - 100 * (number + 1),
                    )
                )
        connection.execute(
            study.insert().values(
                study_instance_uid="1.9", created_at=now, last_received_at=now, state="receiving"
            )
        )


def test_archive_and_outbox(engine: Engine, archive: Archive):
    assert store(archive, ct_slice()).is_new
    now = time.time()
    _fill(engine, now)
    registry = CollectorRegistry()
    collector = ArchiveCollector(engine, archive.root, ["pacs", "idle"], clock=lambda: now)
    registry.register(collector)
    port = free_port()
    with serving_metrics(registry, port):
        samples = scrape(port)
    assert samples["clinical_ai_studies", "receiving"] == 2
    assert samples["clinical_ai_studies", "complete"] == 0
    kinds = {k[1]: v for k, v in samples.items() if k[0] == "clinical_ai_quarantined_objects"}
    assert kinds == {
        "duplicate": 1,
        "mismatch": 1,
        "uid": 2,
        "pixel_data": 2,
        "broken_file": 1,
        OTHER: 1,
    }
    queue = {k[1:]: v for k, v in samples.items() if k[0] == "clinical_ai_outbox_deliveries"}
    assert queue["pacs", "queued"] == queue[OTHER, "queued"] == 2
    assert queue["pacs", "stored"] == queue["pacs", "dead"] == 1
    assert queue["idle", "queued"] == 0
    assert {peer for peer, _ in queue} == {"pacs", "idle", OTHER}
    assert samples["clinical_ai_outbox_oldest_seconds", "pacs"] == pytest.approx(300)
    assert samples["clinical_ai_database_up",] == 1
    free = shutil.disk_usage(archive.root).free
    assert samples["clinical_ai_archive_free_bytes",] == pytest.approx(free, rel=0.2)


def test_the_database_is_asked_only_now_and_then(sqlite_engine: Engine, tmp_path: Path):
    now = 1000.0
    collector = ArchiveCollector(sqlite_engine, tmp_path, [], clock=lambda: now)

    def receiving() -> float:
        (family,) = (f for f in collector.collect() if f.name == "clinical_ai_studies")
        return next(s.value for s in family.samples if s.labels["state"] == "receiving")

    assert receiving() == 0
    _fill(sqlite_engine, now)
    now = 1004.9
    assert receiving() == 0
    now = 1005.0
    assert receiving() == 1


def test_a_database_that_is_away_is_told_not_raised(tmp_path: Path):
    engine = open_engine("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    families = {f.name: f for f in ArchiveCollector(engine, tmp_path, []).collect()}
    assert families["clinical_ai_database_up"].samples[0].value == 0
    assert "clinical_ai_studies" not in families
    assert "clinical_ai_archive_free_bytes" in families
    engine.dispose()


def test_commits_are_measured_and_nothing_else(engine: Engine, archive: Archive):
    registry = CollectorRegistry()
    observe_commits(engine, registry)

    def count() -> float | None:
        return registry.get_sample_value("clinical_ai_database_commit_seconds_count")

    with engine.connect() as connection:
        connection.execute(study.select())
    assert count() == 0
    with pytest.raises(RuntimeError, match="no"), writing(engine):
        raise RuntimeError("no")
    assert count() == 0
    with writing(engine) as connection:
        connection.execute(study.delete())
    assert count() == 1
    store(archive, ct_slice())
    assert count() == 2
    seconds = registry.get_sample_value("clinical_ai_database_commit_seconds_sum")
    assert seconds
    assert 0 < seconds < 30


@pytest.mark.parametrize("port", [None, 0])
def test_off(port: int | None):
    with serving_metrics(CollectorRegistry(), port):
        pass


def test_a_port_that_is_taken_is_named_and_freed_afterwards():
    port = free_port()
    with serving_metrics(CollectorRegistry(), port):
        with (
            pytest.raises(MetricsError, match=f":{port} "),
            serving_metrics(CollectorRegistry(), port),
        ):
            pass
        with socket.create_connection(("127.0.0.1", port)):
            pass
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", port)):
        pass


def test_no_listener_to_ask():
    assert served_peers(free_port()) == {}


def test_another_server_on_the_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"220 mail\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(MetricsError, match="no listener"):
            served_peers(server.getsockname()[1])
        thread.join()
