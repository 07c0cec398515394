"""Advice as CDS Hooks 2.0 cards, in the language of the reader.

CDS Hooks 2.0 (cds-hooks.hl7.org/2.0): section "CDS Service Response", card attributes. The
detail is GitHub Flavored Markdown, so every text in it is escaped; bullets and bold are ours.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from clinical_ai.codes import Code
from clinical_ai.decision_support.advice import (
    RANK,
    REASONS,
    TOPICS,
    Advice,
    Named,
    Proposal,
    Rule,
    Sentence,
)
from clinical_ai.decision_support.citations import Citation
from clinical_ai.messages import N_, Message
from clinical_ai.texts import Language, Texts
from risk_models.results import Caution, Problem
from risk_models.text import Message as RiskMessage
from risk_models.translation import RiskTexts

Json = dict[str, object]

MAX_SUMMARY = 139  # characters; the specification says fewer than 140
TOPIC_SYSTEM = "urn:clinical-ai:cds-topic"
REASON_SYSTEM = "urn:clinical-ai:cds-override-reason"
SYSTEMS = {"SCT": "http://snomed.info/sct", "LN": "http://loinc.org"}
_SOURCE = N_("Source: {citation}")
_RULE = N_("Rule applied: {steps}")
# CommonMark 2.4 allows a backslash before any ASCII punctuation. Marks of lists and headings count
# at the start only; "://", "www." and "@" are what GFM makes links of unasked.
_MARKUP = re.compile(
    r"([\\`*_{}\[\]<>#!|~&$@])|(:)(?=//)|(?<=www)(\.)|^([-+=])|^(\d+)(?=[.)])", re.IGNORECASE
)
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def escaped(text: str) -> str:
    """Return `text` so that Markdown shows it as it is, on one line, without links or HTML."""
    return _MARKUP.sub(_mark, one_line(text))


def _mark(found: re.Match[str]) -> str:
    number = found[5]
    return f"\\{found[0]}" if number is None else f"{number}\\"


def one_line(text: str) -> str:
    """Return `text` without line breaks and control characters."""
    return _SPACE.sub(" ", text).strip()


class Writer:
    """Puts advice into words.

    Parameters
    ----------
    language
        Of the reader.
    """

    def __init__(self, language: Language) -> None:
        self._texts = Texts(language)
        self._risk = RiskTexts(language)

    def sentence(self, sentence: Sentence) -> str:
        """Return a sentence, its values filled in."""
        match sentence:
            case str():
                return sentence
            case Message():
                return self._texts.message(self._with_equation(sentence))
            case RiskMessage():
                return self._risk.message(sentence)
            case Problem():
                return self._risk.problem(sentence)
            case Caution():
                return self._risk.caution(sentence)
            case Rule():
                steps = "; ".join(map(self._risk.message, sentence.steps))
                return self._texts.message(Message(_RULE, {"steps": steps}))
            case Named(message, names):
                words = {k: text.in_language(self._texts.language) for k, text in names.items()}
                return self._texts(message.template).format(**message.values, **words)

    def _with_equation(self, message: Message) -> Message:
        """Titles of equations have their translations beside the equations."""
        title = message.values.get("equation")
        if not isinstance(title, str):
            return message
        return replace(message, values={**message.values, "equation": self._risk.word(title)})

    def word(self, text: str) -> str:
        """Return the translation of one English text of the catalogues."""
        return self._texts(text)

    def summary(self, message: Message) -> str:
        """Return at most `MAX_SUMMARY` characters."""
        text = one_line(self.sentence(message))
        return text if len(text) <= MAX_SUMMARY else text[: MAX_SUMMARY - 1].rstrip() + "…"

    def detail(self, advice: Advice) -> str:
        """Return the lines as a Markdown list, the sources below."""
        lines = [f"- {escaped(self.sentence(line))}" for line in advice.lines]
        sources = [
            escaped(self._texts.message(Message(_SOURCE, {"citation": _reference(citation)})))
            for citation in (advice.source, *advice.also)
        ]
        return "\n".join([*lines, "", *(f"*{source}*  " for source in sources)]).strip()


def cards(
    advice: Iterable[Advice],
    writer: Writer,
    patient: str,
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> list[tuple[str, Json]]:
    """Return kind and card of each piece of advice, the gravest first.

    Parameters
    ----------
    patient
        Id of the Patient in the client's FHIR server, the subject of proposals.
    new_id
        Makes the identifiers of cards and suggestions.
    """
    ranked = sorted(advice, key=lambda one: RANK[one.indicator])
    return [(one.kind, _card(one, writer, patient, new_id)) for one in ranked]


def _card(advice: Advice, writer: Writer, patient: str, new_id: Callable[[], uuid.UUID]) -> Json:
    card: Json = {
        "uuid": str(new_id()),
        "summary": writer.summary(advice.summary),
        "indicator": advice.indicator,
        "detail": writer.detail(advice),
        "source": _source(advice, writer),
    }
    suggestions = [
        _suggestion(proposal, writer, patient, new_id, recommended=len(advice.proposals) == 1)
        for proposal in advice.proposals
    ]
    if suggestions:
        card["suggestions"] = suggestions
        card["selectionBehavior"] = "any"
    if advice.reasons:
        card["overrideReasons"] = [
            {"code": code, "system": REASON_SYSTEM, "display": writer.word(REASONS[code])}
            for code in advice.reasons
        ]
    links = [c for c in (advice.source, *advice.also) if c.url]
    if links:
        card["links"] = [
            {"label": one_line(c.label), "url": c.url, "type": "absolute"} for c in links
        ]
    return card


def _source(advice: Advice, writer: Writer) -> Json:
    source: Json = {"label": one_line(advice.source.label)}
    if advice.source.url:
        source["url"] = advice.source.url
    source["topic"] = {
        "system": TOPIC_SYSTEM,
        "code": advice.topic,
        "display": writer.word(TOPICS[advice.topic]),
    }
    return source


def _suggestion(
    proposal: Proposal,
    writer: Writer,
    patient: str,
    new_id: Callable[[], uuid.UUID],
    *,
    recommended: bool,
) -> Json:
    label = one_line(writer.sentence(proposal.label))
    return {
        "label": label,
        "uuid": str(new_id()),
        "isRecommended": recommended,
        "actions": [
            {
                "type": "create",
                "description": label,
                "resource": service_request(proposal.code, patient, label, proposal.due),
            }
        ],
    }


def service_request(code: Code, patient: str, text: str, due: date | None) -> Json:
    """Return a FHIR R4 ServiceRequest that proposes an examination; nobody has ordered it yet."""
    resource: Json = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "code": {
            # Without display: ours is not always the one that the code system gives.
            "coding": [{"system": SYSTEMS[code.scheme], "code": code.value}],
            "text": text,
        },
        "subject": {"reference": f"Patient/{patient}"},
    }
    if due is not None:
        resource["occurrenceDateTime"] = due.isoformat()
    return resource


def _reference(citation: Citation) -> str:
    return f"{citation.label}. {citation.reference}" if citation.reference else citation.label
