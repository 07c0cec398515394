"""The graph is whole: nothing dangles, everything is cited, and its limits are those we compute."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from clinical_ai.errors import KnowledgeError
from clinical_ai.knowledge.graph import KnowledgeGraph, load_graph
from clinical_ai.knowledge.nodes import Edge, Range
from risk_models.equations.registry import EQUATIONS
from risk_models.guidelines import china_blood_pressure, china_lipid, diabetes_diagnosis

CODE_FORMS = {
    "snomed": r"[1-9]\d{5,17}",
    "loinc": r"(LA)?\d{1,5}-\d",
    "icd10": r"[A-Z]\d\d(\.\d{1,2})?",
    "atc": r"[A-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?",
}
DURATION = r"P\d+[DWMY](/P\d+[DWMY])?"


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return load_graph()


def _named(edge: Edge) -> tuple[str, ...]:
    return (edge.subject, edge.object, *edge.when, *edge.combined_with)


def _limits(graph: KnowledgeGraph, node: str, of: str) -> Range:
    (found,) = [r for r in graph.node(node).ranges if r.of == of]
    return found


def test_is_as_large_as_agreed(graph: KnowledgeGraph) -> None:
    assert len(graph.nodes) >= 300
    assert len([e for e in graph.edges if e.citations]) >= 800


def test_nothing_dangles(graph: KnowledgeGraph) -> None:
    named = {name for edge in graph.edges for name in _named(edge)}
    named |= {limit.of for node in graph.nodes.values() for limit in node.ranges}
    assert named - set(graph.nodes) == set()
    assert {e.predicate for e in graph.edges} <= set(graph.edge_types)


def test_no_subject_is_without_a_class(graph: KnowledgeGraph) -> None:
    """A misspelt id would make an edge of a node that nobody defined."""
    untyped = graph.select(
        "SELECT DISTINCT ?s WHERE { ?s ?p ?o FILTER NOT EXISTS { ?s a ?c } "
        'FILTER(STRSTARTS(STR(?s), "urn:clinical-ai:knowledge:")) }'
    )
    assert untyped == []


def test_every_edge_has_a_citation_and_joins_what_it_may(graph: KnowledgeGraph) -> None:
    for edge in graph.edges:
        kind = graph.edge_types[edge.predicate]
        assert edge.citations, edge
        assert graph.node(edge.subject).kind in kind.domain, edge
        assert graph.node(edge.object).kind in kind.range, edge
        assert not edge.interval or re.fullmatch(DURATION, edge.interval), edge
        assert edge.note is None or set(edge.note) == {"zh", "en"}, edge


def test_every_plain_triple_between_nodes_is_an_edge(graph: KnowledgeGraph) -> None:
    """A statement written without braces has no citation, and must not slip through."""
    stated = graph.select("SELECT ?s ?p ?o WHERE { ?p a k:EdgeType . ?s ?p ?o }")
    edges = {(e.subject, e.predicate, e.object) for e in graph.edges}
    assert {(row["s"], row["p"], row["o"]) for row in stated} == edges


def test_recommendations_have_words_a_source_and_a_subject(graph: KnowledgeGraph) -> None:
    for node in graph.nodes.values():
        if node.kind == "Recommendation":
            assert node.sources, node.id
            assert set(node.text) == {"zh", "en"}, node.id
            predicates = {e.predicate for e in graph.outgoing[node.id]}
            assert "about" in predicates, node.id


def test_numbers_have_a_source(graph: KnowledgeGraph) -> None:
    for node in graph.nodes.values():
        if node.ranges or node.kind in ("Category", "RiskEquation"):
            assert node.sources, node.id


def test_names_in_both_languages(graph: KnowledgeGraph) -> None:
    for node in graph.nodes.values():
        assert set(node.labels) == {"zh", "en"}, node.id
    for source in graph.sources.values():
        assert set(source.labels) == {"zh", "en"}, source.id
        assert source.citation and source.year > 1900, source.id
        assert not source.doi or re.fullmatch(r"10\.\d{4,9}/\S+", source.doi), source.id
    for kind in graph.edge_types.values():
        assert set(kind.labels) == set(kind.phrase) == {"zh", "en"}, kind.name


def test_no_name_means_two_things(graph: KnowledgeGraph) -> None:
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for node in graph.nodes.values():
        for language in ("zh", "en"):
            for name in (node.labels[language], *node.synonyms[language]):
                owners[name.casefold()].add(node.id)
    assert {name: ids for name, ids in owners.items() if len(ids) > 1} == {}


def test_codes_are_well_formed_and_mean_one_node(graph: KnowledgeGraph) -> None:
    owners: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for node in graph.nodes.values():
        for code in node.codes:
            assert re.fullmatch(CODE_FORMS[code.system], code.code), (node.id, code)
            assert code.confirmed_in, (node.id, code)
            owners[code.system, code.code].append(node.id)
    assert {code: ids for code, ids in owners.items() if len(ids) > 1} == {}
    assert len(owners) >= 50


def _verhoeff_ok(code: str) -> bool:
    """Whether the check digit of a SNOMED CT identifier is right (Verhoeff)."""
    turn = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for _ in range(6):
        turn.append([turn[-1][turn[1][i]] for i in range(10)])
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _dihedral(check, turn[place % 8][int(digit)])
    return check == 0


def _dihedral(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5


def test_snomed_check_digits(graph: KnowledgeGraph) -> None:
    codes = [c.code for n in graph.nodes.values() for c in n.codes if c.system == "snomed"]
    assert codes and [c for c in codes if not _verhoeff_ok(c)] == []
    assert not _verhoeff_ok("59621001")


def test_nothing_causes_or_complicates_a_form_of_itself(graph: KnowledgeGraph) -> None:
    forms = {(e.subject, e.object) for e in graph.edges if e.predicate == "isA"}
    wrong = [
        (e.subject, e.predicate, e.object)
        for e in graph.edges
        if e.predicate in ("causeOf", "complicationOf", "riskFactorFor")
        and ({(e.subject, e.object), (e.object, e.subject)} & forms)
    ]
    assert wrong == []


def test_is_a_has_no_circle(graph: KnowledgeGraph) -> None:
    assert graph.select("SELECT ?s WHERE { ?s k:isA+ ?s }") == []


@pytest.mark.parametrize(
    ("node", "grade"),
    [("bp-grade-3", 0), ("bp-grade-2", 1), ("bp-grade-1", 2), ("bp-high-normal", 3)],
)
def test_blood_pressure_grades_equal_the_code(graph: KnowledgeGraph, node: str, grade: int) -> None:
    _, systolic, diastolic = china_blood_pressure.GRADES[grade]
    assert _limits(graph, node, "systolic-bp").from_ == systolic
    assert _limits(graph, node, "diastolic-bp").from_ == diastolic
    if grade:
        _, above_systolic, above_diastolic = china_blood_pressure.GRADES[grade - 1]
        assert _limits(graph, node, "systolic-bp").below == above_systolic
        assert _limits(graph, node, "diastolic-bp").below == above_diastolic
    assert not graph.node(node).needs_all


SETTINGS = {
    "office": "hypertension-office",
    "home": "hypertension-home",
    "ambulatory_24h": "hypertension-ambulatory-24h",
    "ambulatory_day": "hypertension-ambulatory-day",
    "ambulatory_night": "hypertension-ambulatory-night",
}


def test_limits_of_hypertension_equal_the_code(graph: KnowledgeGraph) -> None:
    for setting, limits in china_blood_pressure.HYPERTENSION_FROM.items():
        found = tuple(
            _limits(graph, SETTINGS[setting], of).from_ for of in ("systolic-bp", "diastolic-bp")
        )
        assert found == limits, setting


STRATA = ("bp-grade-3", "bp-grade-2", "bp-grade-1", "bp-130-139")
ROWS = ("bp-row-none", "bp-row-few", "bp-row-many", "bp-row-disease")


def test_stratification_equals_the_code(graph: KnowledgeGraph) -> None:
    for row, cells in zip(ROWS, china_blood_pressure.ROWS_2024.values(), strict=True):
        for stratum, cell in zip(STRATA, cells, strict=True):
            risks = [
                e.object
                for e in graph.outgoing[stratum]
                if e.predicate == "classifiedAs" and e.when == (row,)
            ]
            assert risks == ["bp-risk-" + cell.replace(" ", "-").replace("/", "-")]


def test_ldl_goals_equal_the_code(graph: KnowledgeGraph) -> None:
    for level, goal in china_lipid.LDL_TARGETS.items():
        risk = f"lipid-risk-{level.replace(' ', '-')}"
        (edge,) = [e for e in graph.incoming[risk] if e.predicate == "targetOf"]
        assert _limits(graph, edge.subject, "ldl-cholesterol").below == goal
    for when, level in (("ascvd", "very high"), ("lipid-risk-high", "high")):
        (edge,) = [
            e
            for e in graph.incoming["diabetes"]
            if e.predicate == "targetOf" and e.when == (when,) and "ldl" in e.subject
        ]
        goal = china_lipid.DIABETES_LDL_TARGETS[level]
        assert _limits(graph, edge.subject, "ldl-cholesterol").below == goal


def test_lipid_strata_equal_the_code(graph: KnowledgeGraph) -> None:
    for number, (total, ldl) in enumerate(china_lipid.STRATA, start=1):
        node = f"lipid-stratum-{number}"
        assert _limits(graph, node, "total-cholesterol").from_ == total
        assert _limits(graph, node, "ldl-cholesterol").from_ == ldl


@pytest.mark.parametrize("hypertension", [False, True])
@pytest.mark.parametrize("factors", range(4))
@pytest.mark.parametrize("stratum", [1, 2, 3])
def test_lipid_risk_equals_the_code(
    graph: KnowledgeGraph, hypertension: bool, factors: int, stratum: int
) -> None:
    answer = china_lipid.matrix_risk(
        {"hypertension": hypertension, "risk_factors": factors, "stratum": stratum}
    )
    when = {"hypertension" if hypertension else "no-hypertension", f"lipid-factors-{factors}"}
    risks = [
        e.object
        for e in graph.outgoing[f"lipid-stratum-{stratum}"]
        if e.predicate == "classifiedAs" and set(e.when) == when
    ]
    assert risks == [f"lipid-risk-{getattr(answer, 'category', None)}"]


def test_limits_of_diabetes_equal_the_code(graph: KnowledgeGraph) -> None:
    expected = {
        ("diabetes-fasting", "fasting-glucose"): diabetes_diagnosis.FASTING_DIABETES,
        ("ifg-limit", "fasting-glucose"): diabetes_diagnosis.FASTING_IMPAIRED,
        ("diabetes-2h", "glucose-2h"): diabetes_diagnosis.TWO_HOUR_DIABETES,
        ("igt-limit", "glucose-2h"): diabetes_diagnosis.TWO_HOUR_IMPAIRED,
        ("diabetes-hba1c", "hba1c"): diabetes_diagnosis.HBA1C_DIABETES,
        ("prediabetes-hba1c", "hba1c"): diabetes_diagnosis.HBA1C_ATTENTION,
    }
    for (node, of), limit in expected.items():
        assert _limits(graph, node, of).from_ == limit


def test_equations_equal_the_registry(graph: KnowledgeGraph) -> None:
    found = Counter(n.registry_id for n in graph.nodes.values() if n.registry_id)
    assert set(found) <= set(EQUATIONS)
    assert max(found.values()) == 1
    for name in ("china_par_10y", "prevent_2023", "score2", "cha2ds2_vasc", "ckd_epi_2021"):
        assert name in found


EXCLUDED = {"without cardiovascular disease": "cardiovascular-disease", "or diabetes": "diabetes"}


def test_whom_an_equation_excludes_equals_the_registry(graph: KnowledgeGraph) -> None:
    for node in graph.nodes.values():
        if node.area != "risk_assessment" or not node.registry_id:
            continue
        population = EQUATIONS[node.registry_id].population
        excluded = {e.object for e in graph.outgoing[node.id] if e.predicate == "notValidFor"}
        for words, disease in EXCLUDED.items():
            if words in population:
                assert disease in excluded, node.id


def test_every_input_of_an_equation_is_one_of_the_registry(graph: KnowledgeGraph) -> None:
    known = {"systolic-bp": "systolic_bp", "hba1c": "hba1c", "egfr": "egfr", "bmi": "bmi"}
    for node in graph.nodes.values():
        if node.area != "risk_assessment" or not node.registry_id:
            continue
        variables = {
            v.name for variant in EQUATIONS[node.registry_id].variants for v in variant.variables
        }
        used = {e.object for e in graph.outgoing[node.id] if e.predicate == "usesInput"}
        for test, variable in known.items():
            if test in used and node.registry_id != "has_bled":
                assert variable in variables, node.id


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (":x a k:Disease ; k:label 'x' .", "needs a language"),
        (":x a k:Disease ; k:label 'x'@en, 'y'@en .", "given twice"),
        (":x a k:Disease . :x a k:Disease ;", "not valid Turtle"),
        (":x k:isA :y {| k:source :nowhere |} . k:isA a k:EdgeType .", "no k:Source"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.ttl"
    file.write_text(
        'VERSION "1.2"\nPREFIX k: <urn:clinical-ai:ontology:>\n'
        f"PREFIX : <urn:clinical-ai:knowledge:>\n{text}\n",
        encoding="utf-8",
    )
    with pytest.raises(KnowledgeError, match=says):
        load_graph([file])
