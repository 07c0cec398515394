"""How fast the risk equations score a million people on one thread, and against PyPI's packages.

    python -m validation.benchmarks.risk_equations [--people 1000000] [--singly 5000]

The measurement runs in a process of its own with every thread pool set to one. Times are the
best of three; ratios compare processor seconds. Each peer's numbers are compared with ours on
random people, and both with the published cases of the equation.
"""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from risk_models import Refusal, evaluate, evaluate_columns
from validation.benchmarks.risk_peers import PEERS, OnePerson, Peer, Person, loaded, published_cases

ONE_THREAD = dict.fromkeys(
    (
        "POLARS_MAX_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)
Asked = tuple[str, tuple[str, ...] | None]
"""An equation and the outcomes asked for (None: all)."""

ALL_PREVENT: Asked = ("prevent_2023", None)
TOTAL_CVD: Asked = ("prevent_2023", ("total_cvd_10y",))
CHINA_PAR: Asked = ("china_par_10y", None)
WHO: Asked = ("who_cvd_2019", None)
OURS = (
    TOTAL_CVD,
    ALL_PREVENT,
    CHINA_PAR,
    WHO,
    ("score2", None),
    ("pce_2013", None),
    ("cha2ds2_vasc", None),
)
REGIONS = {"who_cvd_2019": "East Asia"}
COMPARED = 500
REPEATS = 3
SAME = 0.005
"""Per cent: what is the same to two decimals. Rounded coefficients differ by less."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall and processor seconds of one call."""

    wall: float
    cpu: float


def population(equation: str, people: int, seed: int = 1) -> pl.DataFrame:
    """Random people of 40 to 69 whole years whom every equation measured here accepts."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float, digits: int = 0) -> pl.Series:
        return pl.Series(np.round(rng.uniform(low, high, people), digits))

    def flag(share: float) -> pl.Series:
        return pl.Series(rng.random(people) < share)

    return pl.DataFrame(
        {
            "age": pl.Series(rng.integers(40, 70, people)).cast(pl.Float64),
            "sex": pl.Series(rng.choice(["male", "female"], people)),
            "race": pl.Series(rng.choice(["white", "black"], people)),
            "region": pl.Series([REGIONS.get(equation, "Moderate")] * people),
            "systolic_bp": between(95, 175),
            "total_cholesterol_mg_dl": between(140, 310),
            "hdl_cholesterol_mg_dl": between(25, 95),
            "egfr": between(20, 130),
            "bmi": between(19, 39, 1),
            "waist": between(65, 120),
            "bp_treated": flag(0.3),
            "statin": flag(0.2),
            "diabetes": flag(0.15) if equation != "score2" else flag(0),
            "current_smoker": flag(0.25),
            "north_of_yangtze": flag(0.5),
            "urban": flag(0.6),
            "family_history_ascvd": flag(0.1),
            "congestive_heart_failure": flag(0.1),
            "hypertension": flag(0.3),
            "stroke_tia_thromboembolism": flag(0.1),
            "vascular_disease": flag(0.1),
        }
    )


def best(call: Callable[[], object], repeats: int = REPEATS) -> Seconds:
    """Shortest wall and processor time of a call."""
    walls, cpus = [], []
    for _ in range(repeats):
        began, used = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - used)
    return Seconds(min(walls), min(cpus))


def measure_ours(people: int) -> dict[str, float]:
    """Processor seconds for `people` by equation, of the outcomes that peers give; prints all."""
    found: dict[Asked, Seconds] = {}
    print(f"{people:,} people, one thread, polars {pl.__version__}, numpy {np.__version__}")
    print(f"{'':36}{'wall s':>8}{'cpu s':>8}{'people/s':>13}{'cpu s with classes, texts':>28}")
    for asked in OURS:
        equation, outcomes = asked
        table = population(equation, people)
        bare = partial(evaluate_columns, equation, table, outcomes=outcomes, details=False)
        scored = bare()
        if sum(scored.null_count().row(0)):
            raise SystemExit(f"{equation} refuses people of the benchmark")
        found[asked] = best(bare)
        texts = best(partial(evaluate_columns, equation, table, outcomes=outcomes)).cpu
        names = f"{scored.width} outcomes" if outcomes is None else ", ".join(outcomes)
        _line(f"{equation}, {names}", people, found[asked], f"{texts:28.3f}")
    three = [found[asked] for asked in (ALL_PREVENT, CHINA_PAR, WHO)]
    total = Seconds(sum(t.wall for t in three), sum(t.cpu for t in three))
    _line("PREVENT x 10 + China-PAR + WHO", people, total, "")
    # The first line of an equation is the one its peers are compared with.
    return {equation: seconds.cpu for (equation, _), seconds in reversed(found.items())}


def _line(name: str, people: int, seconds: Seconds, texts: str) -> None:
    speed = people / seconds.wall
    print(f"{name:36}{seconds.wall:8.3f}{seconds.cpu:8.3f}{speed:13,.0f}{texts}", flush=True)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a peer's numbers compare with ours, in per cent or points.

    Parameters
    ----------
    same, compared
        People with the same number, and how many were compared.
    apart
        Largest difference between the two.
    cases
        Published cases.
    peer_off, ours_off
        Largest difference to a published case.
    """

    same: int
    compared: int
    apart: float
    cases: int
    peer_off: float
    ours_off: float


def agreement(peer: Peer, one: OnePerson) -> Agreement:
    """Compare on random people and on the published cases."""
    people = population(peer.equation, COMPARED, seed=2).to_dicts()
    apart = [abs(one(person)() - _ours(peer, person)) for person in people]
    cases = list(published_cases(peer))
    return Agreement(
        sum(difference <= peer.step / 2 + SAME for difference in apart),
        len(apart),
        max(apart),
        len(cases),
        max(abs(one(person)() - value) for person, value in cases),
        max(abs(_ours(peer, person) - value) for person, value in cases),
    )


def _ours(peer: Peer, person: Person) -> float:
    found = evaluate(peer.equation, person)[peer.outcome]
    if isinstance(found, Refusal):
        raise SystemExit(f"{peer.equation} refuses a person of the benchmark: {found.problems}")
    return found.value if peer.outcome == "points" else found.percent


def measure_peers(ours: dict[str, float], people: int, singly: int) -> None:
    """Print each peer's processor time for a person beside ours, and whether the numbers agree."""
    print(f"\nmicroseconds for a person: peers one by one ({singly:,} people) and in a table")
    print(
        f"{'peer':24}{'equation':14}{'singly':>9}{'table':>8}{'ours':>8}"
        f"{'ratio':>8}{'ratio, tables':>15}"
    )
    for peer in PEERS:
        one = loaded(peer)
        if isinstance(one, str):
            print(f"{peer.package:24}{peer.equation:14} {one}")
            continue
        calls = [one(person) for person in population(peer.equation, singly, seed=3).to_dicts()]
        each = best(partial(_run, calls)).cpu / singly
        mine = ours[peer.equation] / people
        whole = _in_table(peer, people)
        table = "-" if whole is None else f"{1e6 * whole:.2f}"
        tables = "-" if whole is None else f"{whole / mine:.1f}"
        print(
            f"{peer.package:24}{peer.equation:14}{1e6 * each:9.2f}{table:>8}{1e6 * mine:8.3f}"
            f"{each / mine:8.1f}{tables:>15}",
            flush=True,
        )
        found = agreement(peer, one)
        print(
            f"    same for {found.same} of {found.compared} people, at most {found.apart:.3g} "
            f"apart; off the {found.cases} published cases by at most {found.peer_off:.3g}, "
            f"ours by {found.ours_off:.3g}"
        )


def _run(calls: Sequence[Callable[[], float]]) -> None:
    for call in calls:
        call()


def _in_table(peer: Peer, people: int) -> float | None:
    """Seconds for a person by the peer's own function of tables, if it has one."""
    if peer.load_table is None:
        return None
    call = peer.load_table()(population(peer.equation, people))
    with contextlib.redirect_stdout(io.StringIO()):
        return best(call, 1).cpu / people


def main() -> int:
    """Start the measurement with one thread, or be it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--singly", type=int, default=5_000, help="people scored one by one")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        command = [sys.executable, "-m", "validation.benchmarks.risk_equations", *sys.argv[1:]]
        return subprocess.run(command, env={**os.environ, **ONE_THREAD}, check=False).returncode
    ours = measure_ours(options.people)
    measure_peers(ours, options.people, options.singly)
    return 0


if __name__ == "__main__":
    sys.exit(main())
