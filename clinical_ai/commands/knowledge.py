"""``clinical-ai knowledge``: questions to the knowledge graph, its nodes, how large it is."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows
from clinical_ai.knowledge.answer import Answer, ask, knowledge_index
from clinical_ai.knowledge.graph import load_graph
from clinical_ai.knowledge.lexicon import normalised
from clinical_ai.knowledge.nodes import LANGUAGES, Citation, Edge, Language, Node
from clinical_ai.knowledge.queries import knowledge_stats
from clinical_ai.knowledge.statements import Statement, words

knowledge = typer.Typer(
    no_args_is_help=True,
    help="The knowledge graph: what guidelines say, with sources. It retrieves statements and "
    "gives no advice of its own; docs/knowledge.md.",
)
_SHOWN = 30
LanguageOption = Annotated[
    str | None,
    typer.Option("--language", help="zh or en; that of the question if left out."),
]
_REASONS = {
    "out of scope": "the graph holds nothing on {detail}",
    "not understood": "not understood: {detail}; leave the words out or say them otherwise",
    "nothing named": "the question names no disease, drug, test or value of the graph",
    "no statement": "no statement of the graph concerns all that the question names",
}


@knowledge.command(name="ask")
def ask_question(
    question: Annotated[str, typer.Argument(help="In Chinese or English.")],
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question by statements of the graph, each with its source.

    Exit code 1 if the answer is not in the knowledge base.
    """
    answer = ask(knowledge_index(load_graph()), question, _language(language))
    if as_json:
        print(json.dumps(_as_data(answer), ensure_ascii=False))  # noqa: T201
    elif answer.found:
        for statement in answer.statements:
            out.print(f"- {escape(statement.text)}")
            out.print(f"  [dim]{escape(_cited(statement.citations, answer.language))}[/dim]")
    else:
        why = _REASONS[answer.reason].format(detail=", ".join(answer.detail))
        out.print(escape(f"not in the knowledge base ({why})"))
    if not answer.found:
        raise typer.Exit(1)


@knowledge.command()
def show(
    node_id: Annotated[str, typer.Argument(help="Id of a node; `search` finds it.")],
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a node with its codes and every statement that names it."""
    graph = load_graph()
    node = graph.node(node_id)
    spoken = _language(language) or "en"
    edges = (*graph.outgoing.get(node_id, ()), *graph.incoming.get(node_id, ()))
    if as_json:
        data = {"node": asdict(node), "edges": [_edge_data(edge) for edge in edges]}
        print(json.dumps(data, ensure_ascii=False))  # noqa: T201
        return
    out.print(f"[bold]{escape(node.labels['zh'])} / {escape(node.labels['en'])}[/bold]")
    out.print(escape(f"{node_id}: {graph.class_labels[node.kind][spoken]}, {node.area}.ttl"))
    if node.text:
        out.print(escape(node.text[spoken]))
    for code in node.codes:
        out.print(escape(f"{code.system} {code.code} (confirmed in {code.confirmed_in})"))
    for edge in edges:
        out.print(f"- {escape(words(graph, _statement(edge), spoken))}")
        out.print(f"  [dim]{escape(_cited(edge.citations, spoken))}[/dim]")


@knowledge.command()
def search(
    word: Annotated[str, typer.Argument(help="Part of an id, a label or a synonym.")],
    as_json: JsonOption = False,
) -> None:
    """Find nodes by part of their name."""
    graph = load_graph()
    sought = normalised(word)
    found = [n for n in graph.nodes.values() if any(sought in name for name in _names(n))]
    rows = [
        {"id": n.id, "kind": n.kind, "zh": n.labels["zh"], "en": n.labels["en"], "area": n.area}
        for n in sorted(found, key=lambda n: (len(n.labels["en"]), n.id))
    ]
    shown = rows if as_json else rows[:_SHOWN]
    print_rows(shown, ("id", "kind", "zh", "en"), as_json=as_json)
    if len(shown) < len(rows):
        out.print(f"{len(rows) - len(shown)} more; give a longer word, or --json")


@knowledge.command()
def stats(as_json: JsonOption = False) -> None:
    """Count nodes, cited edges, sources and codes."""
    found = asdict(knowledge_stats(load_graph()))
    if as_json:
        print(json.dumps(found))  # noqa: T201
        return
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count}" for key, count in value.items())
        out.print(f"{name.replace('_', ' ')}: {value}")


def _language(given: str | None) -> Language | None:
    if given is None:
        return None
    for language in LANGUAGES:
        if given == language:
            return language
    raise typer.BadParameter(f"--language {given!r} is neither zh nor en")


def _names(node: Node) -> list[str]:
    names = [node.id, *node.labels.values(), *(s for own in node.synonyms.values() for s in own)]
    return [normalised(name) for name in names]


def _cited(citations: tuple[Citation, ...], language: Language) -> str:
    return "; ".join(
        " ".join(filter(None, (c.source.labels[language], c.section))) for c in citations
    )


def _statement(edge: Edge) -> Statement:
    return Statement(
        edge,
        frozenset((edge.subject,)),
        frozenset((edge.object,)),
        frozenset(edge.when),
        edge.predicate,
    )


def _as_data(answer: Answer) -> dict[str, Any]:
    return {**asdict(answer), "found": answer.found}


def _edge_data(edge: Edge) -> dict[str, Any]:
    return {**asdict(edge), "citations": [c.source.id for c in edge.citations]}
