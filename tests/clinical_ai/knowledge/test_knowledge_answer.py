"""Questions in plain language: answered by statements with sources, or not at all."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.knowledge.answer import KnowledgeIndex, ask, knowledge_index
from clinical_ai.knowledge.graph import load_graph
from validation.knowledge.questions import judge, read_questions, wilson

QUESTIONS = Path(__file__).parent / "questions.json"


@pytest.fixture(scope="module")
def index() -> KnowledgeIndex:
    return knowledge_index(load_graph())


def _named(index: KnowledgeIndex, question: str) -> set[str]:
    return {name for s in ask(index, question).statements for name in s.nodes}


def test_questions_reach_their_accuracy(index: KnowledgeIndex) -> None:
    parts = read_questions([QUESTIONS])
    tuned = judge(index, parts["questions: tuned"])
    held_out = judge(index, parts["questions: held_out"])
    assert len(tuned) + len(held_out) >= 60
    none = [item for item in (*tuned, *held_out) if not item.expected]
    assert len(none) >= 12
    assert all(item.right for item in none)
    assert sum(item.right for item in tuned) / len(tuned) >= 0.95
    assert sum(item.right for item in held_out) / len(held_out) >= 0.8


def test_expected_nodes_exist(index: KnowledgeIndex) -> None:
    content = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    for item in (*content["tuned"], *content["held_out"]):
        assert set(item["expected"]) <= set(index.graph.nodes), item


def test_every_statement_of_an_answer_is_cited(index: KnowledgeIndex) -> None:
    answer = ask(index, "血压160/100合并糖尿病的起始治疗?")
    assert answer.found
    assert "bp-grade-2" in answer.understood
    assert all(statement.citations for statement in answer.statements)


@pytest.mark.parametrize(
    ("question", "reason", "detail"),
    [
        ("二甲双胍的剂量", "out of scope", "doses"),
        ("What dose of metformin?", "out of scope", "doses"),
        ("儿童高血压的治疗", "out of scope", "children"),
        ("12岁高血压患者的治疗", "out of scope", "children"),
        ("hypertension with lupus: treatment", "not understood", "lupus"),
        ("高血压伴痔的治疗", "not understood", "痔"),
        ("怎么治疗？", "nothing named", None),
        ("痛风的一线治疗", "no statement", None),
    ],
)
def test_what_is_not_in_the_knowledge_base(
    index: KnowledgeIndex, question: str, reason: str, detail: str | None
) -> None:
    answer = ask(index, question)
    assert not answer.found
    assert answer.reason == reason
    assert detail is None or answer.detail == (detail,)


def _treatments(index: KnowledgeIndex, question: str) -> set[str]:
    said = [s for s in ask(index, question).statements if s.predicate != "contraindicatedIn"]
    return {name for s in said for name in s.nodes}


def test_a_contraindicated_drug_is_never_the_answer_to_a_treatment(index: KnowledgeIndex) -> None:
    assert "labetalol" in _treatments(index, "妊娠期高血压用什么降压药？")
    for question in (
        "妊娠期高血压用什么降压药？",
        "Treatment of hypertension in pregnancy",
        "高血压合并妊娠的治疗",
    ):
        assert not {"acei", "arb"} & _treatments(index, question)
    first = ask(index, "妊娠高血压能用缬沙坦吗").statements[0]
    assert first.predicate == "contraindicatedIn"
    assert "metformin" not in _named(index, "eGFR 20的2型糖尿病的治疗")


def test_a_value_outside_a_category_excludes_its_statements(index: KnowledgeIndex) -> None:
    assert "bp-grade-2" in _named(index, "血压165/95属于几级")
    assert "bp-grade-1" not in _named(index, "血压165/95属于几级")


def test_the_same_question_in_either_language_names_the_same(index: KnowledgeIndex) -> None:
    chinese = _named(index, "高血压合并糖尿病的治疗")
    assert chinese == _named(index, "Treatment of hypertension with diabetes")
    assert chinese


def test_language_of_the_answer_may_be_chosen(index: KnowledgeIndex) -> None:
    (first, *_) = ask(index, "2级高血压的首选治疗", "en").statements
    assert first.text.startswith("grade 2 hypertension is treated with")


def test_is_fast() -> None:
    start = time.process_time()
    index = knowledge_index(load_graph())
    assert time.process_time() - start < 3
    question = "血压160/100合并糖尿病和慢性肾脏病的起始治疗?"
    start = time.process_time()
    for _ in range(10):
        ask(index, question)
    assert (time.process_time() - start) / 10 < 0.15


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            ["血压160/100", "eGFR", "<", "30", "HbA1c", "糖尿病", "target", "(", "5mm", "/", "禁忌"]
        ),
        max_size=8,
    ).map(" ".join)
)
def test_any_text_is_answered_or_refused_with_a_reason(index: KnowledgeIndex, text: str) -> None:
    answer = ask(index, text)
    assert answer.found == (answer.reason == "")


def test_wilson_interval() -> None:
    low, high = wilson(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)


def test_a_rule_of_one_score_answers_nothing_about_another(index: KnowledgeIndex) -> None:
    assert not ask(index, "C-TIRADS 4A类结节多大需要细针穿刺？").found


def test_limits_at_home_need_a_reading_at_home(index: KnowledgeIndex) -> None:
    assert "hypertension-home" not in ask(index, "血压137/86").understood
    assert "hypertension-home" in ask(index, "家庭血压 137/86 属于什么").understood
