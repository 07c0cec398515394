"""The real screens on a free port, with a prepared data folder."""

import http.client
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.processes import Process, free_port, started, wait_for
from tests.ui.hospital import Hospital, open_hospital

START = """
from clinical_ai.settings import load_settings
from ui.server import serve
serve(load_settings())
"""


@dataclass(frozen=True)
class Site:
    """A running server and what is in it."""

    hospital: Hospital
    port: int
    process: Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prepare a data folder and serve it for the session."""
    data_dir: Path = tmp_path_factory.mktemp("hospital")
    port = free_port()
    hospital = open_hospital(data_dir, port)
    environment = {
        "CLINICAL_AI_DATA_DIR": str(data_dir),
        "CLINICAL_AI_UI_PORT": str(port),
        "CLINICAL_AI_LANGUAGE": "en",
    }
    with started([sys.executable, "-c", START], data_dir / "ui.log", environment) as process:
        wait_for(lambda: not process.running() or _healthy(port), "the screens")
        assert process.running(), process.log.read_text()
        yield Site(hospital, port, process)


def _healthy(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
