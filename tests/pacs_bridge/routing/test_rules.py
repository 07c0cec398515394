"""The engine: first match wins, laws of all, any and not, and a trace that tells the truth."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.routing import conditions, matchers
from pacs_bridge.routing.actions import PRIORITIES, Actions, PriorsWish
from pacs_bridge.routing.conditions import Age, Attribute, Every, Images, Not, Some, Tag
from pacs_bridge.routing.decision import Trace, decision_from_json, decision_to_json
from pacs_bridge.routing.facts import StudyFacts, completed_years
from pacs_bridge.routing.fields import FIELDS
from pacs_bridge.routing.load import parse_rules
from pacs_bridge.routing.matchers import AllOf, Contains, Exists, OneOf, Only, Range, Regex
from pacs_bridge.routing.read_actions import Known
from pacs_bridge.routing.rules import DISABLED, Rule, RuleSet, decide

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)  # a Tuesday
FACTS = StudyFacts(
    study_uid="1.2.3",
    at=NOW,
    images=300,
    age_years=45,
    calling_ae=("CT1",),
    called_ae=("CLINICALAI",),
    modality=("CT", "SR"),
    body_part=("CHEST",),
    study_description=("Chest CT 胸部",),
    patient_sex=("F",),
    sop_class=("1.2.840.10008.5.1.4.1.1.2",),
    tags={0x00180050: ("1.25", "5"), 0x00100020: ("P-77",), 0x00080050: ("A1",)},
)


def met(when: str, facts: StudyFacts = FACTS) -> bool:
    """Whether a condition in the words of a rule file holds."""
    text = f"rules:\n- name: r\n  when: {when}\n  then: {{ignore: true}}\n"
    return decide(parse_rules(text.encode(), "r.yaml", Known()).rules, facts).actions.ignore


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ("{modality: CT}", True),
        ("{modality: ct}", True),
        ("{modality: [MR, CT]}", True),
        ("{modality: {all: [CT, SR]}}", True),
        ("{modality: {all: [CT, MR]}}", False),
        ("{modality: {only: CT}}", False),
        ("{modality: {only: [SR, CT, MR]}}", True),
        ("{laterality: {only: [L, R]}}", False),
        ("{laterality: {exists: false}}", True),
        ("{body_part: {exists: true}}", True),
        ("{calling_ae: CT1}", True),
        ("{calling_ae: ct1}", False),
        ("{called_ae: CLINICALAI}", True),
        ("{study_description: {contains: [mr, '胸']}}", True),
        ("{study_description: {regex: '^chest'}}", False),
        ("{study_description: {regex: '(?i)^chest.*部$'}}", True),
        ("{patient_sex: F}", True),
        ("{sop_class: CTImageStorage}", True),
        ("{sop_class: 1.2.840.10008.5.1.4.1.1.4}", False),
        ("{patient_age: 45}", True),
        ("{patient_age: {min: 18, max: 45}}", True),
        ("{patient_age: {min: 46}}", False),
        ("{images: {min: 300, max: 300}}", True),
        ("{images: {max: 299}}", False),
        ("{weekday: tue}", True),
        ("{weekday: [sat, sun]}", False),
        ("{time_of_day: {from: 22:00, to: 07:00}}", True),
        ("{time_of_day: {from: 03:30, to: 03:31}}", True),
        ("{time_of_day: {from: 01:00, to: 03:30}}", False),
        ("{time_of_day: {from: 07:00, to: 22:00}}", False),
        ("{tags: {SliceThickness: {max: 2}}}", True),
        ("{tags: {'(0018,0050)': {min: 2, max: 4}}}", False),
        ("{tags: {SliceThickness: 1.25}}", True),
        ("{tags: {PatientID: {regex: '^P-'}}}", True),
        ("{tags: {Manufacturer: {exists: true}}}", False),
        ("{tags: {Manufacturer: {exists: false}, SliceThickness: {exists: true}}}", True),
        ("{modality: CT, body_part: HEAD}", False),
        ("{any: [{modality: MR}, {body_part: CHEST}]}", True),
        ("{all: [{modality: CT}, {not: {patient_sex: M}}]}", True),
        ("{not: {modality: CT}}", False),
        ("{not: {laterality: L}}", True),
    ],
)
def test_conditions_as_written_in_a_file(when, holds):
    assert met(when) is holds


def test_a_known_slow_pattern_of_backtracking_engines_takes_no_time():
    facts = replace(FACTS, study_description=("a" * 10_000 + "!",))
    begun = time.perf_counter()
    assert not met(r"{study_description: {regex: '^(a+)+$'}}", facts)
    assert time.perf_counter() - begun < 1


def test_text_that_cannot_be_encoded_is_matched_all_the_same():
    facts = replace(FACTS, study_description=("chest \ud800",))
    assert met("{study_description: {regex: chest}}", facts)


@pytest.mark.parametrize(
    ("birth", "study", "stated", "years"),
    [
        ("19600102", "20260101", "", 65),
        ("19600102", "20260102", "", 66),
        ("20260101", "20260101", "", 0),
        ("20270101", "20260101", "", None),
        ("19600230", "20260101", "066Y", 66),
        ("", "20260101", "023M", 1),
        ("", "", "052W", 0),
        ("", "", "800D", 2),
        ("", "", "200Y", None),
        ("", "", "old", None),
    ],
)
def test_age_in_completed_years(birth, study, stated, years):
    assert completed_years(birth, study, stated) == years


# Arbitrary facts, conditions and rules.

_texts = st.lists(
    st.one_of(st.sampled_from(["CT", "MR", "ct", "chest", "5", "-1.5", ""]), st.text(max_size=5)),
    max_size=3,
).map(lambda values: tuple(v for v in values if v))
_some_texts = _texts.filter(bool)
_decimals = st.one_of(st.none(), st.integers(-9, 9).map(Decimal))
_matchers = st.one_of(
    st.builds(OneOf, _some_texts, st.booleans()),
    st.builds(AllOf, _some_texts, st.booleans()),
    st.builds(Only, _some_texts, st.booleans()),
    st.builds(Contains, _some_texts, st.booleans()),
    st.builds(Regex, st.sampled_from(["C", "(?i)ct", "^$", "[0-9]+", "."])),
    st.builds(Exists, st.booleans()),
    st.builds(Range, _decimals, _decimals),
)
_tags = st.sampled_from([0x00180050, 0x00100020, 0x00091001])
_conditions = st.recursive(
    st.one_of(
        st.builds(Attribute, st.sampled_from(sorted(FIELDS)), _matchers),
        st.builds(Tag, _tags, _matchers),
        st.builds(Age, st.builds(Range, _decimals, _decimals)),
        st.builds(Images, st.builds(Range, _decimals, _decimals)),
    ),
    lambda parts: st.one_of(
        st.builds(Every, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Some, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=8,
)
_facts = st.builds(
    StudyFacts,
    study_uid=st.just("1.2.3"),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001
    images=st.integers(0, 9),
    age_years=st.one_of(st.none(), st.integers(0, 9)),
    **dict.fromkeys(FIELDS, _texts),
    tags=st.dictionaries(_tags, _texts),
)
_actions = st.builds(
    Actions,
    read=st.sampled_from(["default", "none", "lung_nodule"]),
    priority=st.sampled_from(PRIORITIES),
    forward_to=_texts,
    results_to=st.one_of(st.none(), _texts),
    priors=st.one_of(st.none(), st.builds(PriorsWish, st.integers(1, 9), st.text(max_size=3))),
    hold=st.booleans(),
    ignore=st.booleans(),
)
_rule_sets = st.builds(
    RuleSet,
    rules=st.lists(
        st.builds(
            Rule,
            name=st.text(min_size=1, max_size=5),
            when=st.one_of(st.none(), _conditions),
            then=_actions,
            enabled=st.booleans(),
        ),
        max_size=5,
        unique_by=lambda rule: rule.name,
    ).map(tuple),
    default=_actions,
    digest=st.none(),
)


def holds(condition, facts) -> bool:
    return condition.examine(facts).met


@given(_conditions, _conditions, _facts)
def test_laws_of_all_any_and_not(a, b, facts):
    both, either = holds(Every((a, b)), facts), holds(Some((a, b)), facts)
    assert both == (holds(a, facts) and holds(b, facts)) == holds(Every((b, a)), facts)
    assert either == (holds(a, facts) or holds(b, facts)) == holds(Some((b, a)), facts)
    assert holds(Not(a), facts) == (not holds(a, facts))
    assert holds(Not(Not(a)), facts) == holds(a, facts)
    assert holds(Not(Every((a, b))), facts) == holds(Some((Not(a), Not(b))), facts)
    assert holds(Every(()), facts)
    assert not holds(Some(()), facts)


def check_trace(trace: Trace) -> None:
    """Whether the parts of a trace lead to what it says."""
    parts = [p.met for p in trace.parts]
    expected = {"all of": all(parts), "any of": any(parts), "not": parts == [False]}
    assert trace.met == expected.get(trace.condition, trace.met)
    if not trace.parts and trace.condition not in expected:
        assert trace.seen
    for part in trace.parts:
        check_trace(part)


@given(_rule_sets, _facts)
def test_the_first_matching_rule_decides_and_the_record_says_why(rules, facts):
    decision = decide(rules, facts)
    matching = [r for r in rules.rules if r.enabled and (r.when is None or holds(r.when, facts))]
    if matching:
        assert (decision.rule, decision.actions) == (matching[0].name, matching[0].then)
        assert decision.tried[-1].rule == matching[0].name
    else:
        assert (decision.rule, decision.actions) == (None, rules.default)
        assert len(decision.tried) == len(rules.rules)
    assert [a.matched for a in decision.tried] == [a.rule == decision.rule for a in decision.tried]
    assert [a.rule for a in decision.tried] == [r.name for r in rules.rules][: len(decision.tried)]
    for attempt in decision.tried:
        if attempt.trace is not None:
            assert attempt.trace.met == attempt.matched
            check_trace(attempt.trace)
        elif not attempt.matched:
            assert attempt.note == DISABLED


@given(_rule_sets, _facts)
def test_a_decision_comes_back_from_its_json(rules, facts):
    decision = decide(rules, facts)
    stored = decision_to_json(decision).encode("utf-8", "replace").decode()
    back = decision_from_json(stored)
    assert (back.rule, back.actions) == (decision.rule, decision.actions)
    assert len(back.tried) == len(decision.tried)


@given(_rule_sets, _facts)
def test_what_no_rule_asks_for_does_not_matter(rules, facts):
    needed = rules.tags()
    kept = {tag: values for tag, values in facts.tags.items() if tag in needed}
    assert decide(rules, facts) == decide(rules, replace(facts, tags=kept))


def test_no_rules_do_what_was_done_without_routing():
    decision = decide(RuleSet(), FACTS)
    assert (decision.rule, decision.actions, decision.tried) == (None, Actions(), ())


@pytest.mark.parametrize("tag", [0x00100020, 0x00080050, 0x00100010, 0x00080090])
def test_what_identifies_the_patient_stays_out_of_the_record(tag):
    facts = replace(FACTS, tags={tag: ("Zhang^San",)})
    trace = Tag(tag, Contains(("zhang",))).examine(facts)
    assert trace.met
    assert trace.seen == conditions.HIDDEN


def test_values_found_are_in_the_record_cut_to_size():
    facts = replace(FACTS, series_description=tuple(f"series {n}" for n in range(100)))
    trace = Attribute("series_description", Exists()).examine(facts)
    assert trace.seen.startswith("series 0, series 1")
    assert trace.seen.endswith("88 more")
    assert Attribute("body_part", OneOf(("HEAD",))).examine(FACTS).seen == "CHEST"
    assert Attribute("laterality", OneOf(("L",))).examine(FACTS).seen == conditions.NOTHING
    assert Attribute("sop_class", Exists()).examine(FACTS).seen == "CTImageStorage"


@pytest.mark.parametrize(
    ("matcher", "text"),
    [
        (OneOf(("CT", "MR", "US")), "is CT, MR or US"),
        (AllOf(("L", "R")), "has all of L and R"),
        (Range(Decimal(1), None), "is at least 1"),
        (Range(None, Decimal("1.5")), "is at most 1.5"),
        (Range(Decimal(3), Decimal(3)), "is 3"),
        (Exists(False), "has no value"),
        (Regex("a|b"), "matches /a|b/"),
    ],
)
def test_matchers_read_as_words(matcher, text):
    assert str(matcher) == text


def test_numbers_are_numbers_and_nothing_else():
    assert matchers.number(" 1.50 ") == Decimal("1.5")
    for text in ("", "1,5", "nan", "inf", "thick", "1 mm"):
        assert matchers.number(text) is None
