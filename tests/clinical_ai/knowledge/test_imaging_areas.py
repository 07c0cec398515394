"""The imaging areas of the graph: whole, cited, and equal to what the code computes."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from pydicom.sr._concepts_dict import concepts

from clinical_ai import codes
from clinical_ai.assessment import fleischner, lung_rads, lung_screening
from clinical_ai.assessment.fleischner import IncidentalNodule
from clinical_ai.assessment.lung_rads import ScreenedNodule
from clinical_ai.decision_support import screening_cards
from clinical_ai.knowledge.graph import KnowledgeGraph, load_graph
from clinical_ai.knowledge.nodes import Edge, Node, Range
from risk_models.equations.registry import EQUATIONS

AREAS = ("lung_nodule", "thyroid_nodule", "breast", "diabetic_retinopathy")
QUESTIONS = Path(__file__).with_name("questions_imaging.json")
SIZES = (0, 3.9, 4, 5.9, 6, 7.9, 8, 8.4, 9.9, 10, 14.9, 15, 29.9, 30, 60)


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return load_graph()


def _own(graph: KnowledgeGraph) -> list[Node]:
    return [n for n in graph.nodes.values() if n.area in AREAS]


def _edges(graph: KnowledgeGraph) -> list[Edge]:
    own = {n.id for n in _own(graph)}
    return [e for e in graph.edges if e.subject in own or e.object in own]


def _limits(graph: KnowledgeGraph, node: str, of: str) -> Range:
    (found,) = [r for r in graph.node(node).ranges if r.of == of]
    return found


def _to(graph: KnowledgeGraph, node: str, predicate: str) -> set[str]:
    return {e.object for e in graph.outgoing[node] if e.predicate == predicate}


def test_every_edge_joins_what_its_kind_may_join(graph: KnowledgeGraph) -> None:
    for edge in _edges(graph):
        kind = graph.edge_types[edge.predicate]
        assert graph.node(edge.subject).kind in kind.domain, edge
        assert graph.node(edge.object).kind in kind.range, edge
        assert all(when in graph.nodes for when in edge.when), edge


def test_every_edge_and_every_number_is_cited(graph: KnowledgeGraph) -> None:
    assert all(edge.citations for edge in _edges(graph))
    for node in _own(graph):
        if node.kind in ("Category", "RiskEquation", "Recommendation") or node.ranges:
            assert node.sources, node.id


def test_every_node_is_named_in_both_languages_and_joined_to_another(graph: KnowledgeGraph) -> None:
    named = {w for e in graph.edges for w in e.when} | {
        r.of for n in graph.nodes.values() for r in n.ranges
    }
    for node in _own(graph):
        assert set(node.labels) == {"zh", "en"}, node.id
        assert node.id in graph.outgoing or node.id in graph.incoming or node.id in named, node.id
        if node.kind == "Recommendation":
            assert set(node.text) == {"zh", "en"}, node.id


def test_no_name_means_two_things(graph: KnowledgeGraph) -> None:
    owners: dict[str, set[str]] = {}
    for node in graph.nodes.values():
        for language in ("zh", "en"):
            for name in (node.labels[language], *node.synonyms[language]):
                owners.setdefault(name.casefold(), set()).add(node.id)
    own = {n.id for n in _own(graph)}
    assert {n: ids for n, ids in owners.items() if len(ids) > 1 and ids & own} == {}


def test_one_value_falls_into_one_category_of_a_scheme(graph: KnowledgeGraph) -> None:
    schemes: dict[str, list[Range]] = {}
    for node in _own(graph):
        if node.scheme and node.ranges:
            schemes.setdefault(node.scheme, []).extend(node.ranges)
    assert schemes
    for scheme, ranges in schemes.items():
        assert len({(r.of, r.unit) for r in ranges}) == 1, scheme
        for size in (*SIZES, -1, 1, 2, 5, 7):
            assert sum(r.holds(size) for r in ranges) <= 1, (scheme, size)


def test_equations_are_those_of_the_registry(graph: KnowledgeGraph) -> None:
    for node in _own(graph):
        if node.registry_id:
            assert node.registry_id in EQUATIONS, node.id


LUNG_RADS_ROWS = {
    ("solid", "baseline"): "lr-solid-baseline-",
    ("solid", "new"): "lr-solid-new-",
    ("solid", "growing"): "lr-solid-growing-",
    ("nonsolid", "baseline"): "lr-nonsolid-",
}


@pytest.mark.parametrize(("kind", "timepoint"), LUNG_RADS_ROWS)
@pytest.mark.parametrize("size", SIZES)
def test_lung_rads_rows_equal_the_code(
    graph: KnowledgeGraph, kind: str, timepoint: str, size: float
) -> None:
    prefix = LUNG_RADS_ROWS[kind, timepoint]
    rows = [n for n in _own(graph) if n.id.startswith(prefix) and n.ranges[0].holds(size)]
    assert len(rows) == 1
    expected = lung_rads.assess_nodule(
        ScreenedNodule(kind, timepoint, mean_mm=size)  # type: ignore[arg-type]
    ).category
    stated = [
        e.object
        for e in graph.outgoing[rows[0].id]
        if e.predicate == "classifiedAs" and e.note is None
    ]
    assert stated == [f"lung-rads-{expected.lower()}"]


@pytest.mark.parametrize("timepoint", ["baseline", "growing"])
@pytest.mark.parametrize("total", [5.9, 6, 12, 40])
@pytest.mark.parametrize("solid", [0, 3.9, 4, 5.9, 6, 7.9, 8, 12])
def test_lung_rads_part_solid_rows_equal_the_code(
    graph: KnowledgeGraph, timepoint: str, total: float, solid: float
) -> None:
    if solid > total:
        return
    values = {"nodule-mean-diameter": total, "solid-component-diameter": solid}
    growing = timepoint == "growing"
    rows = [
        n
        for n in _own(graph)
        if n.id.startswith("lr-part-solid-")
        and n.id.startswith("lr-part-solid-growing-") == growing
        and all(r.holds(values[r.of]) for r in n.ranges)
    ]
    assert len(rows) == 1
    expected = lung_rads.assess_nodule(
        ScreenedNodule("part_solid", timepoint, mean_mm=total, solid_mm=solid)  # type: ignore[arg-type]
    ).category
    assert _to(graph, rows[0].id, "classifiedAs") == {f"lung-rads-{expected.lower()}"}


def test_juxtapleural_limit_equals_the_code(graph: KnowledgeGraph) -> None:
    limits = _limits(graph, "lr-juxtapleural-under-10", "nodule-mean-diameter")
    for size in SIZES:
        category = lung_rads.assess_nodule(ScreenedNodule("juxtapleural", mean_mm=size)).category
        if limits.holds(size):
            assert category == "2"
    assert lung_rads.assess_nodule(ScreenedNodule("juxtapleural", mean_mm=10)).category != "2"


@pytest.mark.parametrize(
    ("category", "months"), [("1", "12"), ("2", "12"), ("3", "6"), ("4A", "3")]
)
def test_lung_rads_follow_up_equals_the_code(
    graph: KnowledgeGraph, category: str, months: str
) -> None:
    (edge,) = [
        e
        for e in graph.outgoing[f"lung-rads-{category.lower()}"]
        if e.object == "low-dose-ct" and e.predicate == "followUp"
    ]
    assert edge.interval == f"P{months}M"
    nodule = {"1": None, "2": 5.0, "3": 7.0, "4A": 9.0}[category]
    results = (
        [] if nodule is None else [lung_rads.assess_nodule(ScreenedNodule("solid", mean_mm=nodule))]
    )
    found = lung_rads.assess_exam(results)
    assert found.category == category
    assert f"in {months} months" in found.recommendation.template


def _fleischner_row(graph: KnowledgeGraph, nodule: IncidentalNodule) -> Node:
    size = fleischner.whole_mm(nodule.size_mm)
    if nodule.type == "solid":
        prefix = "fl-solid-multiple-" if nodule.multiple and size >= 6 else "fl-solid-"
    elif nodule.multiple:
        prefix = "fl-subsolid-multiple-"
    elif size < 6:
        prefix = "fl-subsolid-"
    else:
        prefix = "fl-ground-glass-" if nodule.type == "ground_glass" else "fl-part-solid-"
    rows = [
        n
        for n in _own(graph)
        if n.id.startswith(prefix)
        and ("multiple" in n.id) == ("multiple" in prefix)
        and n.ranges[0].holds(size)
    ]
    assert len(rows) == 1, [r.id for r in rows]
    return rows[0]


@pytest.mark.parametrize("kind", ["solid", "ground_glass", "part_solid"])
@pytest.mark.parametrize("multiple", [False, True])
@pytest.mark.parametrize("high_risk", [False, True])
@pytest.mark.parametrize("size", [3, 5.4, 5.5, 6, 8.4, 8.5, 20])
def test_fleischner_rows_equal_the_code(
    graph: KnowledgeGraph, kind: str, multiple: bool, high_risk: bool, size: float
) -> None:
    nodule = IncidentalNodule(kind, size, multiple=multiple, high_risk=high_risk)  # type: ignore[arg-type]
    advice = fleischner.assess_nodule(nodule).advice
    row = _fleischner_row(graph, nodule)
    risk = "fleischner-high-risk" if high_risk else "fleischner-low-risk"
    said = [
        e
        for e in graph.outgoing[row.id]
        if e.predicate == "followUp" and e.object == "chest-ct" and e.when in ((), (risk,))
    ]
    if advice == "no_routine_followup":
        assert said == []
        against = [e for e in graph.incoming[row.id] if e.subject == "rec-fleischner-none"]
        assert against and against[0].when in ((), (risk,))
        return
    (edge,) = said
    first = next(i for i in INTERVALS if i in advice)
    assert edge.interval == INTERVALS[first]
    words = "" if edge.note is None else edge.note["en"]
    assert ("consider" in advice and "18_24" in advice) == ("then consider CT at 18" in words)
    for part, phrase in (
        ("2y_4y", "2 and 4 years"),
        ("every_2y", "every 2 years"),
        ("annual", "every year for 5"),
        ("optional", "optional"),
    ):
        assert (part in advice) == (phrase in words), (advice, words)


INTERVALS = {"3_6m": "P3M/P6M", "6_12m": "P6M/P12M", "ct_12m": "P12M", "ct_3m": "P3M"}


def test_fleischner_age_equals_the_code(graph: KnowledgeGraph) -> None:
    limits = _limits(graph, "age-under-35", "age")
    assert limits.below == fleischner.MINIMUM_AGE_YEARS


def test_lung_screening_criteria_equal_the_code(graph: KnowledgeGraph) -> None:
    china = _limits(graph, "lung-screening-china", "age")
    assert (china.from_, china.up_to) == lung_screening.CHINA_AGES
    packs = _limits(graph, "smoking-china-30", "pack-years")
    assert packs.from_ == lung_screening.CHINA_PACK_YEARS
    task_force = _limits(graph, "lung-screening-uspstf", "age")
    assert (task_force.from_, task_force.up_to) == lung_screening.USPSTF_AGES
    packs = _limits(graph, "lung-screening-uspstf", "pack-years")
    assert packs.from_ == lung_screening.USPSTF_PACK_YEARS
    for node in ("lung-screening-uspstf", "smoking-china-30"):
        assert str(lung_screening.MAX_YEARS_SINCE_QUITTING) in graph.node(node).labels["en"]


POINTS = {
    "thyroid-cystic": 0,
    "thyroid-spongiform": 0,
    "thyroid-mixed": 1,
    "thyroid-solid": 2,
    "thyroid-anechoic": 0,
    "thyroid-isoechoic": 1,
    "thyroid-hypoechoic": 2,
    "thyroid-very-hypoechoic": 3,
    "thyroid-wider-than-tall": 0,
    "thyroid-taller-than-wide": 3,
    "thyroid-smooth-margin": 0,
    "thyroid-ill-defined-margin": 0,
    "thyroid-irregular-margin": 2,
    "extrathyroidal-extension": 3,
    "thyroid-comet-tail": 0,
    "thyroid-macrocalcification": 1,
    "thyroid-rim-calcification": 2,
    "thyroid-punctate-foci": 3,
}
"""ACR TI-RADS (J Am Coll Radiol 2017;14:587-595, figure 1)."""


def test_ti_rads_points(graph: KnowledgeGraph) -> None:
    scored = {e.subject: e for e in graph.incoming["acr-ti-rads"] if e.predicate == "scoredIn"}
    assert set(scored) == set(POINTS)
    for sign, points in POINTS.items():
        note = scored[sign].note
        assert note is not None
        assert f"{points} point" in note["en"] and f"{points}分" in note["zh"]


@pytest.mark.parametrize(
    ("points", "level"), [(0, 1), (2, 2), (3, 3), (4, 4), (6, 4), (7, 5), (14, 5)]
)
def test_ti_rads_levels(graph: KnowledgeGraph, points: int, level: int) -> None:
    held = [n.id for n in _own(graph) if n.scheme == "acr-ti-rads" and n.ranges[0].holds(points)]
    assert held == [f"acr-tr{level}"]


@pytest.mark.parametrize(
    ("level", "needle", "follow_up"), [("3", 25, 15), ("4", 15, 10), ("5", 10, 5)]
)
def test_ti_rads_sizes(graph: KnowledgeGraph, level: str, needle: int, follow_up: int) -> None:
    sizes = {
        e.object: _limits(graph, e.when[0], "thyroid-nodule-diameter").from_
        for e in graph.outgoing[f"acr-tr{level}"]
        if e.predicate == "followUp"
    }
    assert sizes == {"thyroid-fna": needle, "thyroid-ultrasound": follow_up}


@pytest.mark.parametrize(
    ("points", "level"),
    [(-1, "2"), (0, "3"), (1, "4a"), (2, "4b"), (3, "4c"), (4, "4c"), (5, "5")],
)
def test_c_tirads_levels_and_no_sizes(graph: KnowledgeGraph, points: int, level: str) -> None:
    held = [n.id for n in _own(graph) if n.scheme == "c-tirads" and n.ranges[0].holds(points)]
    assert held == [f"c-tr{level}"]
    assert not _to(graph, held[0], "followUp"), "no source of its sizes is stored"


@pytest.mark.parametrize(
    ("per_cent", "category"),
    [
        (0, None),
        (1, "3"),
        (2, "3"),
        (2.1, "4a"),
        (10, "4a"),
        (11, "4b"),
        (50, "4b"),
        (51, "4c"),
        (94.9, "4c"),
        (95, "5"),
        (100, "5"),
    ],
)
def test_bi_rads_likelihood(graph: KnowledgeGraph, per_cent: float, category: str | None) -> None:
    held = [
        n.id
        for n in _own(graph)
        if n.scheme == "bi-rads-likelihood" and n.ranges[0].holds(per_cent)
    ]
    assert held == ([] if category is None else [f"bi-rads-{category}"])


def test_mammography_ages_equal_decision_support(graph: KnowledgeGraph) -> None:
    limits = _limits(graph, "women-40-74", "age")
    assert (limits.from_, limits.up_to) == screening_cards.MAMMOGRAPHY_AGES
    assert limits.sex == "female"
    (edge,) = [e for e in graph.outgoing["mammography"] if e.when == ("women-40-74",)]
    years = screening_cards.MAMMOGRAPHY_DAYS / screening_cards.YEAR_DAYS
    assert edge.interval == f"P{years:.0f}Y"


def test_breast_codes_equal_those_of_records_and_readings(graph: KnowledgeGraph) -> None:
    answers = json.loads((files("clinical_ai.records") / "data" / "answers.json").read_bytes())
    for code, category in _find(answers, "bi_rads").items():
        assert code in {c.code for c in graph.node(f"bi-rads-{category}").codes}
    for letter, code in zip(
        "abcd",
        (
            codes.ALMOST_ENTIRELY_FAT,
            codes.SCATTERED_FIBROGLANDULAR,
            codes.HETEROGENEOUSLY_DENSE,
            codes.EXTREMELY_DENSE,
        ),
        strict=True,
    ):
        assert [c.code for c in graph.node(f"density-{letter}").codes] == [code.value]


def _find(table: object, name: str) -> dict[str, str]:
    """The first mapping of that name in nested tables that maps text to text."""
    if isinstance(table, dict):
        for key, value in table.items():
            if key == name and isinstance(value, dict):
                return value
            if found := _find(value, name):
                return found
    return {}


def test_snomed_codes_of_dicom_are_in_its_dictionary(graph: KnowledgeGraph) -> None:
    known = {value for entries in concepts["SCT"].values() for value in entries}
    checked = [
        c.code
        for n in _own(graph)
        for c in n.codes
        if "pydicom" in c.confirmed_in and c.system == "snomed"
    ]
    assert len(checked) > 10
    assert set(checked) <= known


def test_retinopathy_grades_equal_those_of_records(graph: KnowledgeGraph) -> None:
    answers = json.loads((files("clinical_ai.records") / "data" / "answers.json").read_bytes())
    grades = _find(answers, "dr_grade")
    assert len(grades) == 5
    for code, grade in grades.items():
        assert [(c.system, c.code) for c in graph.node(f"icdr-{grade}").codes] == [("loinc", code)]


def test_referable_retinopathy_begins_at_moderate(graph: KnowledgeGraph) -> None:
    referable = {e.subject for e in graph.incoming["referable-dr"] if e.predicate == "classifiedAs"}
    assert referable == {"icdr-2", "icdr-3", "icdr-4", "diabetic-macular-oedema"}
    for grade in range(5):
        refers = "ophthalmologist-referral" in _to(graph, f"icdr-{grade}", "followUp")
        assert refers == (grade >= 2)


def test_the_questions_expect_nodes_of_the_graph(graph: KnowledgeGraph) -> None:
    questions = json.loads(QUESTIONS.read_bytes())
    assert len(questions) >= 14
    assert {q["language"] for q in questions} == {"zh", "en"}
    assert any(not q["expected"] for q in questions)
    for question in questions:
        assert set(question) == {"question", "language", "expected"}
        assert all(node in graph.nodes for node in question["expected"]), question
