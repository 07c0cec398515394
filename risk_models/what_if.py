"""What one change would mean for one person's risk: stop smoking, lower SBP, take a statin.

Smoking and blood pressure: the equation is asked again with the changed input. That compares
two people of the cohort, which is not the effect of a treatment, and the answer says so.
Statin: the equations' lipid terms are associations too, so the proportional effect found in
trials is applied to the risk instead.
"""

from collections.abc import Callable
from dataclasses import dataclass

from risk_models.equations.registry import equation_named
from risk_models.records import Record, field_of
from risk_models.results import Evaluation, Refusal, Result, outcome_key
from risk_models.scoring import evaluate
from risk_models.text import N_, Message

STATIN_RATE_RATIO_PER_MMOL_L = 0.79
"""Major vascular events per 1.0 mmol/L lower LDL cholesterol (95 % CI 0.77-0.81).

Cholesterol Treatment Trialists. Lancet 2012;380:581-590, doi:10.1016/S0140-6736(12)60367-5.
"""

STATIN_OUTCOMES = frozenset({"ascvd", "cvd", "chd", "ischaemic_heart_disease", "ischaemic_stroke"})
"""Outcomes near the trials' "major vascular events"; heart failure and haemorrhage are not."""

_TWO_PEOPLE = Message(
    N_("The difference between two such people, not the proven effect of a treatment.")
)


@dataclass(frozen=True, slots=True)
class StopSmoking:
    """The same person as a non-smoker."""


@dataclass(frozen=True, slots=True)
class LowerSystolic:
    """Systolic pressure lower by `mmhg` (mmHg, above 0)."""

    mmhg: float = 20.0


@dataclass(frozen=True, slots=True)
class TakeStatin:
    """A statin that lowers LDL cholesterol by `ldl_fall_mmol_l` (mmol/L, above 0)."""

    ldl_fall_mmol_l: float = 1.0


Change = StopSmoking | LowerSystolic | TakeStatin


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One outcome before and after a change.

    Parameters
    ----------
    after
        Probability after the change; None if the change means nothing here.
    reason
        Why `after` is None.
    assumption
        What the comparison rests on.
    """

    change: Change
    before: Result
    after: float | None
    assumption: Message
    reason: Message | None = None

    @property
    def absolute_fall(self) -> float | None:
        """Fall of the probability."""
        return None if self.after is None else self.before.value - self.after


def what_if(
    equation: str, record: Record, outcome: str, change: Change, variant: str | None = None
) -> WhatIf | Refusal:
    """Compare one outcome before and after one change.

    Parameters
    ----------
    equation, record, variant
        As in `risk_models.evaluate`.
    outcome
        Outcome key, e.g. ``ascvd_10y``.

    Returns
    -------
    WhatIf or Refusal
        A refusal if the risk itself cannot be computed.
    """
    before = evaluate(equation, record, variant)[outcome]
    if isinstance(before, Refusal):
        return before
    match change:
        case StopSmoking():
            return _stop_smoking(change, before)
        case LowerSystolic():
            return _lower_systolic(change, before)
        case TakeStatin():
            return _take_statin(change, before)


def _stop_smoking(change: StopSmoking, before: Result) -> WhatIf:
    smoking = next((n for n in ("current_smoker", "daily_smoker") if n in before.inputs), None)
    if smoking is None:
        return _nothing(change, before, N_("The equation does not ask about smoking."))
    if before.inputs[smoking] is not True:
        return _nothing(change, before, N_("The person does not smoke."))
    return _again(change, before, lambda inputs: {**inputs, smoking: False})


def _lower_systolic(change: LowerSystolic, before: Result) -> WhatIf:
    if not change.mmhg > 0:
        raise ValueError(f"A fall of {change.mmhg} mmHg is none; give a number above 0.")
    systolic = before.inputs.get("systolic_bp")
    if not isinstance(systolic, float):
        return _nothing(change, before, N_("The equation does not ask for blood pressure."))
    lower = systolic - change.mmhg
    return _again(change, before, lambda inputs: {**inputs, "systolic_bp": lower})


def _take_statin(change: TakeStatin, before: Result) -> WhatIf:
    fall = change.ldl_fall_mmol_l
    if not fall > 0:
        raise ValueError(f"An LDL fall of {fall} mmol/L is none; give a number above 0.")
    assumption = Message(
        N_(
            "Rate ratio {ratio} per 1.0 mmol/L lower LDL cholesterol, as in trials of about five "
            "years, taken to hold for the whole horizon."
        ),
        {"ratio": STATIN_RATE_RATIO_PER_MMOL_L},
    )
    if before.outcome not in STATIN_OUTCOMES:
        reason = Message(N_("The trials' effect is not known for this outcome."))
        return WhatIf(change, before, None, assumption, reason)
    if before.inputs.get("statin") or before.inputs.get("lipid_lowering_drug"):
        reason = Message(N_("The person takes a lipid-lowering drug already."))
        return WhatIf(change, before, None, assumption, reason)
    ratio = STATIN_RATE_RATIO_PER_MMOL_L**fall
    return WhatIf(change, before, float(1.0 - (1.0 - before.value) ** ratio), assumption)


def _again(
    change: Change, before: Result, changed: Callable[[dict[str, object]], dict[str, object]]
) -> WhatIf:
    evaluation = _reevaluate(before, changed(dict(before.inputs)))
    after = evaluation[outcome_key(before.outcome, before.horizon_years)]
    if isinstance(after, Refusal):
        reason = N_("The changed value is outside what the equation accepts.")
        return _nothing(change, before, reason)
    return WhatIf(change, before, after.value, _TWO_PEOPLE)


def _reevaluate(before: Result, inputs: dict[str, object]) -> Evaluation:
    """Evaluate inputs that are in the equation's own units."""
    chosen = equation_named(before.equation).variant(before.variant)
    record = {field_of(variable): inputs[variable.name] for variable in chosen.variables}
    return evaluate(before.equation, record, before.variant)


def _nothing(change: Change, before: Result, reason: str) -> WhatIf:
    return WhatIf(change, before, None, _TWO_PEOPLE, Message(reason))
