"""When and how fast to fetch, so that a PACS can go on with its day's work."""

import re
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from datetime import time as clock_time

from pacs_bridge.errors import RetrievalError

_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """Part of the day, local time; it may go over midnight. Equal ends mean the whole day."""

    begin: clock_time
    end: clock_time

    def holds(self, moment: datetime) -> bool:
        """Whether a local moment lies in the window."""
        now = moment.time()
        if self.begin < self.end:
            return self.begin <= now < self.end
        return now >= self.begin or now < self.end


def daily_window(text: str) -> DailyWindow:
    """Read ``20:00-06:30``.

    Raises
    ------
    RetrievalError
        If it is not of that form.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise RetrievalError(f"{text!r} is no daily window; write it as 20:00-06:30")
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    return DailyWindow(clock_time(begin_hour, begin_minute), clock_time(end_hour, end_minute))


class Pace:
    """Holds a transfer to a rate on average, by waiting between its pieces.

    Parameters
    ----------
    megabytes_per_second
        Of 1,000,000 bytes; None for no limit.
    """

    def __init__(self, megabytes_per_second: float | None) -> None:
        self._rate = megabytes_per_second
        self._begun = time.monotonic()

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self._rate is not None

    def wait_seconds(self, transferred_bytes: int) -> float:
        """Return how long to wait after so many bytes since the beginning."""
        if self._rate is None:
            return 0.0
        earliest = self._begun + transferred_bytes / (self._rate * _MEGABYTE)
        return max(0.0, earliest - time.monotonic())

    def wait(self, transferred_bytes: int, cancel: threading.Event) -> None:
        """Wait that long, or until cancelled."""
        seconds = self.wait_seconds(transferred_bytes)
        if seconds > 0:
            cancel.wait(seconds)
