import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from risk_models.cohort.standardise import (
    STANDARDS,
    bands_between,
    directly_standardised,
    proportion,
)


def test_one_band_is_the_exact_poisson_interval():
    for events in (0, 1, 7, 100):
        rate = directly_standardised([events], [2000], [1])
        low = chi2.ppf(0.025, 2 * events) / 2 if events else 0.0
        assert rate.low == pytest.approx(low / 2000)
        assert rate.high == pytest.approx(chi2.ppf(0.975, 2 * events + 2) / 2 / 2000)


def test_a_worked_example():
    # Two bands, weights 3:1: (3 * 10/1000 + 1 * 40/500) / 4 = 0.0275.
    rate = directly_standardised([10, 40], [1000, 500], [3, 1])
    assert rate.value == pytest.approx(0.0275)
    variance = 0.75**2 * 10 / 1000**2 + 0.25**2 * 40 / 500**2
    assert rate.low < 0.0275 - 1.8 * variance**0.5 < rate.low + 0.001
    assert rate.high > 0.0275 + 1.9 * variance**0.5


def test_coverage_is_at_least_nominal():
    rng = np.random.default_rng(11)
    people, weights = np.array([50, 400, 1200, 300]), np.array([5.0, 4.0, 3.0, 2.0])
    truth = np.array([0.002, 0.004, 0.01, 0.05])
    wanted = (weights * truth).sum() / weights.sum()
    drawn = rng.poisson(truth * people, (2000, 4))
    rates = [directly_standardised(events, people, weights) for events in drawn]
    inside = np.mean([rate.low <= wanted <= rate.high for rate in rates])
    assert inside >= 0.945


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0.1, 10)), min_size=1, max_size=8))
def test_order_of_the_interval_and_scale_of_the_weights(bands):
    people = [n for n, _ in bands]
    events = [n // 3 for n in people]
    weights = [w for _, w in bands]
    rate = directly_standardised(events, people, weights)
    again = directly_standardised(events, people, [1000 * w for w in weights])
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
    assert rate.value == pytest.approx(again.value) and rate.high == pytest.approx(again.high)


def test_a_band_without_people_is_refused():
    with pytest.raises(ValueError, match="no people"):
        directly_standardised([0, 1], [0, 10], [1, 1])
    with pytest.raises(ValueError, match="one length"):
        directly_standardised([0], [1, 10], [1, 1])


def test_wilson_interval_against_scipy():
    for yes, asked in ((0, 10), (3, 10), (10, 10), (250, 1000)):
        rate = proportion(yes, asked)
        wanted = binomtest(yes, asked).proportion_ci(method="wilson")
        assert (rate.low, rate.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_standard_populations():
    who, china = STANDARDS["who_2000_2025"].weights, STANDARDS["china_2020"].weights
    assert sum(who.values()) == pytest.approx(100.03, abs=0.005)  # as printed
    # Census: 1 409 778 724 people, of whom 168 127 944 are under 10.
    assert sum(china.values()) == 1_409_778_724 - 168_127_944
    assert sum(weight for band, weight in china.items() if band >= 65) == 190_635_280
    assert set(bands_between(35, 74)) == set(range(35, 75, 5))
    assert bands_between(80, 120)[-1] == 85
