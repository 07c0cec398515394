"""Typed queries agree with the edges they are made of."""

import json

import pytest
from typer.testing import CliRunner

from clinical_ai.cli import app
from clinical_ai.errors import KnowledgeError
from clinical_ai.knowledge import queries
from clinical_ai.knowledge.graph import KnowledgeGraph, load_graph


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return load_graph()


def test_broader_and_narrower_are_each_other_s_reverse(graph: KnowledgeGraph) -> None:
    assert {"diabetes"} <= queries.broader(graph, "type-2-diabetes")
    assert "type-2-diabetes" in queries.narrower(graph, "diabetes")
    assert {"ascvd", "coronary-disease"} <= queries.broader(graph, "stemi")


def test_treatments_ask_for_their_conditions(graph: KnowledgeGraph) -> None:
    plain = queries.treatments(graph, "hypertension")
    assert plain and all(edge.when == () for edge in plain)
    first = queries.treatments(graph, "hypertension", when=frozenset({"diabetes"}))[:2]
    assert {edge.object for edge in first} == {"acei", "arb"}


def test_targets(graph: KnowledgeGraph) -> None:
    found = queries.targets(graph, "hypertension", when=frozenset({"age-80-plus"}))
    assert found[0].subject == "bp-target-150"


def test_contraindications_of_a_class_hold_for_its_drugs(graph: KnowledgeGraph) -> None:
    found = queries.contraindications(graph, "nifedipine")
    assert {e.subject for e in found} <= {"nifedipine", *queries.broader(graph, "nifedipine")}
    assert "pregnancy" in {e.object for e in queries.contraindications(graph, "acei")}


def test_recommendations_diagnosis_equations(graph: KnowledgeGraph) -> None:
    assert "rec-acs-ecg" in {n.id for n in queries.recommendations_about(graph, "stemi")}
    assert "diabetes-hba1c" in {e.object for e in queries.diagnosis(graph, "type-2-diabetes")}
    assert "china-par" in {n.id for n in queries.equations_for(graph, "ascvd")}


def test_an_unknown_node_is_refused(graph: KnowledgeGraph) -> None:
    with pytest.raises(KnowledgeError, match="no node 'nothing'"):
        queries.broader(graph, ["nothing", " ?x . #"][0])


def test_stats(graph: KnowledgeGraph) -> None:
    stats = queries.knowledge_stats(graph)
    assert stats.nodes == sum(stats.nodes_by_kind.values()) == sum(stats.nodes_by_area.values())
    assert stats.cited_edges == sum(stats.edges_by_kind.values())


def test_command_line() -> None:
    run = CliRunner().invoke
    asked = run(app, ["knowledge", "ask", "2级高血压的首选治疗", "--json"])
    assert asked.exit_code == 0
    assert json.loads(asked.stdout)["statements"][0]["citations"]
    assert run(app, ["knowledge", "ask", "哮喘怎么治疗"]).exit_code == 1
    assert run(app, ["knowledge", "ask", "x", "--language", "fr"]).exit_code == 2
    shown = run(app, ["knowledge", "show", "acei", "--json"])
    assert json.loads(shown.stdout)["node"]["id"] == "acei"
    assert "atrial-fibrillation" in run(app, ["knowledge", "search", "房颤"]).stdout
    assert json.loads(run(app, ["knowledge", "stats", "--json"]).stdout)["nodes"] >= 300
