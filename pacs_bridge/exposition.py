"""Serve metrics over HTTP, for Prometheus to scrape; on the loopback address only."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from prometheus_client import start_http_server
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from pacs_bridge.errors import MetricsError

HOST = "127.0.0.1"
_ANSWER_SECONDS = 5.0
_MOST_BYTES = 16 * 1024 * 1024
_SAMPLES = (
    "clinical_ai_receive_seconds_count",
    "clinical_ai_receive_seconds_sum",
    "clinical_ai_received_bytes_total",
    "clinical_ai_associations_open",
)


@contextmanager
def serving_metrics(registry: CollectorRegistry, port: int | None) -> Iterator[None]:
    """Answer ``GET /metrics`` on a port of the loopback address until the block ends.

    Parameters
    ----------
    port
        0 or None: do not serve.

    Raises
    ------
    MetricsError
        If the port cannot be had.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, HOST, registry)
    except OSError as error:
        raise MetricsError(
            f"metrics cannot be served on {HOST}:{port} ({error.strerror}); set another port or 0"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class ServedPeer:
    """What a running listener tells of one calling AE title.

    Parameters
    ----------
    mean_ms
        From the first byte of a C-STORE to its answer; None before the first.
    mb_per_s
        Megabytes by seconds of transfer, not by the clock on the wall.
    """

    associations_open: int
    mean_ms: float | None
    mb_per_s: float | None


def served_peers(port: int) -> dict[str, ServedPeer]:
    """Ask the listener on this machine for its peers; empty if none answers.

    Raises
    ------
    MetricsError
        If something answers that is no listener's metrics.
    """
    connection = HTTPConnection(HOST, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read(_MOST_BYTES).decode("utf-8")
        return _peers_of(text)
    except OSError:
        return {}
    except (HTTPException, ValueError) as error:
        raise MetricsError(
            f"what answers on {HOST}:{port} is no listener; correct metrics_port"
        ) from error
    finally:
        connection.close()


def _peers_of(text: str) -> dict[str, ServedPeer]:
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in _SAMPLES:
                sums[sample.labels["peer"]][sample.name] += sample.value
    return {peer: _served(values) for peer, values in sums.items()}


def _served(values: Mapping[str, float]) -> ServedPeer:
    count, seconds, size, is_open = (values[name] for name in _SAMPLES)
    return ServedPeer(
        associations_open=int(is_open),
        mean_ms=round(1000 * seconds / count, 1) if count else None,
        mb_per_s=round(size / 1e6 / seconds, 1) if seconds else None,
    )
