"""Where an error came up, for logs: its message may quote a data set and is left out."""

from pathlib import Path


def place_of(error: BaseException) -> str:
    """Return the innermost file and line of an error, such as ``header.py:120``; or ""."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
