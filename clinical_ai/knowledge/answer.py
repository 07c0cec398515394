"""Plain-language questions, answered by cited statements of the graph, or not at all.

Retrieval only: nothing is composed, and a question of which a word was not understood, or whose
condition no statement concerns, gets no answer instead of the next best one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from clinical_ai.knowledge.intents import IntentName, asked_for
from clinical_ai.knowledge.lexicon import normalised
from clinical_ai.knowledge.measurements import measured
from clinical_ai.knowledge.nodes import Citation, Language
from clinical_ai.knowledge.plain_words import out_of_scope
from clinical_ai.knowledge.ranking import ranked
from clinical_ai.knowledge.statements import words
from clinical_ai.knowledge.topics import KnowledgeIndex, knowledge_index, length_test, topics_of

Reason = Literal["", "out of scope", "not understood", "nothing named", "no statement"]
SHOWN = 10
_CHILD_UNDER = 18
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class AnswerStatement:
    """A statement of the graph in words, with its citations and a score from 0 to about 1.3."""

    text: str
    nodes: tuple[str, ...]
    predicate: str
    citations: tuple[Citation, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the graph says to a question.

    Parameters
    ----------
    reason
        Why there is no statement; empty if there is one.
    detail
        The words that were not understood, or what is out of scope.
    understood
        Ids of what the question names.
    """

    question: str
    language: Language
    statements: tuple[AnswerStatement, ...]
    reason: Reason
    detail: tuple[str, ...]
    understood: tuple[str, ...]
    intents: tuple[IntentName, ...]

    @property
    def found(self) -> bool:
        """Whether the graph says anything to the question."""
        return bool(self.statements)


def ask(index: KnowledgeIndex, question: str, language: Language | None = None) -> Answer:
    """Answer a question in Chinese or English.

    Parameters
    ----------
    language
        Of the answer; that of the question if left out.
    """
    spoken: Language = language or ("zh" if _HAN.search(question) else "en")
    text = normalised(question)
    mentions = index.lexicon.mentions(text)
    values = measured(text, mentions, index.tests, length_test(index, mentions))
    taken = [(m.start, m.end) for m in values]
    names = [m for m in mentions if not any(s < m.end and m.start < e for s, e in taken)]
    masked = _masked(text, [*taken, *((m.start, m.end) for m in names)])
    asked = asked_for(text, masked)
    known = {test: value for m in values for test, value in m.values}
    topics = topics_of(index, names, [m.values for m in values])
    understood = tuple(dict.fromkeys(name for topic in topics for name in topic.named))
    intents = tuple(intent.name for intent in asked.intents)

    def refused(reason: Reason, detail: Iterable[str] = ()) -> Answer:
        return Answer(question, spoken, (), reason, tuple(detail), understood, intents)

    outside = out_of_scope(text) or ("children" if known.get("age", 99) < _CHILD_UNDER else "")
    if outside:
        return refused("out of scope", (outside,))
    unknown = index.plain.not_understood(_masked(masked, asked.spans))
    if unknown:
        return refused("not understood", unknown)
    if not any(not topic.optional for topic in topics):
        return refused("nothing named")
    best = ranked(index, topics, asked, known)
    if not best:
        return refused("no statement")
    statements = tuple(
        AnswerStatement(
            words(index.graph, statement, spoken),
            tuple(sorted(statement.nodes)),
            statement.predicate,
            statement.citations,
            round(score, 3),
        )
        for score, statement in best[:SHOWN]
    )
    return Answer(question, spoken, statements, "", (), understood, intents)


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


__all__ = ["Answer", "AnswerStatement", "KnowledgeIndex", "ask", "knowledge_index"]
