"""A poller goes on, whatever a call raises."""

import threading
import time

from structlog.testing import capture_logs

from pacs_bridge.polling import Poller
from tests.pacs_bridge.support import poll


def test_a_call_that_raises_does_not_end_the_thread_and_its_message_is_not_logged():
    calls = []
    went_on = threading.Event()

    def run_due(now: float) -> int:
        calls.append(now)
        if len(calls) == 1:
            raise ValueError("Zhang^San")
        went_on.set()
        return 0

    poller = Poller("test", run_due, interval_seconds=0.01)
    with capture_logs() as logs:
        poller.start()
        assert went_on.wait(10)
        poller.stop()
    (failed,) = [line for line in logs if line["event"] == "poller.failed"]
    assert failed["error"] == "ValueError"
    assert failed["at"].startswith("test_polling.py:")
    assert "Zhang" not in str(logs)


def test_calls_that_fail_again_and_again_come_later_and_later():
    times = []

    def run_due(_now: float) -> int:
        times.append(time.monotonic())
        raise OSError

    poller = Poller("test", run_due, interval_seconds=0.02)
    poller.start()
    poll(lambda: len(times) == 5)
    poller.stop()
    assert times[4] - times[3] >= 16 * 0.02  # doubled four times


def test_stopping_does_not_wait_for_the_interval():
    called = threading.Event()
    poller = Poller("test", lambda _now: called.set() or 0, interval_seconds=600.0)
    poller.start()
    assert called.wait(10)
    begin = time.monotonic()
    poller.stop()
    assert time.monotonic() - begin < 10
