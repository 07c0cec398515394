"""Ask the sender of a study how many images it has, without keeping anybody waiting."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from pacs_bridge.completeness import NOT_COUNTED, Expected, Outlook
from pacs_bridge.errors import BridgeError
from pacs_bridge.retrieve.source import StudySource

_log = structlog.get_logger(__name__)

_THREADS = 2
_MAX_WAITING = 200
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class _Asked:
    at: float
    expected: Expected | None


def expected_at(source: StudySource, study_uid: str) -> Expected | None:
    """Return how many images a peer has of a study; None if it does not say.

    Number of Series Related Instances is preferred: reports and presentation states can then be
    left out. Peers that do not give it are taken at their Number of Study Related Instances.

    Raises
    ------
    PeerError
        If the peer does not answer.
    """
    series = source.find_series(study_uid)
    counts = [s.instance_count for s in series if s.modality not in NOT_COUNTED]
    known = [count for count in counts if count is not None]
    if series and len(known) == len(counts):
        return Expected(sum(known), images_only=True)
    count = source.count_instances(study_uid)
    return None if not count else Expected(count, images_only=False)


class ExpectedCounts:
    """An `ExpectedCount` that asks peers in threads of its own and remembers the answers.

    Parameters
    ----------
    sources
        Returns the peers to ask about a study, in order; the first that knows it counts.
    """

    def __init__(self, sources: Callable[[str], Sequence[StudySource]]) -> None:
        self._sources = sources
        self._asked: dict[str, _Asked] = {}
        self._asking: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="expected-count")

    def outlook(self, study_uid: str, *, not_before: float) -> Outlook:
        """Return what is known; asks, in the background, if it is not known or too old."""
        with self._lock:
            asked = self._asked.get(study_uid)
            if asked is not None and asked.at >= not_before:
                return Outlook(asked.expected, pending=False)
            if study_uid not in self._asking and len(self._asking) < _MAX_WAITING:
                self._asking.add(study_uid)
                self._pool.submit(self._ask, study_uid)
        return Outlook(None, pending=True)

    def close(self) -> None:
        """Stop asking; queries under way end by their own time limits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, study_uid: str) -> None:
        at = time.time()
        expected = None
        try:
            expected = self._first_answer(study_uid)
        finally:
            with self._lock:
                self._asking.discard(study_uid)
                self._asked.pop(study_uid, None)
                self._asked[study_uid] = _Asked(at, expected)
                if len(self._asked) > _REMEMBERED:
                    del self._asked[next(iter(self._asked))]

    def _first_answer(self, study_uid: str) -> Expected | None:
        for source in self._sources(study_uid):
            try:
                expected = expected_at(source, study_uid)
            except BridgeError as error:
                _log.warning("expected.not_answered", peer=source.name, reason=str(error))
                continue
            if expected is not None:
                return expected
        return None
