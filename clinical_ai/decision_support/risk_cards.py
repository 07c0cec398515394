"""Ten-year cardiovascular risk: the panel of equations, and what is missing for each."""

from collections.abc import Iterator

from clinical_ai.decision_support.advice import DECISION_REASONS, Advice, Sentence
from clinical_ai.decision_support.citations import CHINA_LIPID_2023, Citation
from clinical_ai.decision_support.situation import Situation
from clinical_ai.messages import N_, Message
from risk_models import Refusal, Result
from risk_models.equations import EQUATIONS, equation_named
from risk_models.units import Unit

PANEL = (
    ("china_par_10y", "ascvd_10y"),
    ("score2_asia_pacific", "cvd_10y"),
    ("prevent_2023", "total_cvd_10y"),
)
"""Equation and outcome; the first that has a number leads the card."""

_AGES = range(30, 80)
"""PREVENT's, the widest of the three: China-PAR starts at 35, SCORE2 Asia-Pacific at 40."""


def risk_advice(situation: Situation) -> Iterator[Advice]:
    """Yield the risk card of an adult without known cardiovascular disease, or what it lacks.

    The equations are for people without cardiovascular disease; with it the card says so and
    gives no number.
    """
    profile, age = situation.profile, situation.age
    if profile is None or (age is not None and age not in _AGES):
        return
    disease = [p for p in situation.record.problems if set(p.kinds) & _DISEASE]
    if disease:
        yield _known_disease()
        return
    evaluations = {
        name: (profile.evaluations[name], key) for name, key in PANEL if name in profile.evaluations
    }
    if not evaluations:
        return
    answers = [evaluation[key] for evaluation, key in evaluations.values()]
    results = [answer for answer in answers if isinstance(answer, Result)]
    lines: list[Sentence] = [line for answer in answers for line in _lines(answer)]
    lines += [enhancer.statement for enhancer in profile.enhancers]
    lines += profile.assumptions
    lines += [
        Message(N_("An unsigned imaging result is named here; it enters no equation."))
        for enhancer in profile.enhancers
        if not enhancer.signed
    ][:1]
    if not results:
        yield Advice(
            "risk-missing-data",
            "risk",
            "info",
            Message(N_("10-year cardiovascular risk cannot be computed: data are missing.")),
            tuple(lines),
            _citation(next(iter(evaluations))),
        )
        return
    lead = results[0]
    others = [name for name in evaluations if name != lead.equation]
    yield Advice(
        "ten-year-risk",
        "risk",
        "warning" if lead.category == "high" else "info",
        _summary(lead),
        tuple(lines),
        _citation(lead.equation),
        also=tuple(map(_citation, others)),
        reasons=DECISION_REASONS,
    )


_DISEASE = frozenset({"ascvd", "coronary_disease", "stroke", "tia"})


def _known_disease() -> Advice:
    return Advice(
        "risk-known-disease",
        "risk",
        "info",
        Message(N_("Known cardiovascular disease: no 10-year risk is computed.")),
        (
            Message(
                N_(
                    "The equations were made for people without cardiovascular disease. With it, "
                    "risk is very high by definition of the lipid guideline; the goals are on the "
                    "cards of blood pressure and LDL cholesterol."
                )
            ),
        ),
        CHINA_LIPID_2023,
    )


def _lines(answer: Result | Refusal) -> Iterator[Sentence]:
    title = EQUATIONS[answer.equation].title
    if isinstance(answer, Refusal):
        yield Message(N_("{equation}: not computed."), {"equation": title})
        yield from answer.problems
        return
    yield _number(answer, title)
    yield from answer.warnings


def _number(result: Result, title: str) -> Message:
    values: dict[str, str | int | float] = {"equation": title, "percent": _percent(result)}
    if result.category is None:
        return Message(N_("{equation}: {percent} %"), values)
    return Message(
        N_("{equation}: {percent} % ({category})"), values | {"category": _class(result)}
    )


def _summary(result: Result) -> Message:
    values: dict[str, str | int | float] = {
        "equation": EQUATIONS[result.equation].title,
        "percent": _percent(result),
    }
    if result.category is None:
        return Message(N_("10-year cardiovascular risk {percent} % ({equation})"), values)
    return Message(
        N_("10-year cardiovascular risk {percent} %, {category} ({equation})"),
        values | {"category": _class(result)},
    )


_CLASSES = {"low": N_("low risk"), "medium": N_("medium risk"), "high": N_("high risk")}


def _class(result: Result) -> str:
    category = result.category or ""
    return _CLASSES.get(category, category)


def _percent(result: Result) -> str:
    return f"{result.percent:.1f}" if result.unit is Unit.PROBABILITY else f"{result.value:g}"


def _citation(name: str) -> Citation:
    equation = equation_named(name)
    url = f"https://doi.org/{equation.doi}" if equation.doi else ""
    return Citation(equation.title, equation.citation, url)
