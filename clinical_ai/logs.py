"""Structured logs: event names, UIDs and counts. Patient data never goes in."""

import logging
import sys
import traceback
import warnings
from typing import TextIO

import structlog

from clinical_ai.errors import ClinicalAIError
from pacs_bridge.errors import BridgeError

_MOST_CAUSES = 10


def configure_logs(level: str = "INFO") -> None:
    """Send logs of this process to standard error, as JSON unless it is a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=_write_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    if not terminal:
        shared.append(structlog.processors.ExceptionRenderer(traceback_text))
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=lambda *_: _StandardError(),
        # A cached logger would keep the processors of the first command of a process.
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    # pydicom shows the values that it doubts, which are a patient's or an attacker's.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom(\..*)?")


class _StandardError:
    """Writes to what is standard error at that moment: one seen earlier may be closed by now."""

    def msg(self, message: str) -> None:
        # One call for the whole line, so that threads do not mix theirs.
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()

    debug = info = warning = error = critical = exception = msg


def traceback_text(exc_info: structlog.typing.ExcInfo) -> str:
    """Return a traceback without local variables, and with the messages of our own errors only.

    Local variables hold pixels and names of patients; messages of libraries quote the value
    that they stumbled over.
    """
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(parts) < _MOST_CAUSES:
        is_ours = isinstance(error, (ClinicalAIError, BridgeError))
        message = f": {error}" if is_ours else " (message left out)"
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__name__}{message}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\ncaused by:\n".join(parts)


def _write_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    stream.write("\n" + traceback_text(exc_info))
