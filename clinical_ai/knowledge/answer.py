"""Plain-language questions, answered by cited statements of the graph, or not at all.

Retrieval only: nothing is composed, and a question of which a word was not understood, or whose
condition no statement concerns, gets no answer instead of the next best one.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from clinical_ai.knowledge.graph import KnowledgeGraph
from clinical_ai.knowledge.intents import Asked, IntentName, asked_for
from clinical_ai.knowledge.lexicon import Lexicon, Mention, lexicon_of, normalised
from clinical_ai.knowledge.measurements import (
    categories_of,
    contradicts,
    measured,
    overlap,
)
from clinical_ai.knowledge.nodes import Citation, Language, Node
from clinical_ai.knowledge.plain_words import PlainWords, out_of_scope, plain_words
from clinical_ai.knowledge.statements import Statement, statements_of, words

Reason = Literal["", "out of scope", "not understood", "nothing named", "no statement"]
SHOWN = 10
_MIN_SCORE = 0.55
_MIN_COVER = 0.5
_MIN_COVER_UNASKED = 0.7
_WIDER = 0.85
_OF_BEST = 0.62
_CHILD_UNDER = 18
_TOGETHER = {"recommends": "treatedWith"}
_ABOUT_OBJECT = frozenset({"targetOf", "screeningFor"})
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing that a question names, and the nodes by which a statement concerns it.

    Parameters
    ----------
    named
        What the words name, or the categories into which a value falls.
    weights
        By node id, 0 to 1: 1 for the thing itself, less for what it is a form of.
    optional
        Whether a statement that leaves it out still answers (an age).
    """

    named: tuple[str, ...]
    weights: Mapping[str, float]
    optional: bool = False


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


@dataclass(frozen=True, slots=True)
class KnowledgeIndex:
    """The graph with all that answering needs, made once."""

    graph: KnowledgeGraph
    lexicon: Lexicon
    statements: tuple[Statement, ...]
    by_node: Mapping[str, tuple[int, ...]]
    broader: Mapping[str, frozenset[str]]
    narrower: Mapping[str, frozenset[str]]
    tests: frozenset[str]
    plain: PlainWords


def knowledge_index(graph: KnowledgeGraph) -> KnowledgeIndex:
    """Prepare a graph for questions."""
    statements = statements_of(graph)
    by_node: defaultdict[str, list[int]] = defaultdict(list)
    for place, statement in enumerate(statements):
        for name in statement.nodes:
            by_node[name].append(place)
    broader = {name: _reach(graph, name) for name in graph.nodes}
    narrower: defaultdict[str, set[str]] = defaultdict(set)
    for name, found in broader.items():
        for other in found:
            narrower[other].add(name)
    tests = frozenset(n.id for n in graph.nodes.values() if n.kind == "Test")
    return KnowledgeIndex(
        graph,
        lexicon_of(graph),
        statements,
        {name: tuple(places) for name, places in by_node.items()},
        broader,
        {name: frozenset(found) for name, found in narrower.items()},
        tests,
        plain_words(),
    )


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
    values = measured(text, mentions, index.tests, _length_test(index, mentions))
    taken = [(m.start, m.end) for m in values]
    names = [m for m in mentions if not any(s < m.end and m.start < e for s, e in taken)]
    masked = _masked(text, [*taken, *((m.start, m.end) for m in names)])
    asked = asked_for(text, masked)
    known = {test: value for m in values for test, value in m.values}
    topics = _topics(index, names, [m.values for m in values])
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
    best = _ranked(index, topics, asked, known)
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


def _length_test(index: KnowledgeIndex, mentions: Iterable[Mention]) -> str:
    """What a bare "6 mm" measures: the length most used in the area of what is named."""
    areas = {index.graph.node(name).area for mention in mentions for name in mention.nodes}
    uses = Counter(
        limit.of
        for node in index.graph.nodes.values()
        if node.area in areas
        for limit in node.ranges
        if limit.unit == "mm"
    )
    return uses.most_common(1)[0][0] if uses else ""


def _ranked(
    index: KnowledgeIndex, topics: list[Topic], asked: Asked, known: Mapping[str, float]
) -> list[tuple[float, Statement]]:
    """Statements that answer, best first; none where no statement concerns every topic."""
    places = {p for topic in topics for name in topic.weights for p in index.by_node.get(name, ())}
    scored = []
    for place in places:
        statement = index.statements[place]
        if _contradicted(index, statement, topics, known) or _harmful(index, statement, topics):
            continue
        fit = _intent_fit(index, statement, topics, asked)
        covered = [max((t.weights.get(n, 0.0) for n in statement.nodes), default=0) for t in topics]
        needed = [c for c, t in zip(covered, topics, strict=True) if not t.optional]
        if not fit or not any(needed):
            continue
        coverage = sum(needed) / len(needed)
        extra = sum(c for c, t in zip(covered, topics, strict=True) if t.optional) * 0.15
        score = coverage * fit + extra - 0.12 * _not_asked(statement, topics)
        score -= 0.3 * _foreign(index, statement, topics)
        if asked.first_line and getattr(statement.said, "line", None) == 1:
            score += 0.08
        least = _MIN_COVER if asked.intents else _MIN_COVER_UNASKED
        scored.append((score, min(needed) >= least, statement))
    whole = [score for score, all_covered, _ in scored if all_covered and score >= _MIN_SCORE]
    if not whole:
        return []
    least = max(_MIN_SCORE, max(whole) * _OF_BEST)
    kept = _most_exact([(score, s) for score, _, s in scored if score >= least], topics)
    return sorted(kept, key=_order)


def _most_exact(
    scored: list[tuple[float, Statement]], topics: list[Topic]
) -> list[tuple[float, Statement]]:
    """Leave out what is said of a wider disease where the same is said of the one named.

    The drugs of hypertension are not those of hypertension in pregnancy.
    """
    exact = {
        (_TOGETHER.get(statement.predicate, statement.predicate), place)
        for _, statement in scored
        for place, topic in enumerate(topics)
        if statement.nodes & set(topic.named)
    }
    return [
        (score, statement)
        for score, statement in scored
        if all(
            topic.optional
            or (_TOGETHER.get(statement.predicate, statement.predicate), place) not in exact
            or any(topic.weights.get(n, 0) != _WIDER for n in statement.nodes & set(topic.weights))
            for place, topic in enumerate(topics)
        )
    ]


def _harmful(index: KnowledgeIndex, statement: Statement, topics: list[Topic]) -> bool:
    """Whether a treatment is contraindicated in something that the question names."""
    if statement.predicate not in ("treatedWith", "recommends", "combinedWith"):
        return False
    if statement.against:
        return False
    named = {n for topic in topics for n, weight in topic.weights.items() if weight >= _WIDER}
    drugs = {wide for name in statement.object for wide in (name, *index.broader[name])}
    return any(
        edge.object in named
        for drug in drugs
        for edge in index.graph.outgoing.get(drug, ())
        if edge.predicate == "contraindicatedIn"
    )


def _order(scored: tuple[float, Statement]) -> tuple[float, int, int, list[str]]:
    """Best first; of equals, first line before second, then what more sources say."""
    score, statement = scored
    line = getattr(statement.said, "line", None) or 3
    return -round(score, 3), line, -len(statement.citations), sorted(statement.nodes)


def _intent_fit(
    index: KnowledgeIndex, statement: Statement, topics: list[Topic], asked: Asked
) -> float:
    """How well the kind of a statement fits what is asked, 0 to 1.15."""
    if not asked.intents:
        return 0.9
    best = 0.0
    for intent in asked.intents:
        if statement.predicate == "recommends":
            kinds = {index.graph.node(name).kind for name in statement.object}
            if statement.against and not intent.against:
                share = 0.6 if kinds & intent.recommends else 0.0
            elif intent.against:
                share = 0.95 if statement.against else 0.55
                share = share if kinds & intent.recommends else 0.0
            else:
                share = 0.95 if kinds & intent.recommends else 0.0
        else:
            share = intent.predicates.get(statement.predicate, 0.0)
        if share and intent.asked and statement.predicate != "recommends":
            side = statement.subject if intent.asked == "subject" else statement.object
            own = side | statement.conditions
            if any(topic.weights.get(name, 0) >= 0.7 for topic in topics for name in own):
                share += 0.15
        best = max(best, share)
    return best


def _contradicted(
    index: KnowledgeIndex, statement: Statement, topics: list[Topic], known: Mapping[str, float]
) -> bool:
    """Whether a value of the question lies outside what the statement applies to."""
    sides: set[str] = set()
    if statement.predicate not in ("targetOf", "usesInput"):
        sides |= statement.subject
    if statement.predicate in ("contraindicatedIn", "usedWithCautionIn", "targetOf", "validFor"):
        sides |= statement.object
    # A recommendation may be about two grades, of which the question names one.
    if any(sides & set(topic.named) for topic in topics):
        sides = set()
    return any(
        contradicts(node, dict(known)) or _rival(index, node, topics)
        for node in map(index.graph.node, statement.conditions | sides)
    )


def _rival(index: KnowledgeIndex, node: Node, topics: list[Topic]) -> bool:
    """Whether the question names, or a value falls into, another category of the same scheme."""
    named = [index.graph.node(name) for topic in topics for name in topic.named]
    return node not in named and any(n.scheme == node.scheme != "" for n in named)


def _not_asked(statement: Statement, topics: list[Topic]) -> int:
    """How many conditions of a statement the question does not name."""
    return sum(not any(name in topic.weights for topic in topics) for name in statement.conditions)


def _foreign(index: KnowledgeIndex, statement: Statement, topics: list[Topic]) -> bool:
    """Whether a statement is about a disease that the question does not name."""
    about = statement.object if statement.predicate in _ABOUT_OBJECT else statement.subject
    diseases = [name for name in about if index.graph.node(name).kind == "Disease"]
    named = {name for topic in topics for name in topic.weights}
    return bool(diseases) and not named & set(diseases)


def _topics(
    index: KnowledgeIndex,
    names: Iterable[Mention],
    values: Iterable[tuple[tuple[str, float], ...]],
) -> list[Topic]:
    topics: dict[tuple[str, ...], Topic] = {}
    for mention in names:
        topics[mention.nodes] = Topic(mention.nodes, _weights(index, mention.nodes))
    for group in values:
        tests = tuple(test for test, _ in group)
        categories = categories_of(index.graph, group)
        weights = dict.fromkeys(tests, 0.6)
        weights |= _weights(index, categories, of_value=True)
        topics[categories or tests] = Topic(categories or tests, weights, tests == ("age",))
    return _without_generic(index, list(topics.values()))


def _without_generic(index: KnowledgeIndex, topics: list[Topic]) -> list[Topic]:
    """Drop a name that only repeats another: "blood pressure" beside "hypertension 160/100"."""
    kept = []
    for topic in topics:
        others = [other for other in topics if other is not topic]
        tests_only = all(index.graph.node(name).kind == "Test" for name in topic.named)
        repeated = any(
            set(topic.named) & index.broader[name] or (tests_only and _measures(index, name, topic))
            for other in others
            for name in other.named
        )
        if not repeated:
            kept.append(topic)
    return kept


def _measures(index: KnowledgeIndex, name: str, topic: Topic) -> bool:
    node = index.graph.node(name)
    return any(
        limit.of in topic.named or index.broader[limit.of] & set(topic.named)
        for limit in node.ranges
    )


def _weights(
    index: KnowledgeIndex, names: Iterable[str], *, of_value: bool = False
) -> dict[str, float]:
    """Nodes by which a statement concerns one of the names."""
    weights: dict[str, float] = {}

    def put(name: str, weight: float) -> None:
        weights[name] = max(weight, weights.get(name, 0))

    for name in names:
        put(name, 1)
        for other in index.broader[name]:
            put(other, _WIDER)
        for other in index.narrower.get(name, ()):
            put(other, 0.7)
        node = index.graph.node(name)
        if node.kind == "Category":
            for other in _belongs(index.graph, name):
                put(other, 0.75)
                for form in index.narrower.get(other, ()) if of_value else ():
                    put(form, 0.65)
        if node.kind == "Test":
            for other in _tested_by(index, name):
                put(other, 0.9)
        if node.kind == "Population" and node.ranges:
            for people in index.graph.nodes.values():
                if people.kind == "Population" and overlap(node, people):
                    put(people.id, 0.75)
    return weights


def _tested_by(index: KnowledgeIndex, test: str) -> set[str]:
    """Categories that are limits of a test, or that are measured by it."""
    limits = {
        node.id
        for node in index.graph.nodes.values()
        if any(r.of == test or test in index.broader[r.of] for r in node.ranges)
    }
    edges = index.graph.incoming.get(test, ())
    return limits | {edge.subject for edge in edges if edge.predicate == "measuredBy"}


def _belongs(graph: KnowledgeGraph, category: str) -> set[str]:
    """Diseases of which a category is a grade or a criterion, and what those are a form of."""
    graded = {e.object for e in graph.outgoing.get(category, ()) if e.predicate == "categoryOf"}
    return graded | {
        e.subject for e in graph.incoming.get(category, ()) if e.predicate == "diagnosedBy"
    }


def _reach(graph: KnowledgeGraph, name: str) -> frozenset[str]:
    found: set[str] = set()
    open_names = [name]
    while open_names:
        for edge in graph.outgoing.get(open_names.pop(), ()):
            if edge.predicate == "isA" and edge.object not in found:
                found.add(edge.object)
                open_names.append(edge.object)
    return frozenset(found)


def _masked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
