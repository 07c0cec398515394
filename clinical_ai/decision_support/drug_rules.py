"""What is checked of an order: a handful of rules, each with its source, and nothing else.

Interactions, doses, allergies and duplicates are not checked; `scope` says so on every order.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from clinical_ai.decision_support.advice import DECISION_REASONS, Advice, Indicator, Sentence
from clinical_ai.decision_support.citations import (
    ACC_AHA_BP_2017,
    ACR_NKF_CONTRAST_2020,
    FDA_METFORMIN_2016,
    FDA_STATIN_2021,
    KDIGO_CKD_2012,
    ONTARGET_2008,
    Citation,
)
from clinical_ai.decision_support.facts import egfr, is_pregnant
from clinical_ai.decision_support.orders import ACE_INHIBITOR, ARB, DraftOrder
from clinical_ai.decision_support.situation import YEAR_DAYS, Situation, value_line
from clinical_ai.messages import N_, Message

EGFR = N_("eGFR")


@dataclass(frozen=True, slots=True)
class EgfrRule:
    """A drug or agent and the eGFR (mL/min/1.73 m2) below which something is said.

    Parameters
    ----------
    limits
        ``(below, indicator, summary)``, the lowest limit first.
    """

    kind: str
    drug_class: str
    limits: tuple[tuple[float, Indicator, str], ...]
    missing: str
    citation: Citation


EGFR_RULES = (
    EgfrRule(
        "metformin-egfr",
        "metformin",
        (
            (30, "critical", N_("Metformin is contraindicated: eGFR {value} on {day}, below 30")),
            (
                45,
                "warning",
                N_("Metformin: eGFR {value} on {day}; starting is not recommended below 45"),
            ),
        ),
        N_("Metformin is ordered, and no eGFR within one year is on record"),
        FDA_METFORMIN_2016,
    ),
    EgfrRule(
        "nsaid-egfr",
        "nsaid",
        (
            (30, "critical", N_("NSAID: to be avoided with an eGFR of {value} on {day}, below 30")),
            (
                60,
                "warning",
                N_("NSAID: no prolonged use with an eGFR of {value} on {day}, below 60"),
            ),
        ),
        N_("An NSAID is ordered, and no eGFR within one year is on record"),
        KDIGO_CKD_2012,
    ),
    EgfrRule(
        "contrast-egfr",
        "iodinated_contrast",
        (
            (
                30,
                "warning",
                N_("Iodinated contrast: eGFR {value} on {day}, below 30; saline is indicated"),
            ),
            (
                45,
                "info",
                N_("Iodinated contrast: eGFR {value} on {day}; saline only at high risk, 30-44"),
            ),
        ),
        N_("Iodinated contrast is ordered, and no eGFR within one year is on record"),
        ACR_NKF_CONTRAST_2020,
    ),
)


@dataclass(frozen=True, slots=True)
class PregnancyRule:
    """Drug classes that a listed pregnancy speaks against."""

    kind: str
    drug_classes: frozenset[str]
    summary: str
    what_to_do: str
    citation: Citation


PREGNANCY_RULES = (
    PregnancyRule(
        "statin-pregnancy",
        frozenset({"statin"}),
        N_("Statin in pregnancy: most patients should stop"),
        N_(
            "Going on may be considered at very high risk, such as homozygous familial "
            "hypercholesterolaemia or an earlier infarction or stroke."
        ),
        FDA_STATIN_2021,
    ),
    PregnancyRule(
        "renin-pregnancy",
        frozenset({ACE_INHIBITOR, ARB}),
        N_("ACE inhibitor or angiotensin receptor blocker in pregnancy"),
        N_("They harm the fetus and should not be used."),
        ACC_AHA_BP_2017,
    ),
)


def drug_advice(situation: Situation) -> Iterator[Advice]:
    """Yield what the rules say of the orders chosen just now."""
    chosen = [order for order in situation.orders if order.selected]
    for rule in EGFR_RULES:
        orders = [order for order in chosen if rule.drug_class in order.classes]
        if orders:
            yield from _egfr(situation, rule, orders)
    yield from _renin(situation, chosen)
    for of_pregnancy in PREGNANCY_RULES:
        yield from _pregnancy(situation, of_pregnancy, chosen)


def _egfr(situation: Situation, rule: EgfrRule, orders: list[DraftOrder]) -> Iterator[Advice]:
    value = egfr(situation)
    if value is None or situation.days_since(value.at.date()) > YEAR_DAYS:
        lines: list[Sentence] = [] if value is None else [value_line(EGFR, value, situation.on)]
        yield Advice(
            f"{rule.kind}-missing",
            "missing-data",
            "warning",
            Message(rule.missing),
            (
                *_names(orders),
                *lines,
                Message(N_("Measure creatinine, so that the limit can be checked.")),
            ),
            rule.citation,
            reasons=DECISION_REASONS,
        )
        return
    for below, indicator, summary in rule.limits:
        if value.value < below:
            values: dict[str, str | int | float] = {
                # Rounded down: 29.96 must not read as 30 on a card that says "below 30".
                "value": f"{math.floor(value.value * 10) / 10:g}",
                "day": value.at.date().isoformat(),
            }
            yield Advice(
                rule.kind,
                "drug",
                indicator,
                Message(summary, values),
                (*_names(orders), value_line(EGFR, value, situation.on)),
                rule.citation,
                reasons=DECISION_REASONS,
            )
            return


def _renin(situation: Situation, chosen: list[DraftOrder]) -> Iterator[Advice]:
    """An ACE inhibitor together with an angiotensin receptor blocker."""
    for ordered, other in ((ACE_INHIBITOR, ARB), (ARB, ACE_INHIBITOR)):
        orders = [order for order in chosen if ordered in order.classes]
        drafts = [o for o in situation.orders if other in o.classes and o not in orders]
        taken = [
            medication.concept.display or medication.concept.code
            for medication in situation.record.medications
            if other in medication.kinds and medication.active
        ]
        if not orders or not (drafts or taken):
            continue
        yield Advice(
            "acei-arb",
            "drug",
            "warning",
            Message(N_("ACE inhibitor and angiotensin receptor blocker together")),
            (
                *_names(orders),
                *_names(drafts),
                *(Message(N_("In the medication list: {name}"), {"name": name}) for name in taken),
                Message(
                    N_(
                        "The combination is potentially harmful and not recommended: kidney "
                        "failure, high potassium and low pressure without better outcome."
                    )
                ),
            ),
            ACC_AHA_BP_2017,
            also=(ONTARGET_2008,),
            reasons=DECISION_REASONS,
        )
        return


def _pregnancy(
    situation: Situation, rule: PregnancyRule, chosen: list[DraftOrder]
) -> Iterator[Advice]:
    orders = [order for order in chosen if order.classes & rule.drug_classes]
    if not orders or is_pregnant(situation) is not True:
        return
    yield Advice(
        rule.kind,
        "drug",
        "critical",
        Message(rule.summary),
        (*_names(orders), Message(rule.what_to_do)),
        rule.citation,
        reasons=DECISION_REASONS,
    )


def _names(orders: list[DraftOrder]) -> Iterator[Sentence]:
    for order in orders:
        yield Message(N_("Ordered: {name}"), {"name": order.name})
