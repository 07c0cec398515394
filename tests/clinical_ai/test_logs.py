"""What a traceback in the log shows."""

import io
import json
import sys

import pytest
import structlog

from clinical_ai.errors import ReviewError
from clinical_ai.logs import configure_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def reset():
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_traceback_shows_the_place_and_our_message_but_no_values(kind, monkeypatch):
    stream = kind()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs()
    patient_name = "^".join(("Zhang", "San"))
    try:
        try:
            int(patient_name)
        except ValueError as error:
            raise ReviewError("the study cannot be signed") from error
    except ReviewError:
        structlog.get_logger().exception("review.failed", study="1.2")
    shown = stream.getvalue()
    if not stream.isatty():
        shown = json.loads(shown)["exception"]
    assert "ReviewError: the study cannot be signed" in shown
    assert "caused by" in shown and "ValueError" in shown and "test_logs.py" in shown
    assert "Zhang^San" not in shown


def test_a_logger_outlives_the_stream_and_the_settings_of_its_first_line(monkeypatch):
    log = structlog.get_logger("module")
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logs()
    log.info("one")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log.info("two")
    configure_logs("WARNING")
    log.info("three")
    log.warning("four")
    assert [json.loads(line)["event"] for line in second.getvalue().splitlines()] == ["two", "four"]
