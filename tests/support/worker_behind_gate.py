"""A worker process whose readings wait until a file exists: ``worker_behind_gate.py GATE``."""

import signal
import sys
import threading
from pathlib import Path

from clinical_ai.logs import configure_logs
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from clinical_ai.worker import running_worker
from tests.support.processes import wait_for
from tests.support.scripted_reader import ScriptedReader


def main() -> None:
    """Run until SIGTERM."""
    configure_logs("INFO")
    gate = Path(sys.argv[1])
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    services = open_services(load_settings())
    reader = ScriptedReader(lambda _: wait_for(gate.exists, "the gate to open"))
    with running_worker(services, [reader]):
        stop.wait()
    services.close()


if __name__ == "__main__":
    main()
