"""What the graph says, one statement at a time: what it concerns, and its words."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from clinical_ai.knowledge.graph import KnowledgeGraph
from clinical_ai.knowledge.nodes import Citation, Edge, Language, Node

_UNITS: Mapping[Language, Mapping[str, str]] = {
    "zh": {"D": "天", "W": "周", "M": "个月", "Y": "年"},
    "en": {"D": "days", "W": "weeks", "M": "months", "Y": "years"},
}
_DURATION = re.compile(r"P(\d+)([DWMY])")


@dataclass(frozen=True, slots=True)
class Statement:
    """An edge, or a recommendation with what it is about.

    Parameters
    ----------
    said
        The edge, or the node of the recommendation.
    subject, object
        Ids that stand on each side; those of a recommendation are what it is about and what it
        recommends.
    conditions
        Ids that must all apply.
    """

    said: Edge | Node
    subject: frozenset[str]
    object: frozenset[str]
    conditions: frozenset[str]
    predicate: str
    against: bool = False

    @property
    def nodes(self) -> frozenset[str]:
        """Ids of all nodes that the statement names."""
        own = {self.said.id} if isinstance(self.said, Node) else set()
        return self.subject | self.object | self.conditions | own

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Sources of the statement."""
        return self.said.sources if isinstance(self.said, Node) else self.said.citations


def statements_of(graph: KnowledgeGraph) -> tuple[Statement, ...]:
    """Every statement of the graph; the edges of a recommendation are said as one."""
    found = [
        Statement(
            edge,
            frozenset((edge.subject,)),
            frozenset((edge.object, *edge.combined_with)),
            frozenset(edge.when),
            edge.predicate,
        )
        for edge in graph.edges
        if edge.predicate not in ("about", "recommends", "recommendsAgainst")
    ]
    sides: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for edge in graph.edges:
        sides[edge.subject][edge.predicate].add(edge.object)
    for node in graph.nodes.values():
        if node.kind == "Recommendation":
            own = sides[node.id]
            found.append(
                Statement(
                    node,
                    frozenset(own["about"]),
                    frozenset(own["recommends"] | own["recommendsAgainst"]),
                    frozenset(),
                    "recommends",
                    bool(own["recommendsAgainst"]),
                )
            )
    return tuple(found)


def words(graph: KnowledgeGraph, statement: Statement, language: Language) -> str:
    """Say a statement in plain words: the edge, its conditions, line, interval and note."""
    said = statement.said
    if isinstance(said, Node):
        return said.text.get(language, said.labels[language])
    label = {name: graph.node(name).labels[language] for name in (said.subject, said.object)}
    phrase = graph.edge_types[said.predicate].phrase[language]
    text = phrase.replace("{s}", label[said.subject]).replace("{o}", label[said.object])
    parts = [text]
    zh = language == "zh"
    if said.combined_with:
        names = _list(graph, said.combined_with, language)
        parts.append(f"与{names}联合" if zh else f"together with {names}")
    if said.when:
        names = _list(graph, said.when, language)
        parts.append(f"适用于：{names}" if zh else f"applies to: {names}")
    if said.line:
        parts.append(_line(said.line, language))
    if said.interval:
        parts.append(("间隔" if zh else "interval ") + interval_words(said.interval, language))
    if said.note:
        parts.append(said.note[language])
    return ("；" if zh else "; ").join(parts)


def interval_words(interval: str, language: Language) -> str:
    """ISO 8601 duration, or a range of two, in words: ``P3M/P6M`` is ``3 to 6 months``."""
    found = _DURATION.findall(interval)
    units = _UNITS[language]
    joiner = "～" if language == "zh" else " to "
    if len({unit for _, unit in found}) == 1:
        amount, unit = joiner.join(number for number, _ in found), units[found[0][1]]
        one = language == "en" and amount == "1"
        return f"{amount}{unit}" if language == "zh" else f"{amount} {unit[:-1] if one else unit}"
    space = "" if language == "zh" else " "
    return joiner.join(f"{number}{space}{units[unit]}" for number, unit in found)


def _line(line: int, language: Language) -> str:
    if language == "zh":
        return "一线" if line == 1 else "二线或加用"
    return "first line" if line == 1 else "second line, or added"


def _list(graph: KnowledgeGraph, names: tuple[str, ...], language: Language) -> str:
    joiner = "、" if language == "zh" else ", "
    return joiner.join(graph.node(name).labels[language] for name in names)
