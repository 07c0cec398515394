"""Which rules run at which hook."""

from collections.abc import Callable, Iterator
from typing import Literal

from clinical_ai.decision_support.advice import Advice
from clinical_ai.decision_support.control_cards import control_advice
from clinical_ai.decision_support.drug_rules import drug_advice
from clinical_ai.decision_support.lung_screening import lung_screening_advice
from clinical_ai.decision_support.nodule_cards import nodule_advice
from clinical_ai.decision_support.pathway_cards import pathway_advice
from clinical_ai.decision_support.risk_cards import risk_advice
from clinical_ai.decision_support.scope import missing_data, order_scope
from clinical_ai.decision_support.screening_cards import screening_advice
from clinical_ai.decision_support.situation import Situation

Hook = Literal["patient-view", "order-select", "order-sign"]
Rule = Callable[[Situation], Iterator[Advice]]

_ORDER: tuple[Rule, ...] = (drug_advice, order_scope, missing_data)
RULES: dict[Hook, tuple[Rule, ...]] = {
    "patient-view": (
        risk_advice,
        control_advice,
        screening_advice,
        lung_screening_advice,
        nodule_advice,
        pathway_advice,
        missing_data,
    ),
    "order-select": _ORDER,
    "order-sign": _ORDER,
}


def advice_for(hook: Hook, situation: Situation) -> tuple[Advice, ...]:
    """Return what the rules of the hook say; nothing for the deceased."""
    if situation.record.demographics.deceased:
        return ()
    return tuple(one for rule in RULES[hook] for one in rule(situation))
