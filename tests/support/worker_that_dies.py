"""A worker process for kill tests: ``python worker_that_dies.py [STEP MOMENT MARKER]``.

It is the real worker with the scripted reader. With arguments it kills itself (SIGKILL,
as the kernel would) just before or just after STEP did its work, the first time only: the
file MARKER says that it happened.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from clinical_ai.logs import configure_logs
from clinical_ai.services import open_services
from clinical_ai.settings import load_settings
from clinical_ai.worker import running_worker
from clinical_ai.workflow import ReadStudy
from tests.support.scripted_reader import ScriptedReader


def die_once(marker: Path) -> None:
    """Kill this process, unless it was done before."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def arm(step: str, moment: str, marker: Path) -> None:
    """Make `step` of the workflow deadly."""
    original = getattr(ReadStudy, step)

    def deadly(self, *args):  # type: ignore[no-untyped-def]
        if moment == "before":
            die_once(marker)
        result = original(self, *args)
        if moment == "after":
            die_once(marker)
        return result

    setattr(ReadStudy, step, deadly)


def main() -> None:
    """Run until SIGTERM."""
    configure_logs("INFO")
    if len(sys.argv) == 4:
        arm(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    services = open_services(load_settings())
    with running_worker(services, [ScriptedReader()]):
        stop.wait()
    services.close()


if __name__ == "__main__":
    main()
