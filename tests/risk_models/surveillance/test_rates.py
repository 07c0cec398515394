from pathlib import Path

import pytest

from risk_models.surveillance.errors import EventTableError
from risk_models.surveillance.rates import event_rate, poisson_interval, read_population


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (0, 0.0, 3.689),
        (1, 0.025, 5.572),
        (5, 1.623, 11.668),
        (10, 4.795, 18.390),
        (100, 81.364, 121.627),
    ],
)
def test_exact_intervals(count: int, low: float, high: float) -> None:
    """Garwood's limits as tabulated widely, e.g. Ulm K, Am J Epidemiol 1990;131:373-375."""
    assert poisson_interval(count) == pytest.approx((low, high), abs=6e-4)


def test_rates() -> None:
    rate = event_rate(10, 200_000)
    assert (rate.value, rate.low, rate.high) == pytest.approx((5.0, 2.3977, 9.1951), abs=1e-4)
    with pytest.raises(ValueError, match="above zero"):
        event_rate(1, 0)
    with pytest.raises(ValueError, match="count"):
        poisson_interval(-1)


def test_population(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        '年份,区县,人口数\n2023,甲,"1,000"\n2023,乙,500\n2024,甲,1100\n2024,乙,500\n', "utf-8"
    )
    people = read_population(path, tmp_path)
    assert people.of("甲", 2023) == 1000
    assert people.of(None, 2024) == 1600
    assert people.of("甲", 2026) == 1100  # the latest that is known
    assert people.of("丙", 2024) is None
    with pytest.raises(EventTableError, match="2022 is missing; the earliest given is of 2023"):
        people.of("甲", 2022)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("年份,人口\n2023,0\n", "row 1.*above zero"),
        ("年份,人口\n二零二三,5\n", "row 1"),
        ("年份\n2023\n", "no column for the population"),
        ("年份,区县,人口\n2023,甲,5\n2024,甲,5\n2024,乙,5\n", "the same years"),
    ],
)
def test_bad_populations(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(EventTableError, match=message):
        read_population(path, tmp_path)
