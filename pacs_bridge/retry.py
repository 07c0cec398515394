"""When to try again."""

import random


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
