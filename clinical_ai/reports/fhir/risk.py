"""RiskAssessment: what an equation says of a person on one day, or why it says nothing.

A probability goes out in per cent: FHIR R4 says of ``probabilityDecimal`` "values are expressed
as percentages (max = 100)" and has the constraint ras-2 for it. The same number stands in words
in ``rationale``, with its unit.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from clinical_ai import codes
from clinical_ai.codes import PRIVATE_SCHEME, Code
from clinical_ai.messages import N_, Message
from clinical_ai.reports import statements
from clinical_ai.reports.fhir import vocabulary as hl7
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.elements import (
    CODE_SYSTEMS,
    IDENTIFIERS,
    UCUM,
    Element,
    Resource,
    coding,
    day_after,
    decimal,
    identifier,
    instant,
    narrative,
    new_resource,
    notes,
    reference_to,
)
from clinical_ai.reports.fhir.finished import finished
from clinical_ai.reports.fhir.provenance import immutable
from clinical_ai.reports.fhir.told import PatientLink
from clinical_ai.risk.profile import RiskProfile, UsedFact
from clinical_ai.texts import Texts
from risk_models import EQUATIONS, Evaluation, Refusal, Result, Unit
from risk_models.results import outcome_key
from risk_models.translation import RiskTexts
from risk_models.units import printed

# By equation and outcome: the code of the assessment, where LOINC has one.
_CODES: dict[tuple[str, str], Code] = {
    ("pce_2013", "ascvd_10y"): codes.RISK_ASCVD_10Y_PCE,
    ("framingham_cvd_2008", "cvd_10y"): codes.RISK_CVD_10Y_FRAMINGHAM,
}
# Measured quantities that an equation estimates are no risks; they are Observations of the
# laboratory, which has its own equation.
_TOLD_UNITS = (Unit.PROBABILITY, Unit.POINTS)

NO_NUMBER = N_("No number for {outcome}: {problems}")
ENHANCER = N_("Risk enhancer, not part of the equation: {statement} ({citation})")
UNSIGNED = N_("Risk enhancer of an AI result that nobody has signed: {statement} ({citation})")


def risk_resources(
    profile: RiskProfile, patient: PatientLink, texts: Texts, *, origin: str, made_at: datetime
) -> tuple[Resource, ...]:
    """Return one RiskAssessment for each equation of the profile, and how they came to be.

    Parameters
    ----------
    origin
        The receiver: a FHIR server of the settings, or ``"local"``. Facts that it holds itself
        are referred to; others are named in words.
    made_at
        When the profile was computed, with its zone.
    """
    told = [e for e in profile.evaluations.values() if _outcomes(e)]
    made = [_assessment(profile, e, patient, texts, origin) for e in told]
    if not made:
        return ()
    return finished([software_device(), *made, _provenance(profile, made, origin, made_at)])


def _outcomes(evaluation: Evaluation) -> list[Result | Refusal]:
    """Return the outcomes that are risks, refused ones too."""
    variant = EQUATIONS[evaluation.equation].variant(evaluation.variant)
    told = {outcome.key for outcome in variant.outcomes if outcome.unit in _TOLD_UNITS}
    return [o for o in evaluation if outcome_key(o.outcome, o.horizon_years) in told]


def _assessment(
    profile: RiskProfile, evaluation: Evaluation, patient: PatientLink, texts: Texts, origin: str
) -> Resource:
    words = RiskTexts(texts.language)
    outcomes = _outcomes(evaluation)
    results = [o for o in outcomes if isinstance(o, Result)]
    equation = EQUATIONS[evaluation.equation]
    said = [
        *(_refusal(o, words, texts) for o in outcomes if isinstance(o, Refusal)),
        *(texts.message(m) for m in profile.assumptions),
        *_enhancers(profile, texts),
        *_facts_elsewhere(profile, evaluation, origin),
    ]
    key = (profile.person, evaluation.equation, evaluation.variant, profile.on.isoformat())
    predictions = [_prediction(r, profile.on, words) for r in results]
    resource: Resource = {
        **new_resource("RiskAssessment", *key),
        # Without a single number there is no assessment, only the reasons why not.
        "status": "preliminary" if results else "cancelled",
        "method": _method(evaluation, f"{words.word(equation.title)}. {equation.source}"),
        "subject": patient.subject(),
        "occurrenceDateTime": profile.on.isoformat(),
        "performer": reference_to(software_device()),
        "basis": _basis(profile, evaluation, origin),
        "prediction": predictions,
        "note": notes(said),
        "text": narrative(
            [words.word(equation.title), *(p["rationale"] for p in predictions), *said]
        ),
    }
    code = next((c for o in outcomes if (c := _code(o)) is not None), None)
    if code is not None:
        resource["code"] = {"coding": [coding(code)], "text": texts.code(code)}
    return resource


def _code(outcome: Result | Refusal) -> Code | None:
    key = outcome_key(outcome.outcome, outcome.horizon_years)
    return _CODES.get((outcome.equation, key))


def _method(evaluation: Evaluation, text: str) -> Element:
    code = f"{evaluation.equation}/{evaluation.variant}"
    return {"coding": [{"system": CODE_SYSTEMS[PRIVATE_SCHEME], "code": code}], "text": text}


def _prediction(result: Result, on: date, words: RiskTexts) -> Element:
    name = words.outcome(result.outcome, result.horizon_years)
    prediction: Element = {
        "outcome": {
            "coding": [
                {
                    "system": CODE_SYSTEMS[PRIVATE_SCHEME],
                    "code": f"outcome/{result.outcome}",
                }
            ],
            "text": name,
        },
        **_when(result, on),
    }
    if result.unit is Unit.PROBABILITY:
        prediction["probabilityDecimal"] = decimal(result.percent)
        amount = f"{result.percent:.1f} %"
    else:
        amount = f"{statements.number(result.value)} {words.word(printed(result.unit))}"
    if result.category is not None:
        prediction["qualitativeRisk"] = {"text": words.word(result.category)}
    cautions = [words.caution(c) for c in result.warnings]
    prediction["rationale"] = "\n".join([f"{name}: {amount.strip()}", *cautions])
    return prediction


def _when(result: Result, on: date) -> Element:
    """Return the ages over which the risk runs; the dates where the age is not known."""
    years = result.horizon_years
    if years is None:
        return {}
    age = result.inputs.get("age")
    if isinstance(age, int | float) and not isinstance(age, bool):
        return {"whenRange": {"low": _years(age), "high": _years(age + years)}}
    end = day_after(on, 12 * years)
    return {"whenPeriod": {"start": on.isoformat(), "end": end.isoformat()}}


def _years(value: float) -> Element:
    return {"value": decimal(value), "unit": "a", "system": UCUM, "code": "a"}


def _refusal(refusal: Refusal, words: RiskTexts, texts: Texts) -> str:
    values = {
        "outcome": words.outcome(refusal.outcome, refusal.horizon_years),
        "problems": " ".join(words.problem(p) for p in refusal.problems),
    }
    return texts.message(Message(NO_NUMBER, {**values}))


def _enhancers(profile: RiskProfile, texts: Texts) -> Iterator[str]:
    for enhancer in profile.enhancers:
        yield texts.message(
            Message(
                ENHANCER if enhancer.signed else UNSIGNED,
                {"statement": texts.message(enhancer.statement), "citation": enhancer.citation},
            )
        )


def _used_by(profile: RiskProfile, evaluation: Evaluation) -> list[UsedFact]:
    """Return the facts that an equation asks for; a field may state its unit after the name."""
    names = [v.name for v in EQUATIONS[evaluation.equation].variant(evaluation.variant).variables]
    return [
        fact
        for field, fact in profile.used.items()
        if any(field == name or field.startswith(f"{name}_") for name in names)
    ]


def _basis(profile: RiskProfile, evaluation: Evaluation, origin: str) -> list[Element]:
    references = dict.fromkeys(
        fact.source.reference
        for fact in _used_by(profile, evaluation)
        if fact.source is not None and fact.source.origin == origin
    )
    return [{"reference": reference} for reference in references]


def _facts_elsewhere(profile: RiskProfile, evaluation: Evaluation, origin: str) -> Iterator[str]:
    for fact in _used_by(profile, evaluation):
        if fact.source is not None and fact.source.origin != origin:
            day = "" if fact.on is None else f" ({fact.on.isoformat()})"
            yield f"{fact.field} = {fact.value} {fact.unit}".rstrip() + day


def _provenance(
    profile: RiskProfile, made: list[Resource], origin: str, made_at: datetime
) -> Resource:
    device = reference_to(software_device())
    facts = dict.fromkeys(f.source for f in profile.used.values() if f.source is not None)
    sources: list[dict[str, Any]] = [
        {"reference": source.reference}
        if source.origin == origin
        else {"identifier": identifier(IDENTIFIERS, f"{source.origin}/{source.reference}")}
        for source in facts
    ]
    return {
        **immutable("Provenance", "risk", profile.person, profile.on.isoformat()),
        "target": [reference_to(r) for r in made],
        "occurredDateTime": profile.on.isoformat(),
        "recorded": instant(made_at.astimezone(UTC)),
        "activity": hl7.CREATE.concept,
        "agent": [
            {"type": hl7.ASSEMBLER.concept, "who": device},
            {"type": hl7.AUTHOR.concept, "who": device},
        ],
        "entity": [{"role": "source", "what": what} for what in sources],
    }
