"""The risk of one person on one day: the equations that fit, and what stands beside them."""

from collections.abc import Sequence
from datetime import date

from clinical_ai.messages import N_, Message
from clinical_ai.record_settings import RiskSettings
from clinical_ai.records.record import ClinicalRecord, ImagingFact
from clinical_ai.risk.enhancers import calcium_score, risk_enhancers
from clinical_ai.risk.facts import EquationInputs, equation_inputs, known_until, stale
from clinical_ai.risk.panel import Choice, Person, choose_panel
from clinical_ai.risk.profile import RiskProfile, UsedFact
from risk_models import EQUATIONS, Evaluation, Result, evaluate

_KIDNEY = "ckd_epi_2021"
_DEFAULT_PLACE = RiskSettings()


def assess_risk(
    record: ClinicalRecord,
    on: date,
    imaging: Sequence[ImagingFact] = (),
    *,
    place: RiskSettings = _DEFAULT_PLACE,
) -> RiskProfile:
    """Return the risk of a person on a day, from facts not later than that day.

    Imaging stands beside the equations as named enhancers. Only a signed coronary calcium
    score enters one, the MESA equation, which was published with it.

    Parameters
    ----------
    imaging
        Imaging results beside those of the record, the oldest first.
    place
        Where the people of the site live.
    """
    seen = sorted(
        (f for f in (*record.imaging, *imaging) if f.on is None or f.on <= on),
        key=lambda f: f.on or date.min,
    )
    record = known_until(record, on)
    inputs = equation_inputs(record, on)
    kidney = _with_egfr(inputs)
    person = Person(inputs.values, _signed_calcium_score(seen), record.demographics.deceased)
    choices, panel = choose_panel(person, place)
    evaluations: dict[str, Evaluation] = {}
    for choice in choices:
        evaluations[choice.equation] = (
            kidney
            if choice.equation == _KIDNEY and kidney is not None
            else evaluate(choice.equation, {**inputs.record, **choice.given}, choice.variant)
        )
    entered = _inputs_of(choices)
    used = {name: fact for name, fact in inputs.used.items() if name in entered}
    return RiskProfile(
        person=record.person,
        on=on,
        evaluations=evaluations,
        used=used,
        enhancers=risk_enhancers(record, on, seen),
        assumptions=tuple(m for name, m in inputs.assumed.items() if name in entered),
        panel=tuple(panel),
        stale=stale(used),
    )


def _inputs_of(choices: Sequence[Choice]) -> set[str]:
    """Return the names of all inputs of the chosen equations."""
    return {
        variable.name
        for choice in choices
        for variable in EQUATIONS[choice.equation].variant(choice.variant).variables
    }


def _with_egfr(inputs: EquationInputs) -> Evaluation | None:
    """Estimate the GFR from creatinine where the record gives no eGFR; it enters the equations."""
    if "creatinine" not in inputs.values:
        return None
    kidney = evaluate(_KIDNEY, inputs.record)
    found = kidney["egfr"]
    if "egfr" not in inputs.values and isinstance(found, Result):
        inputs.record["egfr"] = found.value
        creatinine = inputs.used.get("creatinine")
        if creatinine is not None:
            inputs.used["egfr"] = UsedFact(
                "egfr",
                round(found.value, 1),
                str(found.unit),
                creatinine.on,
                creatinine.source,
                creatinine.age_days,
            )
        inputs.assumed["egfr"] = Message(
            N_("eGFR computed from creatinine by the CKD-EPI equation of 2021.")
        )
    return kidney


def _signed_calcium_score(imaging: Sequence[ImagingFact]) -> float | None:
    """Return the newest Agatston score that a clinician has signed."""
    signed = [f for f in imaging if f.kind == "coronary_artery_calcium" and f.signed]
    return calcium_score(signed[-1]) if signed else None
