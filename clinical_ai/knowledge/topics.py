"""What a question names: topics, each with the nodes by which a statement concerns it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clinical_ai.knowledge.graph import KnowledgeGraph
from clinical_ai.knowledge.lexicon import Lexicon, Mention, lexicon_of
from clinical_ai.knowledge.measurements import categories_of, overlap
from clinical_ai.knowledge.plain_words import PlainWords, plain_words
from clinical_ai.knowledge.statements import Statement, statements_of

WIDER = 0.85
"""Weight of what a topic is a form of."""
_OUT_OF_OFFICE = frozenset({"home-bp", "ambulatory-bp"})


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
    systems: Mapping[str, frozenset[str]]


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
        _systems_named(graph),
    )


def _systems_named(graph: KnowledgeGraph) -> dict[str, frozenset[str]]:
    """Scores and equations that the words of each recommendation name, where there are any."""
    systems = {
        node.id: node.labels["en"].rsplit(" ", 1)[0]
        for node in graph.nodes.values()
        if node.kind == "RiskEquation" and " " in node.labels["en"]
    }
    found = {
        node.id: frozenset(name for name, words in systems.items() if words in node.text["zh"])
        for node in graph.nodes.values()
        if node.kind == "Recommendation"
    }
    return {name: named for name, named in found.items() if named}


def topics_of(
    index: KnowledgeIndex,
    names: Iterable[Mention],
    values: Iterable[tuple[tuple[str, float], ...]],
) -> list[Topic]:
    """Topics of a question, from the names in it and its values (by id of the test)."""
    topics: dict[tuple[str, ...], Topic] = {}
    for mention in names:
        topics[mention.nodes] = Topic(mention.nodes, _weights(index, mention.nodes))
    for group in values:
        tests = tuple(test for test, _ in group)
        named = {name for key in topics for name in key}
        categories = tuple(
            name
            for name in categories_of(index.graph, group)
            if _measured_elsewhere(index.graph, name) <= named
        )
        weights = dict.fromkeys(tests, 0.6)
        weights |= _weights(index, categories, of_value=True)
        topics[categories or tests] = Topic(categories or tests, weights, tests == ("age",))
    return _without_generic(index, list(topics.values()))


def _measured_elsewhere(graph: KnowledgeGraph, category: str) -> set[str]:
    """How a blood pressure out of the office was measured, for limits that hold only there."""
    edges = graph.outgoing.get(category, ())
    return {e.object for e in edges if e.predicate == "measuredBy"} & _OUT_OF_OFFICE


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
            put(other, WIDER)
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
    return {name for name in graded if graph.node(name).kind != "Test"} | {
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


def length_test(index: KnowledgeIndex, mentions: Iterable[Mention]) -> str:
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
