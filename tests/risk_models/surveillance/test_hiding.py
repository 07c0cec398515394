import numpy as np
import pytest

from risk_models.surveillance.hiding import hidden_alone, hidden_beside_total, sum_may_be_shown


def test_one_series_hides_one_to_four() -> None:
    assert hidden_alone(np.array([0, 1, 4, 5, 90])).tolist() == [False, True, True, False, False]


def test_a_hidden_district_does_not_follow_from_the_total() -> None:
    parts = [np.array([3, 20]), np.array([30, 30]), np.array([0, 8])]
    districts, whole = hidden_beside_total(parts)
    assert districts[0].tolist() == [True, False]
    # One more number of the first period is hidden, else 33 - 30 would give the 3 away.
    assert sum(int(hidden[0]) for hidden in districts) + int(whole[0]) >= 2
    assert not any(hidden[1] for hidden in [*districts, whole])


def test_a_district_alone_is_hidden_with_the_total() -> None:
    districts, whole = hidden_beside_total([np.array([2])])
    assert districts[0].all() and whole.all()


@pytest.mark.parametrize(
    ("events", "shown"),
    [([9, 8], True), ([9, 3], False), ([1, 1], False), ([4, 4, 9], False), ([1, 3], True)],
)
def test_sums(events: list[int], shown: bool) -> None:
    counts = np.array(events)
    assert sum_may_be_shown(counts, hidden_alone(counts)) is shown
