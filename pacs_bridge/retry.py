"""When to try again, and when to give up."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState
from tenacity.wait import wait_base

from pacs_bridge.failure import Failure

_DAY = 86_400.0


def backoff_seconds(failures: int, *, first: float = 5.0, longest: float = 900.0) -> float:
    """Return the wait after the given number of failures: doubling, capped, with jitter.

    Between half and all of the nominal wait, so that senders that failed together do not
    come back together.

    Parameters
    ----------
    failures
        At least 1.
    first, longest
        Seconds.
    """
    nominal = min(longest, first * 2.0 ** min(failures - 1, 32))
    return nominal * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient the outbox is; the wait doubles after each failure.

    Parameters
    ----------
    first_seconds, longest_seconds
        The first and the longest wait.
    transient
        Refusals that may pass after which a delivery is dead; by default about four hours.
    permanent
        The same for refusals that will hardly pass; more than one, because a PACS that is just
        being updated refuses "for ever" for a minute.
    permanent_first_seconds
        The first wait after such a refusal.
    unreachable_seconds
        How long a peer may be away: a long weekend must not kill what waits for it.
    commitment_rounds
        How often an object is sent again because the peer did not commit to keep it.
    commitment_here_seconds
        How long to wait for the commitment on the association of the question.
    """

    first_seconds: float = 5.0
    longest_seconds: float = 900.0
    transient: int = 20
    permanent: int = 3
    permanent_first_seconds: float = 60.0
    unreachable_seconds: float = 7 * _DAY
    commitment_rounds: int = 3
    commitment_here_seconds: float = 3.0

    def is_last(self, failure: Failure, refusals: int, failing_seconds: float) -> bool:
        """Whether a delivery is given up.

        Parameters
        ----------
        refusals
            Answers by which the peer refused the object, this one included.
        failing_seconds
            Since the first failure in a row.
        """
        match failure.kind:
            case "gone":
                return True
            case "permanent":
                return refusals >= self.permanent
            case "transient":
                return refusals >= self.transient
            case "unreachable":
                return failing_seconds >= self.unreachable_seconds

    def wait_seconds(self, failure: Failure, failures: int) -> float:
        """Return the seconds to the next attempt, never sooner than the peer asked for."""
        first = self.first_seconds
        if failure.kind == "permanent":
            first = max(first, self.permanent_first_seconds)
        wait = backoff_seconds(failures, first=first, longest=self.longest_seconds)
        return max(wait, failure.retry_after or 0.0)


class AskedWait(wait_base):
    """For Tenacity: as long as the peer asked, else doubling; never longer than `longest`.

    Parameters
    ----------
    asked
        Returns the seconds that an error says the peer asked for; None if it does not say.
    first, longest
        Seconds.
    """

    def __init__(
        self,
        asked: Callable[[BaseException], float | None],
        *,
        first: float = 0.5,
        longest: float = 10.0,
    ) -> None:
        self._asked = asked
        self._first = first
        self._longest = longest

    def __call__(self, retry_state: RetryCallState) -> float:
        """Return the seconds to wait before the next attempt."""
        outcome = retry_state.outcome
        error = None if outcome is None else outcome.exception()
        asked = None if error is None else self._asked(error)
        usual = backoff_seconds(
            retry_state.attempt_number, first=self._first, longest=self._longest
        )
        return min(self._longest, usual if asked is None else max(asked, usual))
