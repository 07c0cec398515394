"""What a rule has to say, before it has a language and a form: one piece of advice a card."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from clinical_ai.codes import Code
from clinical_ai.decision_support.citations import Citation
from clinical_ai.messages import N_, Message
from clinical_ai.pathways.definition import Text
from risk_models.results import Caution, Problem
from risk_models.text import Message as RiskMessage

Indicator = Literal["info", "warning", "critical"]
RANK: dict[Indicator, int] = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Rule:
    """The steps by which a guideline came to its answer."""

    steps: tuple[RiskMessage, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A sentence with names that carry their own two languages, as pathway files have them."""

    message: Message
    names: Mapping[str, Text]


Sentence = Message | RiskMessage | Problem | Caution | Rule | Named | str
"""Something the `Writer` can put into words; a plain text is a citation, left as it is."""

Topic = Literal[
    "risk", "control", "screening", "nodule-follow-up", "pathway", "drug", "missing-data", "scope"
]
TOPICS: dict[Topic, str] = {
    "risk": N_("Cardiovascular risk"),
    "control": N_("Control of risk factors"),
    "screening": N_("Screening due"),
    "nodule-follow-up": N_("Nodule follow-up"),
    "pathway": N_("Care pathways"),
    "drug": N_("Drug safety"),
    "missing-data": N_("Missing data"),
    "scope": N_("Scope of this service"),
}
Reason = Literal[
    "done-elsewhere", "patient-declined", "not-appropriate", "already-known", "data-wrong"
]
REASONS: dict[Reason, str] = {
    "done-elsewhere": N_("Done elsewhere"),
    "patient-declined": N_("The patient declined"),
    "not-appropriate": N_("Not appropriate for this patient"),
    "already-known": N_("Known and weighed already"),
    "data-wrong": N_("The data behind it are wrong"),
}
SCREENING_REASONS: tuple[Reason, ...] = (
    "done-elsewhere",
    "patient-declined",
    "not-appropriate",
    "data-wrong",
)
DECISION_REASONS: tuple[Reason, ...] = ("already-known", "not-appropriate", "data-wrong")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that the clinician may take over: it becomes a draft ServiceRequest.

    Parameters
    ----------
    code
        What is ordered.
    due
        The day it is due; None leaves the day open.
    """

    code: Code
    label: Message
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """One card before it has a language.

    Parameters
    ----------
    kind
        Names the rule, for example ``"retinal-photo"``; stands in the audit trail.
    summary
        One sentence.
    lines
        What it rests on, with dates and ages of values. The values are patient data: for the
        card only, never for a log.
    source
        Of the rule; `also` are further sources.
    proposals
        More than one can be taken over together.
    """

    kind: str
    topic: Topic
    indicator: Indicator
    summary: Message
    lines: tuple[Sentence, ...]
    source: Citation
    also: tuple[Citation, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    reasons: tuple[Reason, ...] = ()
