"""How often each method raises an alarm without an outbreak, and finds one that is there.

``python -m validation.benchmarks.surveillance_false_alarms [SERIES]`` simulates weekly counts
(six years before, one year judged) with a fixed seed: Poisson and negative binomial, with and
without season. It prints false alarms per 100 judged weeks, and the share of outbreaks found: of
one week, in that week; of four weeks, in any of them. An outbreak adds, over its weeks, three
standard deviations of the usual count a week, and at least three events.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from risk_models.surveillance.counts import CountSeries, Selection, Status
from risk_models.surveillance.detectors.detection import BoolArray, FloatArray
from risk_models.surveillance.groups import ALL
from risk_models.surveillance.methods import METHODS, Method, Options
from risk_models.surveillance.periods import Period

SEED = 20_251
SERIES = 40
BEFORE, JUDGED = 6 * 52 + 2, 52
OUTBREAK = 30
"""Week of the judged year in which the outbreak begins."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is simulated: mean, variance over mean, height of a yearly wave on the log scale."""

    name: str
    mean: float
    dispersion: float = 1.0
    wave: float = 0.0


SCENARIOS = (
    Scenario("Poisson, mean 1", 1.0),
    Scenario("Poisson, mean 5", 5.0),
    Scenario("Poisson, mean 50", 50.0),
    Scenario("negative binomial, mean 5, variance 10", 5.0, 2.0),
    Scenario("negative binomial, mean 50, variance 150", 50.0, 3.0),
    Scenario("Poisson, mean 20, season x 2.7", 20.0, 1.0, 0.5),
)


@dataclass(frozen=True, slots=True)
class Rates:
    """False alarms per 100 weeks, and shares of outbreaks found in per cent."""

    false_alarms: float
    one_week: float
    four_weeks: float


def simulate(scenario: Scenario, rng: np.random.Generator) -> FloatArray:
    """One series without an outbreak."""
    weeks = np.arange(BEFORE + JUDGED)
    mean = scenario.mean * np.exp(scenario.wave * np.cos(2 * np.pi * weeks / 52.18))
    if scenario.dispersion == 1.0:
        return np.asarray(rng.poisson(mean), dtype=np.float64)
    size = mean / (scenario.dispersion - 1)
    return np.asarray(rng.negative_binomial(size, 1 / scenario.dispersion), dtype=np.float64)


def measure(scenario: Scenario, method: Method, series: int) -> Rates:
    """Rates of one method over the same series as every other method sees."""
    rng = np.random.default_rng(SEED)
    extra = max(3.0, np.ceil(3 * np.sqrt(scenario.mean * scenario.dispersion)))
    false, one, four = 0, 0, 0
    start = BEFORE + OUTBREAK
    for _ in range(series):
        counts = simulate(scenario, rng)
        false += int(_alarms(counts, method)[BEFORE:].sum())
        for weeks in (1, 4):
            changed = counts.copy()
            changed[start : start + weeks] += extra
            # Only the weeks of the outbreak are of interest, and only what was known by then.
            found = bool(_alarms(changed[: start + weeks], method)[start:].any())
            one, four = (one + found, four) if weeks == 1 else (one, four + found)
    return Rates(100 * false / (series * JUDGED), 100 * one / series, 100 * four / series)


def _alarms(counts: FloatArray, method: Method) -> BoolArray:
    first = date(2018, 1, 1)
    series = CountSeries(
        ALL,
        Selection(),
        Period.WEEK,
        tuple(first + timedelta(weeks=week) for week in range(counts.size)),
        counts.astype(np.int64),
        (Status.COMPLETE,) * counts.size,
    )
    return method.run(series, BEFORE, Options()).alarm


def main(arguments: Sequence[str]) -> None:
    """Print a table for each scenario."""
    series = int(arguments[0]) if arguments else SERIES
    print(f"{series} series of {JUDGED} judged weeks each, seed {SEED}")
    for scenario in SCENARIOS:
        print(
            f"\n{scenario.name}\n| method | false alarms per 100 weeks | 1 week found, % | "
            "4 weeks found, % |\n|---|---|---|---|"
        )
        for method in METHODS.values():
            rates = measure(scenario, method, series)
            print(
                f"| {method.name} | {rates.false_alarms:.2f} | {rates.one_week:.0f} | "
                f"{rates.four_weeks:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
