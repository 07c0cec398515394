"""Whether a condition holds for a case, in three values, with the facts that say so.

None means that the record does not tell, and then what is missing is named. A disease that a
complete record does not list counts as absent; in a record that is not complete it is unknown.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from clinical_ai.pathways.case import Case
from clinical_ai.pathways.conditions import (
    Condition,
    Count,
    Dated,
    Imaging,
    Latest,
    Limits,
    Mean,
    Of,
    Problems,
    Procedures,
    Rise,
    Risk,
)
from clinical_ai.pathways.conditions import (
    Measured as AnyValue,
)
from clinical_ai.records.record import Measured, Source
from risk_models import Result


@dataclass(frozen=True, slots=True)
class Fact:
    """Something of the record that decided: what, its value in words, when, and where from.

    Parameters
    ----------
    what
        A kind of the vocabulary, or ``age``, ``sex``, ``smoking``, ``risk:EQUATION``.
    value
        For example ``152 mm[Hg]``; empty where being there is all.
    """

    what: str
    value: str
    on: date | None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the record does not tell: what, and how much or how new it had to be."""

    what: str
    needed: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found of a condition; facts of what decided, and what is missing for it."""

    met: bool | None
    facts: tuple[Fact, ...] = ()
    missing: tuple[Missing, ...] = ()


def examine(condition: Condition, case: Case) -> Examined:
    """Return whether all tests of `condition` hold for `case`."""
    return all_of(_EXAMINERS[name](test, case) for name, test in condition.tests())


def all_of(parts: Iterable[Examined]) -> Examined:
    """Kleene's conjunction: false if any part is, unknown if none is but some are unknown."""
    found = list(parts)
    wrong = [p for p in found if p.met is False]
    if wrong:
        return _joined(False, wrong)
    unknown = [p for p in found if p.met is None]
    if unknown:
        return _joined(None, found)
    return _joined(True, found)


def any_of(parts: Iterable[Examined]) -> Examined:
    """Kleene's disjunction; facts are those of every part that holds."""
    found = list(parts)
    right = [p for p in found if p.met is True]
    if right:
        return _joined(True, right)
    unknown = [p for p in found if p.met is None]
    return _joined(None if unknown else False, unknown or found)


def _joined(met: bool | None, parts: Sequence[Examined]) -> Examined:
    facts = dict.fromkeys(fact for part in parts for fact in part.facts)
    missing = dict.fromkeys(one for part in parts for one in part.missing)
    return Examined(met, tuple(facts), tuple(missing) if met is None else ())


def shown(value: float, unit: str) -> str:
    """Return a number as it is read, with its unit."""
    return f"{value:.3g} {unit}" if abs(value) < 100 else f"{value:.0f} {unit}"


def fact_of(measured: Measured) -> Fact:
    """Return the fact that a value was measured."""
    value = shown(measured.value, measured.unit)
    return Fact(measured.kind, value, measured.at.date(), measured.source)


def _age(limits: Limits, case: Case) -> Examined:
    years = case.record.demographics.age_on(case.on)
    if years is None:
        return Examined(None, (), (Missing("birth_date"),))
    return Examined(limits.hold(years), (Fact("age", str(years), None),))


def _sex(wanted: str, case: Case) -> Examined:
    sex = case.record.demographics.sex
    if sex is None:
        return Examined(None, (), (Missing("sex"),))
    return Examined(sex == wanted, (Fact("sex", sex, None),))


def _smoking(wanted: Sequence[str], case: Case) -> Examined:
    smoking = case.record.smoking
    if smoking is None or (smoking.at is not None and smoking.at > case.on):
        return Examined(None, (), (Missing("smoking"),))
    fact = Fact("smoking", smoking.status, smoking.at, smoking.source)
    return Examined(smoking.status in wanted, (fact,))


def _problem(test: Problems, case: Case) -> Examined:
    found = [
        (Fact(_first(p.kinds, test.kind), "", p.onset, p.source), p.onset)
        for p in case.record.problems
        if set(p.kinds) & set(test.kind) and (p.active or test.ever) and _past(p.onset, case.on)
    ]
    return _dated(test, found, case, test.kind)


def _procedure(test: Procedures, case: Case) -> Examined:
    found = [
        (Fact(_first(p.kinds, test.kind), "", p.on, p.source), p.on)
        for p in case.record.procedures
        if set(p.kinds) & set(test.kind) and _past(p.on, case.on)
    ]
    return _dated(test, found, case, test.kind)


def _dated(
    test: Dated, found: Sequence[tuple[Fact, date | None]], case: Case, kinds: Sequence[str]
) -> Examined:
    if not found:
        return _absent(case, kinds)
    if test.within is None and test.before is None:
        return Examined(True, (_earliest(found),))
    hits = [(f, d) for f, d in found if d is not None and _in_time(test, d, case.on)]
    if hits:
        return Examined(True, (_newest(hits),))
    if any(d is None for _, d in found):
        return Examined(None, (), (Missing(kinds[0], "date"),))
    return Examined(False, (_newest(found),))


def _takes(kinds: Sequence[str], case: Case) -> Examined:
    for m in case.record.medications:
        if m.active and set(m.kinds) & set(kinds) and _past(m.since, case.on):
            return Examined(True, (Fact(_first(m.kinds, kinds), "", m.since, m.source),))
    return _absent(case, kinds)


def _absent(case: Case, kinds: Sequence[str]) -> Examined:
    if case.record.complete:
        return Examined(False)
    return Examined(None, (), (Missing(kinds[0], "complete record"),))


def _imaging(test: Imaging, case: Case) -> Examined:
    found = [i for i in case.record.imaging if i.kind == test.kind and _past(i.on, case.on)]
    if test.within is not None:
        found = [i for i in found if i.on is not None and test.within.covers(i.on, case.on)]
    if not found:
        return Examined(None, (), (Missing(test.kind, str(test.within or "")),))
    newest = max((i.on or date.min) for i in found)
    last = [i for i in found if (i.on or date.min) == newest]  # both sides of one day
    hits = [i for i in last if not test.value or i.value in test.value]
    facts = tuple(Fact(i.kind, i.value, i.on, i.source) for i in hits or last)
    return Examined(bool(hits), facts)


def _latest(test: Latest, case: Case) -> Examined:
    values = case.series(test.kind, home=test.home, within=test.within)
    if not values:
        return _unmeasured(test, case, 1)
    newest = [m for m in values if m.at.replace(tzinfo=None) == values[-1].at.replace(tzinfo=None)]
    # Two values of one moment that disagree: the one outside the bounds counts.
    outside = [m for m in newest if not test.hold(m.value)]
    return Examined(not outside, tuple(fact_of(m) for m in outside or newest[-1:]))


def _mean(test: Mean, case: Case) -> Examined:
    values = case.series(test.kind, home=test.home, within=test.within)
    days = sorted({m.at.date() for m in values})
    if len(values) < test.readings or len(days) < test.days:
        return _unmeasured(test, case, test.readings)
    if test.without_first_day and len(days) > 1:
        values = tuple(m for m in values if m.at.date() != days[0])
    mean = math.fsum(m.value for m in values) / len(values)
    fact = Fact(
        test.kind,
        f"{shown(mean, test.unit)} (n = {len(values)}, {len(days)} d)",
        values[-1].at.date(),
        values[-1].source,
    )
    return Examined(test.hold(mean), (fact,))


def _count(test: Count, case: Case) -> Examined:
    values = case.series(test.kind, home=test.home, within=test.within)
    hits = [m for m in values if test.hold(m.value)]
    if not values:
        return _unmeasured(test, case, test.at_least)
    met = len(hits) >= test.at_least and len({m.at.date() for m in hits}) >= test.days
    facts = tuple(fact_of(m) for m in hits[-test.at_least :])
    return Examined(met, facts or (fact_of(values[-1]),))


def _rise(test: Rise, case: Case) -> Examined:
    values = case.series(test.kind, home=test.home, within=test.within)
    if len(values) < 2:
        return _unmeasured(test, case, 2)
    lowest = min(values[:-1], key=lambda m: m.value)
    met = values[-1].value - lowest.value >= test.by
    return Examined(met, (fact_of(lowest), fact_of(values[-1])))


def _measured(test: AnyValue, case: Case) -> Examined:
    values = case.series(test.kind, home=test.home, within=test.within)
    return Examined(True, (fact_of(values[-1]),)) if values else Examined(False)


def _unmeasured(test: Of, case: Case, readings: int) -> Examined:
    have = len(case.series(test.kind, home=test.home, within=test.within))
    parts = [f"{have} of {readings}"] if readings > 1 else []
    parts += [f"within {test.within}"] if test.within else []
    parts += ["home"] if test.home else []
    return Examined(None, (), (Missing(test.kind, ", ".join(parts)),))


def _risk(test: Risk, case: Case) -> Examined:
    missing = Examined(None, (), (Missing(f"risk:{test.equation}", test.outcome),))
    if case.profile is None or test.equation not in case.profile.evaluations:
        return missing
    try:
        result = case.profile.evaluations[test.equation][test.outcome]
    except KeyError:
        return missing
    if not isinstance(result, Result):
        named = tuple(Missing(p.variable, str(p.kind)) for p in result.problems)
        return Examined(None, (), named or missing.missing)
    met = result.category in test.category if test.value is None else test.value.hold(result.value)
    words = f"{result.value:.3g}" + (f" ({result.category})" if result.category else "")
    return Examined(met, (Fact(f"risk:{test.equation}", words, case.profile.on),))


def _goals_met(group: str, case: Case) -> Examined:
    met = case.goals.get(group)
    return Examined(met, (), (Missing(f"goal:{group}"),) if met is None else ())


def _every(parts: Sequence[Condition], case: Case) -> Examined:
    return all_of(examine(part, case) for part in parts)


def _some(parts: Sequence[Condition], case: Case) -> Examined:
    return any_of(examine(part, case) for part in parts)


def _negated(part: Condition, case: Case) -> Examined:
    found = examine(part, case)
    return Examined(None if found.met is None else not found.met, found.facts, found.missing)


def _past(day: date | None, on: date) -> bool:
    return day is None or day <= on


def _in_time(test: Dated, day: date, on: date) -> bool:
    return (test.within is None or test.within.covers(day, on)) and (
        test.before is None or day <= test.before.before(on)
    )


def _earliest(found: Sequence[tuple[Fact, date | None]]) -> Fact:
    """Since when a disease is known: a later code for its complication does not begin it anew."""
    return min(found, key=lambda one: one[1] or date.max)[0]


def _newest(found: Sequence[tuple[Fact, date | None]]) -> Fact:
    return max(found, key=lambda one: one[1] or date.min)[0]


def _first(kinds: Sequence[str], wanted: Sequence[str]) -> str:
    return next(kind for kind in wanted if kind in kinds)


_EXAMINERS: Mapping[str, Callable[..., Examined]] = {
    "age": _age,
    "sex": _sex,
    "smoking": _smoking,
    "problem": _problem,
    "takes": _takes,
    "procedure": _procedure,
    "imaging": _imaging,
    "latest": _latest,
    "mean": _mean,
    "count": _count,
    "rise": _rise,
    "measured": _measured,
    "risk": _risk,
    "goals_met": _goals_met,
    "every": _every,
    "some": _some,
    "negated": _negated,
}
