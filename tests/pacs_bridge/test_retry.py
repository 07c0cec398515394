"""The backoff."""

from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.retry import backoff_seconds


@given(st.integers(1, 10_000))
def test_the_wait_doubles_up_to_its_longest_and_is_never_none(failures):
    wait = backoff_seconds(failures, first=2.0, longest=60.0)
    nominal = 60.0 if failures > 5 else 2.0 * 2 ** (failures - 1)
    assert nominal / 2 <= wait <= nominal
