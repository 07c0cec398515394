"""What the service does not do, said on every order, and data it could not get, said always."""

from collections.abc import Iterator

from clinical_ai.decision_support.advice import Advice, Sentence
from clinical_ai.decision_support.citations import THIS_SERVICE
from clinical_ai.decision_support.facts import is_pregnant
from clinical_ai.decision_support.orders import ACE_INHIBITOR, ARB
from clinical_ai.decision_support.situation import Situation
from clinical_ai.messages import N_, Message

_PREGNANCY_CLASSES = frozenset({"statin", ACE_INHIBITOR, ARB})


def order_scope(situation: Situation) -> Iterator[Advice]:
    """Yield the card that says what was not checked of the orders."""
    chosen = [order for order in situation.orders if order.selected]
    if not chosen:
        return
    lines: list[Sentence] = [
        Message(
            N_("Drug interactions, doses, allergies and duplicate orders are NOT checked here.")
        ),
        Message(
            N_(
                "Checked only: metformin, NSAID and iodinated contrast by eGFR; ACE inhibitor "
                "with angiotensin receptor blocker; statin, ACE inhibitor and angiotensin "
                "receptor blocker in pregnancy."
            )
        ),
    ]
    unknown = [order for order in chosen if not order.classes]
    lines += [Message(N_("No rule knows: {name}"), {"name": order.name}) for order in unknown]
    ordered = frozenset[str]().union(*(order.classes for order in chosen))
    if ordered & _PREGNANCY_CLASSES and is_pregnant(situation) is None:
        lines.append(Message(N_("No pregnancy is listed; that does not rule one out.")))
    yield Advice(
        "order-scope",
        "scope",
        "info",
        Message(N_("Drug interactions are not checked by this service")),
        tuple(lines),
        THIS_SERVICE,
    )


_PREFETCH_TEXTS = {
    "patient": N_("patient"),
    "conditions": N_("problems"),
    "vitals": N_("vital signs"),
    "laboratory": N_("laboratory values"),
    "social": N_("smoking"),
    "medications": N_("medications"),
    "procedures": N_("procedures"),
    "family": N_("family history"),
    "imaging": N_("imaging results"),
}


def missing_data(situation: Situation) -> Iterator[Advice]:
    """Yield a card that names what the rules could not see; silence would look like health."""
    demographics = situation.record.demographics
    lines: list[Sentence] = [
        Message(N_("Not received: {what}"), {"what": _PREFETCH_TEXTS.get(key, key)})
        for key in situation.not_answered
    ]
    if demographics.birth_date is None:
        lines.append(Message(N_("The date of birth is missing: no rule that needs age was run.")))
    if demographics.sex is None:
        lines.append(Message(N_("The sex is missing: no rule that needs it was run.")))
    if not situation.record.complete and not situation.not_answered:
        lines.append(Message(N_("A source of the record did not answer.")))
    unused = len(situation.record.unused)
    if unused:
        lines.append(
            Message(N_("Entries of the record that could not be used: {count}"), {"count": unused})
        )
    if not lines or (len(lines) == 1 and unused):
        return
    yield Advice(
        "missing-data",
        "missing-data",
        "info",
        Message(N_("Data are missing; what is not shown here is not thereby normal")),
        tuple(lines),
        THIS_SERVICE,
    )
