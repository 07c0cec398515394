"""Flow of the Chinese guideline on cardiovascular risk assessment and management 2019.

Chin Circ J 2019;34:4-28 (primary source read). The lifetime equation the flow asks for is not
published: a lifetime risk must come from the official calculator. The flow chart of the 2020
guideline on primary prevention was not found and is not offered.
"""

from risk_models.guidelines.classification import (
    Answer,
    Classification,
    Guideline,
    NotClassified,
    number,
    read,
)
from risk_models.records import Record
from risk_models.results import ProblemKind, Result
from risk_models.scoring import evaluate
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import Flag, Measure

GUIDELINE = Guideline(
    "china_cvd_guideline_2019_flow",
    "Chinese guideline on cardiovascular risk assessment and management",
    "2019",
    "Chinese guideline on the assessment and management of cardiovascular risk, "
    "Chin Circ J 2019;34:4-28",
    "primary source read",
)
MEDIUM_FROM, HIGH_FROM = 5.0, 10.0
"""Per cent, 10-year China-PAR risk."""
LIFETIME_HIGH_FROM = 32.8
"""Per cent."""
LIFETIME_AGES = (20, 60)
"""From 20 to 59 completed years."""

_AGE = Measure("age", Unit.YEAR, 0, 120)
_TEN_YEAR = Measure("ten_year_risk", Unit.PERCENT, 0, 100)
_LIFETIME = Measure("lifetime_risk", Unit.PERCENT, 0, 100)
_OFFERED = Message(
    N_("The lifetime equation is not published; take the risk from the official calculator.")
)


def ten_year_class(record: Record) -> Answer:
    """Class of a 10-year risk in per cent (``ten_year_risk``), unrounded: 4.97 is low."""
    values, problems = read((_TEN_YEAR,), record)
    risk = number(values, "ten_year_risk")
    if problems or risk is None:
        return NotClassified(GUIDELINE, "ten-year risk", problems)
    if risk >= HIGH_FROM:
        return _answer("ten-year risk", "high", Message(N_("10 % or more")))
    if risk >= MEDIUM_FROM:
        return _answer("ten-year risk", "medium", Message(N_("5.0 to 9.9 %")))
    return _answer("ten-year risk", "low", Message(N_("below 5 %")))


def lifetime_class(record: Record) -> Answer:
    """Class of a lifetime risk in per cent (``lifetime_risk``), defined for ages 20 to 59."""
    values, problems = read((_AGE, _LIFETIME), record)
    years = number(values, "age")
    if years is not None and not LIFETIME_AGES[0] <= years < LIFETIME_AGES[1]:
        return _answer("lifetime risk", "no lifetime estimate", Message(N_("age not 20 to 59")))
    risk = number(values, "lifetime_risk")
    if problems or risk is None:
        only_risk = [p.variable for p in problems] == ["lifetime_risk"]
        missing = only_risk and problems[0].kind is ProblemKind.MISSING
        return NotClassified(GUIDELINE, "lifetime risk", problems, _OFFERED if missing else None)
    if risk >= LIFETIME_HIGH_FROM:
        return _answer("lifetime risk", "lifetime high", Message(N_("32.8 % or more")))
    return _answer("lifetime risk", "lifetime low", Message(N_("below 32.8 %")))


def assess(record: Record) -> Answer:
    """Follow the whole flow for one person.

    Parameters
    ----------
    record
        ``cvd`` (diagnosed cardiovascular disease) and ``age``; for the 10-year risk either
        ``ten_year_risk`` in per cent or the inputs of China-PAR; ``lifetime_risk`` in per cent
        from the official calculator, if known.

    Returns
    -------
    Classification or NotClassified
        "very high", "high", or "low"/"medium" with the lifetime class in the details.
    """
    values, problems = read((Flag("cvd"), _AGE), record)
    if values["cvd"]:
        step = Message(N_("cardiovascular disease is present: not scored"))
        return _answer("flow", "very high", step)
    if problems:
        return NotClassified(GUIDELINE, "flow", problems)
    years = number(values, "age")
    assert years is not None
    if years < LIFETIME_AGES[0]:
        reason = Message(N_("The flow starts at 20 years."))
        return NotClassified(GUIDELINE, "flow", (), reason)
    ten_year = _ten_year(record)
    if isinstance(ten_year, NotClassified) or ten_year.category == "high":
        return ten_year
    lifetime = lifetime_class(record)
    details: dict[str, str | float | bool | None] = {"lifetime": None}
    branch, notes = ten_year.branch, ten_year.notes
    if isinstance(lifetime, Classification):
        details["lifetime"] = lifetime.category
        branch = (*branch, *lifetime.branch)
    elif lifetime.reason is not None:
        notes = (*notes, lifetime.reason)
    else:
        return lifetime
    return Classification(GUIDELINE, "flow", ten_year.category, branch, details, notes)


def reassess_after(age_years: float, *, high_risk: bool, risk_factors: bool) -> Answer:
    """When to assess again.

    Parameters
    ----------
    high_risk
        10-year risk high, or one factor at its treatment threshold.
    risk_factors
        Any risk factor.
    """
    if high_risk:
        step = Message(N_("high risk or a factor at its treatment threshold"))
        return _answer("reassessment", "yearly", step)
    if age_years >= 35:
        if risk_factors:
            return _answer("reassessment", "1-2 years", Message(N_("35 and over, risk factors")))
        return _answer("reassessment", "2-3 years", Message(N_("35 and over, no risk factors")))
    if age_years >= 20 and risk_factors:
        return _answer("reassessment", "3-5 years", Message(N_("20 to 34 with risk factors")))
    reason = Message(N_("The guideline names no interval for this age without risk factors."))
    return NotClassified(GUIDELINE, "reassessment", (), reason)


def _ten_year(record: Record) -> Answer:
    """From a given risk, or from China-PAR on the record."""
    given = {name: record[name] for name in _TEN_YEAR.fields if name in record}
    if given:
        return ten_year_class(given)
    outcome = evaluate("china_par_10y", record)["ascvd_10y"]
    if not isinstance(outcome, Result):
        return NotClassified(GUIDELINE, "flow", outcome.problems)
    answer = ten_year_class({"ten_year_risk": outcome.percent})
    assert isinstance(answer, Classification)
    details = {"ten_year_risk_percent": outcome.percent}
    return Classification(
        GUIDELINE,
        "flow",
        answer.category,
        (Message(N_("China-PAR 10-year risk")), *answer.branch),
        details,
        tuple(warning.message for warning in outcome.warnings),
    )


def _answer(rule: str, category: str, step: Message) -> Classification:
    return Classification(GUIDELINE, rule, category, (step,))
