"""Probability that a nodule is cancer, by published equations: Brock (PanCan) and Mayo.

The equations are those of `risk_models`. An input that neither the record nor the reader
knows is not guessed: the probability is given as a range over its values, and it is named.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from clinical_ai import codes
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.findings import Assessment, Finding
from clinical_ai.messages import N_, Message
from risk_models import Refusal, Result, evaluate

BROCK = "Brock (PanCan)"
MAYO = "Mayo"
NOT_CALCULATED = N_("not calculated")
SCHEMES: Mapping[str, str] = {BROCK: "brock_pancan", MAYO: "mayo_nodule"}

_SEXES = {"M": "male", "F": "female"}
_NODULE_TYPES = {
    codes.SOLID: "solid",
    codes.PART_SOLID: "part_solid",
    codes.GROUND_GLASS: "nonsolid",
}
_SOLITARY_FREE_YEARS = 5  # Swensen 1997 took no patient with cancer in the last five years
_NAMES: dict[str, str] = {
    "age": N_("age"),
    "sex": N_("sex"),
    "ever_smoker": N_("smoking"),
    "family_history_lung_cancer": N_("lung cancer in the family"),
    "emphysema": N_("emphysema"),
    "cancer_history_over_5_years": N_("cancer more than 5 years ago"),
    "upper_lobe": N_("upper lobe"),
    "spiculation": N_("spiculation"),
    "nodule_size": N_("nodule size"),
    "nodule_diameter": N_("nodule size"),
    "nodule_type": N_("composition"),
    "nodule_count": N_("number of nodules"),
}
"""Inputs as people call them."""

_ADVICE = {
    BROCK: Message(
        N_(
            "A probability of the published equation, not the confidence of the model. Made for "
            "smokers of 50 to 75 years at a first screening CT."
        )
    ),
    MAYO: Message(
        N_(
            "A probability of the published equation, not the confidence of the model. Made for "
            "a single nodule of 4 to 30 mm in people without cancer in the last 5 years."
        )
    ),
}
_RULES = {
    BROCK: Message(N_("Full model with spiculation (2b), on the longest diameter")),
    MAYO: Message(N_("Clinical and CT data, on the longest diameter")),
}
COUNTED = Message(N_("The number of nodules is that of the findings of the model."))
SIZE_IS_MEAN = Message(N_("Longest diameter not measured: the mean diameter was used."))
TYPE_ASSUMED = Message(N_("Composition unknown: assumed solid."))
# What `risk_models` says of these equations, marked for the catalogues
CAUTIONS = (
    N_("Published for ages {low} to {high}; the number is an extrapolation."),
    N_("More than {size} mm is a mass, not a nodule."),
)

_Inputs = dict[str, float | bool | str | None]


def probabilities(
    finding: Finding, count: int, context: AssessmentContext
) -> tuple[Assessment, ...]:
    """Return the probability of each equation that fits one nodule.

    Brock for every nodule; Mayo only for a single one of 4 to 30 mm, and not after cancer in
    the last five years, for which it was not made.

    Parameters
    ----------
    count
        Nodules found in the study, 1 or more.
    """
    size, notes = _size(finding)
    if size is None:
        return ()
    kind = finding.quality(codes.NODULE_COMPOSITION)
    kind_name = None if kind is None else _NODULE_TYPES.get(kind)
    age = None if context.age_years is None else float(context.age_years)
    brock: _Inputs = {
        "age": age,
        "sex": _SEXES.get(context.sex or ""),
        "family_history_lung_cancer": context.lung_cancer_in_family,
        "emphysema": context.emphysema,
        "nodule_size": size,
        "nodule_type": kind_name or "solid",
        "nodule_count": float(count),
        "upper_lobe": None,
        "spiculation": None,
    }
    type_notes = () if kind_name else (TYPE_ASSUMED,)
    of_brock = (*notes, *type_notes, COUNTED, *_absent(context, brock))
    found = [_assess(BROCK, brock, of_brock, finding.id)]
    recent = (
        context.years_since_cancer is not None
        and context.years_since_cancer <= _SOLITARY_FREE_YEARS
    )
    if count == 1 and not recent:
        mayo: _Inputs = {
            "age": age,
            "ever_smoker": None if context.smoking is None else context.smoking != "never",
            "cancer_history_over_5_years": _old_cancer(context),
            "nodule_diameter": size,
            "upper_lobe": None,
            "spiculation": None,
        }
        found.append(_assess(MAYO, mayo, (*notes, *_absent(context, mayo)), finding.id))
    return tuple(found)


def counted_again(assessment: Assessment, count: int) -> Assessment | None:
    """Return an assessment of this module for another number of nodules in the study.

    None when the equation does not speak of that many nodules.
    """
    inputs = dict(assessment.inputs or {})
    if "nodule_count" in inputs:
        inputs["nodule_count"] = float(count)
    elif count != 1:
        return None
    computed = _computed_notes(assessment.scheme, dict(assessment.inputs or {}))
    kept = tuple(note for note in assessment.assumptions if note not in computed)
    return _assess(assessment.scheme, inputs, kept, assessment.finding_id)


def _assess(
    scheme: str, inputs: _Inputs, notes: tuple[Message, ...], finding_id: str | None
) -> Assessment:
    outcomes = [_lung_cancer(scheme, filled) for filled in _fillings(inputs)]
    values = [o.value for o in outcomes if isinstance(o, Result)]
    return Assessment(
        scheme=scheme,
        category=_percent(min(values), max(values)) if values else NOT_CALCULATED,
        code=None,
        recommendation=_ADVICE[scheme],
        branch=_RULES[scheme],
        assumptions=(*_computed_notes(scheme, inputs), *notes),
        citation=outcomes[0].citation,
        finding_id=finding_id,
        inputs=inputs,
    )


def _lung_cancer(scheme: str, inputs: _Inputs) -> Result | Refusal:
    return evaluate(SCHEMES[scheme], inputs)["lung_cancer"]


def _computed_notes(scheme: str, inputs: _Inputs) -> tuple[Message, ...]:
    """Return what follows from the inputs alone: what is missing, and the equation's cautions."""
    notes = [
        Message(N_("Not known, so the range over yes and no is given: {input}."), {"input": name})
        for name in (_NAMES[n] for n, v in inputs.items() if v is None and n in _YES_OR_NO)
    ]
    outcome = _lung_cancer(scheme, next(_fillings(inputs)))
    if isinstance(outcome, Refusal):
        notes = [
            Message(
                N_("Not calculated: {input} is missing or outside of what the equation takes."),
                {"input": _NAMES[problem.variable]},
            )
            for problem in outcome.problems
        ]
    else:
        notes += [Message(c.message.template, dict(c.message.values)) for c in outcome.warnings]
    return tuple(notes)


_YES_OR_NO = frozenset(
    {
        "ever_smoker",
        "family_history_lung_cancer",
        "emphysema",
        "cancer_history_over_5_years",
        "upper_lobe",
        "spiculation",
    }
)


def _fillings(inputs: _Inputs) -> Iterator[_Inputs]:
    """Yield the inputs with every combination of the unknown yes-or-no ones."""
    unknown = [name for name, value in inputs.items() if value is None and name in _YES_OR_NO]
    for chosen in product((False, True), repeat=len(unknown)):
        yield {**inputs, **dict(zip(unknown, chosen, strict=True))}


def _percent(low: float, high: float) -> str:
    """Return one probability or a range in per cent with one decimal."""
    texts = [f"{100 * value:.1f}" for value in (low, high)]
    return f"{texts[0]} %" if texts[0] == texts[1] else f"{texts[0]}–{texts[1]} %"


def _size(finding: Finding) -> tuple[float | None, tuple[Message, ...]]:
    longest = finding.measurement(codes.LONG_AXIS)
    if longest is not None:
        return float(longest), ()
    mean = finding.measurement(codes.MEAN_DIAMETER)
    return None if mean is None else float(mean), (SIZE_IS_MEAN,)


def _old_cancer(context: AssessmentContext) -> bool | None:
    """Return whether there was cancer more than five years ago; None when that is not known."""
    if context.known_cancer and context.years_since_cancer is None:
        return None
    return context.known_cancer


_FIELD_OF_INPUT = {
    "family_history_lung_cancer": "lung_cancer_in_family",
    "emphysema": "emphysema",
    "cancer_history_over_5_years": "known_cancer",
}


def _absent(context: AssessmentContext, inputs: _Inputs) -> tuple[Message, ...]:
    """Return what was taken as absent because the record does not list it."""
    return tuple(
        Message(N_("Not listed in the record, taken as absent: {input}."), {"input": _NAMES[name]})
        for name in inputs
        if _FIELD_OF_INPUT.get(name) in context.taken_as_absent
    )
