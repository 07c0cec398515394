"""Precision and recall of patient matching on perturbed pairs.

``python -m validation.records.patient_matching`` makes a register, perturbs the data of 1,000
of its persons as image headers do, and matches them. Half of them have a twin, a sibling or a
namesake in the register; one in five is not in it at all, but their twin or namesake may be.
Weights were set on seed 1; what is reported is of seed 2.
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scipy.stats import beta

from clinical_ai.records.blocking import person_keys, query_keys
from clinical_ai.records.matching import Candidate, MatchPolicy, MatchResult, PatientQuery, match
from validation.records.patients import ISSUER, Person, demographics, make_register
from validation.records.perturbations import as_registered, perturb, without_number

TUNING_SEED, REPORT_SEED = 1, 2
POLICY = MatchPolicy(default_issuer=ISSUER, issuers={"HIS": ISSUER})


@dataclass(slots=True)
class Counts:
    """What came of the pairs."""

    pairs: int = 0
    present: int = 0
    certain_right: int = 0
    certain_wrong: int = 0
    uncertain: int = 0
    uncertain_with_right: int = 0
    missed: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
    unsure: Counter[str] = field(default_factory=Counter)
    by_change: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, result: MatchResult, person: Person | None, changes: Sequence[str]) -> None:
        """Count one verdict about a person of the register, or about none of them."""
        is_present = person is not None
        ranked = [s.candidate.person for s in result.ranked]
        self.pairs += 1
        self.present += is_present
        is_right = person is not None and person.person in ranked[:1]
        if result.outcome == "certain":
            self.certain_right += is_right
            self.certain_wrong += not is_right
            if not is_right:
                outcomes = [f"{e.element} {e.outcome}" for e in result.ranked[0].evidence]
                self.wrong.append(f"{', '.join(changes)} -> {', '.join(outcomes)}")
        elif result.outcome == "uncertain":
            self.uncertain += 1
            self.uncertain_with_right += person is not None and person.person in ranked
            self.unsure[str(result.reason)] += is_present
        else:
            self.missed += is_present
        for change in changes if is_present else ():
            certain, total = self.by_change.get(change, (0, 0))
            self.by_change[change] = (certain + (result.outcome == "certain"), total + 1)

    @property
    def certain(self) -> int:
        """How many were called certain."""
        return self.certain_right + self.certain_wrong


def interval(hits: int, total: int) -> tuple[float, float]:
    """Return the exact 95 % confidence interval of a proportion (Clopper and Pearson)."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, total - hits + 1))
    high = 1.0 if hits == total else float(beta.ppf(0.975, hits + 1, total - hits))
    return low, high


class Register:
    """Persons, their records, and the index by which candidates are found."""

    def __init__(self, random_: random.Random, persons: int) -> None:
        self.persons = make_register(random_, persons)
        self.candidates = [
            Candidate(p.person, "local", demographics(p, random_)) for p in self.persons
        ]
        self.clustered = [p for p in self.persons if p.cluster]
        self._clusters: dict[int, list[Person]] = {}
        for one in self.clustered:
            self._clusters.setdefault(one.cluster, []).append(one)
        self._index: dict[str, set[int]] = {}
        for number, candidate in enumerate(self.candidates):
            for key in person_keys(candidate.demographics):
                self._index.setdefault(key, set()).add(number)

    def neighbour(self, person: Person) -> Person | None:
        """Return a twin, sibling or namesake."""
        others = (p for p in self._clusters.get(person.cluster, []) if p is not person)
        return next(others, None)

    def match(
        self, query: PatientQuery, policy: MatchPolicy, *, without: int | None
    ) -> MatchResult:
        """Match a patient, as if one person were not in the register."""
        found: set[int] = set().union(*(self._index.get(k, set()) for k in query_keys(query)))
        chosen = [self.candidates[i] for i in sorted(found) if i != without]
        return match(query, chosen, policy)


def measure(seed: int, pairs: int, persons: int, policy: MatchPolicy = POLICY) -> Counts:
    """Match `pairs` perturbed patients with a register of `persons`."""
    random_ = random.Random(seed)
    register = Register(random_, persons)
    counts = Counts()
    for _ in range(pairs):
        person = random_.choice(register.clustered if random_.random() < 0.5 else register.persons)
        perturbed = perturb(person, random_, neighbour=register.neighbour(person))
        is_present = random_.random() < 0.8
        if not is_present and random_.random() < 0.5:
            perturbed = without_number(perturbed)
        started = time.perf_counter()
        result = register.match(
            perturbed.query, policy, without=None if is_present else person.number
        )
        counts.seconds += time.perf_counter() - started
        counts.add(result, person if is_present else None, perturbed.changes)
    return counts


def measure_unperturbed(seed: int, pairs: int, persons: int) -> Counts:
    """Match patients as the hospital's own headers name them."""
    random_ = random.Random(seed)
    register = Register(random_, persons)
    counts = Counts()
    for person in random_.sample(register.persons, pairs):
        result = register.match(as_registered(person).query, POLICY, without=None)
        counts.add(result, person, ())
    return counts


def report(counts: Counts, seed: int) -> Sequence[str]:
    """Return the measures in words."""

    def share(name: str, hits: int, total: int) -> str:
        low, high = interval(hits, total)
        return f"{name}: {hits / total:.4f} ({hits} of {total}; 95 % CI {low:.4f} to {high:.4f})"

    found = counts.certain_right + counts.uncertain_with_right
    return [
        f"seed {seed}, {counts.pairs} perturbed pairs, {counts.present} of them with their "
        "person in the register",
        share("precision of certain", counts.certain_right, counts.certain),
        share("recall of certain", counts.certain_right, counts.present),
        share("recall of certain or queued with the right person", found, counts.present),
        share("queued for a person", counts.uncertain, counts.pairs),
        f"missed although present: {counts.missed}; "
        f"{1000 * counts.seconds / counts.pairs:.2f} ms a match",
        *(f"why queued: {reason} {count}" for reason, count in counts.unsure.most_common()),
        "certain of those present, by change: "
        + "; ".join(f"{c} {n}/{of}" for c, (n, of) in sorted(counts.by_change.items())),
        *(f"wrong: {line}" for line in counts.wrong[:10]),
    ]


def main() -> int:
    """Print the measures; exit code 1 when precision is below 0.999."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=REPORT_SEED)
    arguments = parser.parse_args()
    counts = measure(arguments.seed, arguments.pairs, arguments.persons)
    print("\n".join(report(counts, arguments.seed)))
    plain = measure_unperturbed(arguments.seed, arguments.pairs, arguments.persons)
    print(
        f"unperturbed: certain {plain.certain_right} of {plain.pairs}, wrong {plain.certain_wrong}"
    )
    return int(counts.certain_right < 0.999 * counts.certain)


if __name__ == "__main__":
    raise SystemExit(main())
