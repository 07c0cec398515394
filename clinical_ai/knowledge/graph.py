"""The knowledge graph: Turtle files read into an RDF store, and typed nodes and edges from it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import cast, get_args

import pyoxigraph as ox

from clinical_ai.errors import KnowledgeError
from clinical_ai.knowledge.nodes import (
    CODE_SYSTEMS,
    LANGUAGES,
    Citation,
    ClassName,
    Edge,
    EdgeType,
    KnowledgeCode,
    Language,
    Node,
    Range,
    Source,
)
from clinical_ai.knowledge.values import (
    BASE,
    ONTOLOGY,
    by_language,
    local_name,
    one_number,
    one_text,
    resource_values,
    texts_by_language,
)

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_TYPE = ox.NamedNode(RDF + "type")
_CLASSES = get_args(ClassName)
_PREFIXES = f"PREFIX k: <{ONTOLOGY}> PREFIX : <{BASE}> PREFIX rdf: <{RDF}> "
_EDGES = """
SELECT ?r ?s ?p ?o WHERE { ?r rdf:reifies <<( ?s ?p ?o )>> . ?p a k:EdgeType }
"""
_CODES = """
SELECT ?s ?p ?o ?confirmed WHERE {
  ?r rdf:reifies <<( ?s ?p ?o )>> ; k:confirmedIn ?confirmed . ?s ?p ?o
}
"""
Facts = Mapping[str, tuple[ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple, ...]]


@dataclass(frozen=True, slots=True)
class KnowledgeGraph:
    """Nodes, edges and sources; `store` is the same as RDF, for SPARQL.

    Parameters
    ----------
    nodes, sources, edge_types
        By id.
    outgoing, incoming
        Edges by the id of their subject and of their object.
    """

    store: ox.Store
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    sources: Mapping[str, Source]
    edge_types: Mapping[str, EdgeType]
    class_labels: Mapping[str, Mapping[Language, str]]
    outgoing: Mapping[str, tuple[Edge, ...]]
    incoming: Mapping[str, tuple[Edge, ...]]

    def node(self, node_id: str) -> Node:
        """Return a node.

        Raises
        ------
        KnowledgeError
            If there is none of that id.
        """
        try:
            return self.nodes[node_id]
        except KeyError:
            raise KnowledgeError(
                f"no node {node_id!r} in the knowledge graph; "
                "look for its id with: clinical-ai knowledge search WORD"
            ) from None

    def select(self, query: str) -> list[dict[str, str]]:
        """Answer a SPARQL SELECT as rows of text; ids are without their prefix.

        The prefixes ``:`` (nodes), ``k:`` (ontology) and ``rdf:`` are set.
        """
        solutions = self.store.query(_PREFIXES + query)
        assert isinstance(solutions, ox.QuerySolutions)
        names = [variable.value for variable in solutions.variables]
        return [
            {name: local_name(row[name]) for name in names if row[name] is not None}
            for row in solutions
        ]


def data_files() -> list[Traversable]:
    """The Turtle files of this package, by name."""
    folder = files("clinical_ai.knowledge") / "data"
    return sorted((f for f in folder.iterdir() if f.name.endswith(".ttl")), key=lambda f: f.name)


def load_graph(turtle: Iterable[Traversable] | None = None) -> KnowledgeGraph:
    """Read the graph.

    Parameters
    ----------
    turtle
        Turtle 1.2 files; those of the package if left out.

    Raises
    ------
    KnowledgeError
        If a file is no Turtle, or a node lacks what its class must have. What can be read but
        should not be there is found by `clinical_ai.knowledge.checks`.
    """
    store = ox.Store()
    areas: dict[str, str] = {}
    for file in data_files() if turtle is None else turtle:
        try:
            quads = list(ox.parse(file.read_bytes(), format=ox.RdfFormat.TURTLE))
        except SyntaxError as error:
            raise KnowledgeError(f"{file.name}: not valid Turtle: {error}") from error
        for quad in quads:
            if quad.predicate == _TYPE and isinstance(quad.subject, ox.NamedNode):
                _define(areas, local_name(quad.subject), file.name)
        store.extend(quads)
    facts = _facts(store)
    sources = {s: _source(s, facts[s]) for s in areas if _class(facts[s]) == "Source"}
    types = {s: _edge_type(s, facts[s]) for s in areas if _class(facts[s]) == "EdgeType"}
    labels = {s: by_language(facts[s], "label") for s in areas if _class(facts[s]) == "Class"}
    codes = _codes(store)
    nodes = {
        s: _node(s, facts, sources, codes.get(s, ()), areas[s])
        for s in areas
        if _class(facts[s]) in _CLASSES
    }
    edges = _edges(store, facts, sources)
    outgoing: defaultdict[str, list[Edge]] = defaultdict(list)
    incoming: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        outgoing[edge.subject].append(edge)
        incoming[edge.object].append(edge)
    return KnowledgeGraph(
        store,
        nodes,
        edges,
        sources,
        types,
        labels,
        {s: tuple(e) for s, e in outgoing.items()},
        {s: tuple(e) for s, e in incoming.items()},
    )


def _define(areas: dict[str, str], subject: str, file: str) -> None:
    if subject in areas:
        raise KnowledgeError(
            f"{subject!r} is defined in {areas[subject]} and in {file}; keep one of them"
        )
    areas[subject] = file


def _facts(store: ox.Store) -> dict[str, Facts]:
    """Everything said of each subject, by local name of the predicate."""
    facts: defaultdict[str, defaultdict[str, list[object]]]
    facts = defaultdict(lambda: defaultdict(list))
    for quad in store:
        facts[local_name(quad.subject)][local_name(quad.predicate)].append(quad.object)
    return cast(
        dict[str, Facts],
        {s: {p: tuple(o) for p, o in found.items()} for s, found in facts.items()},
    )


def _class(facts: Facts) -> str:
    return local_name(facts["type"][0])


def _source(name: str, facts: Facts) -> Source:
    return Source(
        name,
        by_language(facts, "label"),
        one_text(facts, "citation"),
        int(one_number(facts, "year") or 0),
        one_text(facts, "doi"),
        one_text(facts, "checked"),
    )


def _edge_type(name: str, facts: Facts) -> EdgeType:
    return EdgeType(
        name,
        by_language(facts, "label"),
        by_language(facts, "phrase"),
        frozenset(resource_values(facts, "domain")),
        frozenset(resource_values(facts, "range")),
    )


def _node(
    name: str,
    facts: Mapping[str, Facts],
    sources: Mapping[str, Source],
    codes: tuple[KnowledgeCode, ...],
    area: str,
) -> Node:
    own = facts[name]
    kind = cast(ClassName, _class(own))
    return Node(
        name,
        kind,
        by_language(own, "label"),
        texts_by_language(own, "synonym"),
        by_language(own, "text"),
        codes,
        tuple(sorted((_range(name, facts[r]) for r in resource_values(own, "limits")), key=str)),
        one_text(own, "needs") != "one",
        _citations(name, own, sources),
        one_text(own, "scheme"),
        one_text(own, "registryId"),
        area.removesuffix(".ttl"),
    )


def _range(node: str, facts: Facts) -> Range:
    of, sex = resource_values(facts, "of"), one_text(facts, "sex")
    if len(of) != 1 or sex not in ("", "male", "female"):
        raise KnowledgeError(
            f"{node}: its k:limits need one k:of and, if any, k:sex male or female"
        )
    return Range(
        of[0],
        one_text(facts, "unit"),
        one_number(facts, "from"),
        one_number(facts, "over"),
        one_number(facts, "below"),
        one_number(facts, "upTo"),
        "male" if sex == "male" else "female" if sex == "female" else None,
    )


def _citations(name: str, facts: Facts, sources: Mapping[str, Source]) -> tuple[Citation, ...]:
    section = one_text(facts, "section")
    found = []
    for source in sorted(resource_values(facts, "source")):
        if source not in sources:
            raise KnowledgeError(f"{name}: cites {source!r}, which is no k:Source in sources.ttl")
        found.append(Citation(sources[source], section))
    return tuple(found)


def _codes(store: ox.Store) -> dict[str, tuple[KnowledgeCode, ...]]:
    found: defaultdict[str, list[KnowledgeCode]] = defaultdict(list)
    for row in _rows(store, _CODES):
        system = local_name(row["p"])
        for known in CODE_SYSTEMS:
            if system == known:
                code = KnowledgeCode(known, local_name(row["o"]), local_name(row["confirmed"]))
                found[local_name(row["s"])].append(code)
    order = list(CODE_SYSTEMS)
    return {
        s: tuple(sorted(c, key=lambda c: (order.index(c.system), c.code))) for s, c in found.items()
    }


def _edges(
    store: ox.Store, facts: Mapping[str, Facts], sources: Mapping[str, Source]
) -> tuple[Edge, ...]:
    edges = []
    for row in _rows(store, _EDGES):
        subject, predicate, obj = (local_name(row[name]) for name in "spo")
        said = facts[local_name(row["r"])]
        line = one_number(said, "line")
        edges.append(
            Edge(
                subject,
                predicate,
                obj,
                _citations(f"{subject} {predicate} {obj}", said, sources),
                tuple(sorted(resource_values(said, "when"))),
                None if line is None else int(line),
                tuple(sorted(resource_values(said, "with"))),
                one_text(said, "interval"),
                by_language(said, "note") or None,
            )
        )
    return tuple(
        sorted(edges, key=lambda e: (e.subject, e.predicate, e.line or 9, e.object, e.when))
    )


def _rows(store: ox.Store, query: str) -> ox.QuerySolutions:
    solutions = store.query(_PREFIXES + query)
    assert isinstance(solutions, ox.QuerySolutions)
    return solutions


__all__ = ["LANGUAGES", "KnowledgeGraph", "data_files", "load_graph"]
