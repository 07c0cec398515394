import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.pathways.definition import AlarmRules, Pathway
from clinical_ai.pathways.load import (
    ALARMS_FILE,
    DATA,
    PathwayFileError,
    load_alarm_rules,
    load_pathways,
    parse,
)

GOOD = """\
version: 1
pathway: demo
title: {en: Demo, zh: 演示}
scope: {en: All, zh: 全部}
sources:
  book: {citation: A book}
entry: {age: {min: 18}}
entry_source: book
stages:
  - id: only
    phase: follow_up
    title: {en: Only, zh: 唯一}
    enter: {age: {min: 18}}
    source: book
goals:
  - id: ldl
    group: ldl
    title: {en: LDL, zh: LDL}
    target:
      latest: {kind: ldl_cholesterol, unit: mmol/L, below: 2.6}
    source: book
visits:
  - id: visit
    title: {en: Visit, zh: 随访}
    in: [only]
    every: 3 months
    interval_by: site
    done_by: {measured: [systolic_bp]}
    source: book
"""


def problems(text: str) -> str:
    with pytest.raises(PathwayFileError) as caught:
        parse(text.encode(), "site.yaml", Pathway)
    return "\n".join(str(p) for p in caught.value.problems)


def test_the_five_pathways_and_the_alarms_can_be_used():
    assert set(load_pathways()) == {
        "hypertension",
        "diabetes",
        "dyslipidaemia",
        "stroke",
        "post_mi",
    }
    assert load_alarm_rules().alarms


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in DATA.glob("*.yaml") if p.name != ALARMS_FILE)
)
def test_every_pathway_leads_from_prediction_to_rehabilitation(name):
    pathway = load_pathways()[name]
    assert {s.phase for s in pathway.stages} == {
        "prediction",
        "early_intervention",
        "follow_up",
        "rehabilitation",
    }
    for kind, rule in pathway.scheduled():
        assert rule.in_stages, f"{kind} {rule.id} names no stage"
    rules = [rule for _, _, rule in pathway.rules()]
    used = {pathway.entry_source, *(s for rule in rules for s in (rule.source, *rule.also))}
    assert used == set(pathway.sources), "a source that no rule cites"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("version: 1", "version: 2"), r"^site.yaml:1:1: version: .*'1', not '2'"),
        (
            ("every: 3 months", "every: monthly"),
            r"^site.yaml:26:5: visits\[1\].every: 'monthly' is no span of time; write for example",
        ),
        (
            ("kind: ldl_cholesterol", "kind: ldl_cholestrol"),
            r"^site.yaml:20:16: .*unknown measure 'ldl_cholestrol' \(did you mean 'ldl_chol",
        ),
        (
            ("unit: mmol/L", "unit: mg/dL"),
            r"^site.yaml:20:39: .*ldl_cholesterol is kept in mmol/L; convert the numbers",
        ),
        (
            ("below: 2.6", "bellow: 2.6"),
            r"^site.yaml:20:53: .*unknown key 'bellow' \(did you mean 'below'",
        ),
        (("below: 2.6", "below: low"), r"^site.yaml:20:53: .*number.*, not 'low'"),
        (("below: 2.6", "below: .nan"), r"^site.yaml:20:53: "),
        (
            (", below: 2.6", ""),
            r"^site.yaml:20:7: .*no bound is given; write min, above, max or below",
        ),
        (
            ("in: [only]", "in: [onyl]"),
            r"^site.yaml:25:10: .*unknown stage .*'onyl' \(did you mean 'only'",
        ),
        (
            ("    source: book\ngoals", "    source: boock\ngoals"),
            r"^site.yaml:14:5: .*did you mean 'book'",
        ),
        (("id: visit", "id: ldl"), r"^site.yaml:23:5: .*the id 'ldl' stands here a second time"),
        (
            ("phase: follow_up", "phase: later"),
            r"^site.yaml:11:5: stages\[1\].phase: .*not 'later'",
        ),
        (("zh: 唯一", "zh: "), r"^site.yaml:12:23: .*nothing stands after 'zh'"),
        (
            ("    interval_by: site\n", ""),
            r"^site.yaml:23:5: visits\[1\]: the key 'interval_by' is missing",
        ),
        (
            ("done_by: {measured: [systolic_bp]}", "done_by: {home: true}"),
            r"^site.yaml:28:5: .*write measured",
        ),
        (("enter: {age: {min: 18}}", "enter: {}"), r"^site.yaml:13:5: .*the condition is empty"),
        (
            ("enter: {age: {min: 18}}", "enter: {python: 'import os'}"),
            r"^site.yaml:13:13: .*unknown key 'python'",
        ),
        (
            ("enter: {age: {min: 18}}", "enter: {goals_met: glucose}"),
            r"^site.yaml:13:13: .*unknown group of goals",
        ),
        (
            ("title: {en: Demo", "title: &a {en: Demo"),
            r"^site.yaml:3:8: anchors and aliases are not allowed",
        ),
        (("scope: {en: All, zh: 全部}\n", ""), r"^site.yaml:1:1: the key 'scope' is missing"),
    ],
)
def test_a_mistake_is_named_with_line_column_and_cure(change, expected):
    assert GOOD.count(change[0]) >= 1
    assert re.search(expected, problems(GOOD.replace(*change)), re.MULTILINE)


def test_the_example_of_these_tests_is_good():
    assert parse(GOOD.encode(), "site.yaml", Pathway).pathway == "demo"


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    said = problems(GOOD.replace("phase: follow_up", "phase: x").replace("3 months", "soon"))
    assert [line.split(":")[1] for line in said.splitlines()] == ["11", "26"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_no_file_does_worse_than_be_refused(data):
    for model in (Pathway, AlarmRules):
        with pytest.raises(PathwayFileError):
            parse(data, "any.yaml", model)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_refused_or_good_but_never_an_accident(data):
    lines = (DATA / "diabetes.yaml").read_text("utf-8").splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    lines[number] = data.draw(
        st.sampled_from(
            ["", "- a", "x: [", "  x: 1", "      - problem: []", "    every: {}", ": :"]
        )
    )
    try:
        parse("\n".join(lines).encode(), "d.yaml", Pathway)
    except PathwayFileError as error:
        assert all(p.place.line >= 1 for p in error.problems)


def test_a_file_of_the_site_goes_before_ours_and_adds_to_them(tmp_path: Path):
    ours = (DATA / "stroke.yaml").read_text("utf-8")
    (tmp_path / "own-stroke.yaml").write_text(
        ours.replace("title: {en: Stroke,", "title: {en: Own,"), "utf-8"
    )
    (tmp_path / "demo.yaml").write_text(GOOD, "utf-8")
    found = load_pathways(tmp_path)
    assert found["stroke"].title.en == "Own"
    assert "demo" in found and "hypertension" in found


def test_two_files_of_a_site_for_one_pathway_are_refused(tmp_path: Path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD, "utf-8")
    with pytest.raises(PathwayFileError, match=r"stands in a\.yaml too"):
        load_pathways(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(PathwayFileError, match="pathways_dir"):
        load_pathways(tmp_path / "none")


def test_alarms_of_the_site_replace_ours(tmp_path: Path):
    ours = (DATA / ALARMS_FILE).read_text("utf-8")
    (tmp_path / ALARMS_FILE).write_text(ours.replace("en: Alarms on readings", "en: Own"), "utf-8")
    assert load_alarm_rules(tmp_path).title.en == "Own from home"
    assert load_pathways(tmp_path).keys() == load_pathways().keys()
