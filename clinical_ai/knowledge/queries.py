"""Typed questions to the knowledge graph: SPARQL inside, edges and nodes outside."""

from collections import Counter
from dataclasses import dataclass

from clinical_ai.knowledge.graph import KnowledgeGraph
from clinical_ai.knowledge.nodes import Edge, Node

_PREFIX = "urn:clinical-ai:knowledge:"


@dataclass(frozen=True, slots=True)
class KnowledgeStats:
    """How large the graph is.

    Parameters
    ----------
    cited_edges
        Edges with at least one citation; all of them, in a graph that passes its tests.
    codes
        By code system.
    """

    nodes: int
    cited_edges: int
    sources: int
    nodes_by_kind: dict[str, int]
    nodes_by_area: dict[str, int]
    edges_by_kind: dict[str, int]
    codes: dict[str, int]


def knowledge_stats(graph: KnowledgeGraph) -> KnowledgeStats:
    """Count what the graph holds."""
    nodes = graph.nodes.values()
    return KnowledgeStats(
        len(graph.nodes),
        sum(bool(edge.citations) for edge in graph.edges),
        len(graph.sources),
        dict(Counter(node.kind for node in nodes).most_common()),
        dict(Counter(node.area for node in nodes).most_common()),
        dict(Counter(edge.predicate for edge in graph.edges).most_common()),
        dict(Counter(code.system for node in nodes for code in node.codes).most_common()),
    )


def broader(graph: KnowledgeGraph, node_id: str) -> frozenset[str]:
    """Ids of everything that a node is a form of, at any distance; not itself."""
    return _closure(graph, f"<{_PREFIX}{graph.node(node_id).id}> k:isA+ ?o")


def narrower(graph: KnowledgeGraph, node_id: str) -> frozenset[str]:
    """Ids of all forms of a node, at any distance; not itself."""
    return _closure(graph, f"?o k:isA+ <{_PREFIX}{graph.node(node_id).id}>")


def treatments(
    graph: KnowledgeGraph, disease: str, *, when: frozenset[str] = frozenset()
) -> tuple[Edge, ...]:
    """What a disease is treated with, first line first.

    Parameters
    ----------
    when
        Ids of what else the patient has; statements that need more than this are left out, and
        those that name it come first.
    """
    found = _said_of(graph, disease, "treatedWith")
    fitting = [edge for edge in found if set(edge.when) <= when]
    return tuple(sorted(fitting, key=lambda e: (-len(e.when), e.line or 9, e.object)))


def targets(
    graph: KnowledgeGraph, of: str, *, when: frozenset[str] = frozenset()
) -> tuple[Edge, ...]:
    """Targets that hold in a disease, category or population; see `treatments` for `when`."""
    names = {of, *broader(graph, of)}
    found = [
        edge
        for name in names
        for edge in graph.incoming.get(name, ())
        if edge.predicate == "targetOf" and set(edge.when) <= when
    ]
    return tuple(sorted(found, key=lambda e: (e.object != of, -len(e.when), e.subject)))


def contraindications(graph: KnowledgeGraph, drug: str) -> tuple[Edge, ...]:
    """Where a drug, or the class that it belongs to, is contraindicated or used with caution."""
    return (
        *_said_of(graph, drug, "contraindicatedIn"),
        *_said_of(graph, drug, "usedWithCautionIn"),
    )


def diagnosis(graph: KnowledgeGraph, disease: str) -> tuple[Edge, ...]:
    """What a disease is diagnosed by."""
    return _said_of(graph, disease, "diagnosedBy")


def recommendations_about(graph: KnowledgeGraph, node_id: str) -> tuple[Node, ...]:
    """Recommendations about a node or about what it is a form of."""
    rows = graph.select(
        "SELECT DISTINCT ?r WHERE { ?r a k:Recommendation ; k:about ?o . "
        f"<{_PREFIX}{graph.node(node_id).id}> k:isA* ?o }} ORDER BY ?r"
    )
    return tuple(graph.node(row["r"]) for row in rows)


def equations_for(graph: KnowledgeGraph, disease: str) -> tuple[Node, ...]:
    """Risk equations that predict a disease."""
    return tuple(graph.node(edge.object) for edge in _said_of(graph, disease, "predictedBy"))


def _said_of(graph: KnowledgeGraph, node_id: str, predicate: str) -> tuple[Edge, ...]:
    """Edges of a node, then those of what it is a form of."""
    names = (graph.node(node_id).id, *sorted(broader(graph, node_id)))
    return tuple(
        edge
        for name in names
        for edge in graph.outgoing.get(name, ())
        if edge.predicate == predicate
    )


def _closure(graph: KnowledgeGraph, pattern: str) -> frozenset[str]:
    rows = graph.select(f"SELECT DISTINCT ?o WHERE {{ {pattern} }}")
    return frozenset(row["o"] for row in rows)
