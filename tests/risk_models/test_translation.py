"""Everything that a risk result, refusal, caution or guideline can say exists in Chinese."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import risk_models
from risk_models import EQUATIONS, Unit, evaluate
from risk_models.explain import FACTORS
from risk_models.guidelines import (
    Classification,
    NotClassified,
    china_blood_pressure,
    china_bp_risk_factors,
    china_cvd_2019,
    china_lipid,
    classify,
    diabetes_diagnosis,
)
from risk_models.guidelines.classification import Guideline
from risk_models.results import CautionCode, Problem, ProblemKind
from risk_models.text import Message
from risk_models.translation import RiskTexts, chinese
from risk_models.units import printed
from risk_models.variables import Choice, Variable
from tests.risk_models.reference_cases import load

HERE = Path(risk_models.__file__).parent
OWN_CATALOGUES = {HERE / "cohort", HERE / "surveillance", HERE / "survival" / "model_card.py"}
"""Parts with texts of their own, which their own tests look after."""

GUIDELINE_MODULES = (
    china_blood_pressure,
    china_bp_risk_factors,
    china_cvd_2019,
    china_lipid,
    diabetes_diagnosis,
)
ANSWERS = ("Classification", "NotClassified", "_answer", "_drug", "_target", "_from_matrix")
ZH = RiskTexts("zh")
UNITS_AS_THEY_ARE = {"mmHg", "HU", "kg", "cm", "mm", "mm2", "mm3"}
SAME_IN_CHINESE = {"{options}"}


def templates() -> Iterator[str]:
    """Every literal that is marked with ``N_``."""
    for source in HERE.rglob("*.py"):
        if not OWN_CATALOGUES & {source, *source.parents}:
            for call in _calls(source):
                if _name(call) == "N_" and isinstance(call.args[0], ast.Constant):
                    yield call.args[0].value


def equation_words() -> Iterator[str]:
    """Titles, outcomes, inputs, options, classes and units of the equations."""
    for equation in EQUATIONS.values():
        yield equation.title
        for variant in equation.variants:
            yield from (rule.message.template for rule in variant.cautions)
            for outcome in variant.outcomes:
                yield outcome.name
                yield outcome.undefined.template
                yield from outcome.classes.labels if outcome.classes else ()
            yield from _variable_words(variant.variables)


def guideline_words() -> Iterator[str]:
    """Rules, categories, details and titles of the guidelines."""
    for module in GUIDELINE_MODULES:
        for value in vars(module).values():
            if isinstance(value, Guideline):
                yield from (value.title, value.confidence)
            elif isinstance(value, Variable):
                yield from _variable_words((value,))
            elif isinstance(value, tuple):
                yield from _variable_words(tuple(v for v in value if isinstance(v, Variable)))
        source = Path(str(module.__file__))
        for call in _calls(source):
            if _name(call) in ANSWERS:
                yield from (a.value for a in call.args if _is_text(a))  # type: ignore[attr-defined]
    for row, cells in china_blood_pressure.ROWS_2024.items():
        yield from (row, *cells)
    yield from (name for name, _, _ in china_blood_pressure.GRADES)
    yield from ("normal", "ifg", "igt", "ifg and igt", "isolated_systolic", "row")
    yield from china_lipid.LDL_TARGETS
    yield from china_bp_risk_factors.risk_factors({}).unknown


def _variable_words(variables: tuple[Variable, ...]) -> Iterator[str]:
    for variable in variables:
        yield variable.name
        yield variable.valid.template
        yield from variable.options if isinstance(variable, Choice) else ()


def _calls(source: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Call) and node.args:
            yield node


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def needed() -> set[str]:
    """Every English text that must have a Chinese one."""
    return {
        *templates(),
        *equation_words(),
        *guideline_words(),
        *map(str, ProblemKind),
        *map(str, CautionCode),
        *FACTORS.values(),
        *(text for unit in Unit if (text := printed(unit)).replace(" ", "").isalpha()),
    } - UNITS_AS_THEY_ARE


def test_every_text_has_a_translation_in_chinese() -> None:
    assert len(needed()) > 350
    assert sorted(needed() - set(chinese())) == []


def test_no_translation_is_left_over() -> None:
    assert sorted(set(chinese()) - needed() - DETAILS) == []


def test_translations_keep_the_fields_of_their_templates() -> None:
    for english, text in chinese().items():
        fields = [sorted(re.findall(r"\{\w+\}", content)) for content in (english, text)]
        assert fields[0] == fields[1], english
        assert english in SAME_IN_CHINESE or text != english or not re.search("[a-z]{4}", english)


DETAILS = {
    "lifetime",
    "ten_year_risk_percent",
    "ldl_target_mmol_l",
    "non_hdl_target_mmol_l",
    "ldl_fall_over_half",
}
"""Names in `Classification.details`."""

CASES = [
    (name, case["input"])
    for name in (
        "china_bp_2018_2024",
        "china_lipid_2023",
        "diabetes_diagnosis",
        "china_cvd_guideline_2019_flow",
    )
    for case in load(name)
]


@pytest.mark.parametrize(("guideline", "record"), CASES)
def test_answers_of_the_guidelines_are_all_chinese(
    guideline: str, record: dict[str, object]
) -> None:
    answer = classify(guideline, record)
    said = [answer.rule, answer.guideline.title, answer.guideline.confidence]
    messages: list[Message] = []
    if isinstance(answer, Classification):
        said += [answer.category, *answer.details]
        said += [value for value in answer.details.values() if isinstance(value, str)]
        messages += [*answer.branch, *answer.notes]
    elif isinstance(answer, NotClassified):
        messages += [answer.reason] if answer.reason else []
    assert set(said) | {message.template for message in messages} <= set(chinese())


def problem(record: dict[str, object], equation: str = "ckd_epi_2021") -> Problem:
    return evaluate(equation, record).refusals[0].problems[0]


@pytest.mark.parametrize(
    ("record", "zh", "en"),
    [
        (
            {"age": -5, "sex": "male", "creatinine_mg_dl": 1},
            "年龄：超出范围。记录值：-5 岁；可接受：18至120 岁。"
            "若该值无误，则本方法不适用于此人；否则请更正。",
            "age: out of range. Given: -5 years; accepted: 18 to 120 years. "
            "If the value is right, this is not for this person; else correct it.",
        ),
        (
            {"age": 50, "sex": "M", "creatinine_mg_dl": 1},
            '性别：取值不允许。记录值："M"；可接受：male（男）、female（女）。请填所列词之一。',
            'sex: not an allowed value. Given: "M"; accepted: male, female. '
            "Give one of the words listed.",
        ),
        (
            {"age": 50, "sex": "male", "creatinine_mg_dl": 80},
            "肌酐：超出范围。记录值：80 mg/dL；可接受：0.1至20 mg/dL。"
            "若单位为umol/L则在范围内：如确为该单位，请填入 creatinine_umol_l。",
            "creatinine: out of range. Given: 80 mg/dL; accepted: 0.1 to 20 mg/dL. "
            "In umol/L it would be in range: if that is its unit, give it as creatinine_umol_l.",
        ),
        (
            {"age": 50, "sex": "male"},
            "肌酐：缺失。可接受：0.1至20 mg/dL。请提供 creatinine_mg_dl / creatinine_umol_l。",
            "creatinine: missing. Accepted: 0.1 to 20 mg/dL. "
            "Give creatinine_mg_dl / creatinine_umol_l.",
        ),
    ],
)
def test_problems_are_whole_sentences(record: dict[str, object], zh: str, en: str) -> None:
    assert ZH.problem(problem(record)) == zh
    assert RiskTexts("en").problem(problem(record)) == en


def test_field_names_to_be_typed_stay_as_they_are() -> None:
    person = {"hypertension": True, "diabetes": None}
    wrong = evaluate("cha2ds2_vasc", person).refusals[0].problems
    said = next(ZH.problem(found) for found in wrong if found.variable == "diabetes")
    assert said == "糖尿病：缺失。可接受：是或否。请提供 diabetes。"


def test_what_is_not_defined_is_said_without_a_cure() -> None:
    record = {"volume_1": 100, "volume_2": 100, "interval": 30}
    text = ZH.problem(problem(record, "growth_vdt"))
    assert text == "倍增时间：对此输入无定义。大小无变化：倍增时间为无穷大。"


def test_cautions_and_outcomes() -> None:
    (outcome,) = evaluate("growth_vdt", {"volume_1": 100, "volume_2": 50, "interval": 30}).results
    assert [ZH.caution(caution) for caution in outcome.warnings] == ["结节缩小：负值为减半时间。"]
    assert ZH.outcome("ascvd", 10) == "ASCVD（10年）"
    assert ZH.outcome("doubling_time", None) == "倍增时间"
    with pytest.raises(ValueError, match="zh, en"):
        RiskTexts("fr")
