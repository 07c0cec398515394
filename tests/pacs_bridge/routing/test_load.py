import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs_bridge.routing.actions import Actions, PriorsWish
from pacs_bridge.routing.load import RulesError, load_rules, parse_rules
from pacs_bridge.routing.located import MAX_BYTES
from pacs_bridge.routing.read_actions import ACTION_KEYS, Known
from pacs_bridge.routing.read_conditions import CONDITION_KEYS
from pacs_bridge.routing.rules import RuleSet

KNOWN = Known(
    peers=frozenset({"pacs", "research", "self"}),
    readers=frozenset({"lung_nodule", "mammography"}),
    ourselves=frozenset({"self"}),
)
WHEN = "rules:\n- name: one\n  when:\n    {}\n  then: {{ignore: true}}\n"
THEN = "rules:\n- name: one\n  then:\n    {}\n"


def parse(text: str) -> RuleSet:
    return parse_rules(text.encode(), "r.yaml", KNOWN).rules


def problems(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(RulesError) as caught:
        parse_rules(data, "r.yaml", KNOWN)
    assert str(caught.value) == "\n".join(str(p) for p in caught.value.problems)
    return [str(p) for p in caught.value.problems]


def test_every_action_of_a_rule_is_read():
    text = THEN.format(
        "{read: lung_nodule, priority: stat, forward_to: [pacs, research], results_to: [],"
        " priors: {count: 3, from: pacs}, hold: true}"
    )
    (rule,) = parse(text).rules
    assert rule.then == Actions(
        read="lung_nodule",
        priority="stat",
        forward_to=("pacs", "research"),
        results_to=(),
        priors=PriorsWish(3, "pacs"),
        hold=True,
    )
    assert (rule.name, rule.when, rule.line) == ("one", None, 2)


def test_the_default_of_a_file_and_the_default_without_one():
    assert parse("default: {priority: low}").default == Actions(priority="low")
    assert parse("rules: []").default == RuleSet().default == Actions()


def test_the_digest_is_of_the_bytes():
    assert parse("rules: []").digest != parse("rules: [] ").digest
    assert len(parse("rules: []").digest or "") == 16


def mistakes() -> list[tuple[str | bytes, str]]:
    rows: list[tuple[str | bytes, str]] = [
        (b"rules: []\n# \xff", "r.yaml:2:3: the file is not UTF-8"),
        ("#" * (MAX_BYTES + 1), f"r.yaml:1:1: the file has {MAX_BYTES + 1} bytes"),
    ]
    for row in yaml.safe_load((Path(__file__).parent / "data/mistakes.yaml").read_text()):
        text = row.get("file", "")
        if "when" in row:
            text = WHEN.format(row["when"])
        elif "then" in row:
            text = THEN.format(row["then"])
        rows.append((text, row["says"]))
    return rows


@pytest.mark.parametrize(("text", "says"), mistakes(), ids=lambda value: str(value)[:40])
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(text, says):
    assert any(says in p for p in problems(text)), problems(text)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file():
    found = problems(
        "rules:\n- name: one\n  when: {modality: CT, sex: M}\n  then: {priority: fast}\n"
        "- name: one\n  then: {forward_to: nobody}\n"
    )
    assert [p.split(": ")[0] for p in found] == [
        "r.yaml:3:24",
        "r.yaml:4:20",
        "r.yaml:5:9",
        "r.yaml:6:22",
    ]


def test_a_missing_file_is_a_mistake_too(tmp_path):
    with pytest.raises(RulesError, match="No such file"):
        load_rules(tmp_path / "none.yaml", KNOWN)


def test_yaml_surprises_do_not_change_a_value():
    """NO is no country here, 22:00 no number, 0123 not octal and 1e3 no float."""
    rules = parse(
        WHEN.format(
            "{study_description: [NO, 22:00, 0123, 1e3, null_, yes], "
            "time_of_day: {from: 22:00, to: 07:00}}"
        )
    )
    text = repr(rules.rules[0].when)
    assert "('NO', '22:00', '0123', '1e3', 'null_', 'yes')" in text
    assert "start=datetime.time(22, 0), end=datetime.time(7, 0)" in text


def test_what_can_hardly_be_meant_is_a_warning():
    loaded = parse_rules(
        b"rules:\n- {name: a, then: {priority: low}}\n- {name: b, when: {modality: PET},"
        b" then: {ignore: true}}\n",
        "r.yaml",
        KNOWN,
    )
    unreachable, modality = (str(w) for w in loaded.warnings)
    assert unreachable.startswith("r.yaml:3:1: rule 'b' and those after it are never reached")
    assert modality.startswith("r.yaml:3:30: 'PET' is no modality")


def test_a_file_of_the_largest_size_is_read_in_a_few_seconds():
    rule = "- {{name: r{:04}, when: {{all: [{{modality: CT}}]}}, then: {{priority: low}}}}\n"
    text = "rules:\n" + "".join(rule.format(n) for n in range(MAX_BYTES // 80))
    assert len(text) > 0.8 * MAX_BYTES
    begun = time.process_time()
    assert len(parse(text).rules) == MAX_BYTES // 80
    assert time.process_time() - begun < 20


_words = st.sampled_from(
    [*CONDITION_KEYS, *ACTION_KEYS, "name", "when", "then", "enabled", "rules", "default", "CT",
     "min", "max", "regex", "contains", "exists", "equals", "from", "to", "count", "pacs",
     "lung_nodule", "true", "22:00", "SliceThickness", "mon", "M", "(", "", "version"]
)  # fmt: skip
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), _words
)
_trees = st.recursive(
    _scalars,
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.dictionaries(st.one_of(_words, st.text(max_size=4)), children, max_size=5),
    ),
    max_leaves=30,
)


def loads_or_says_why(data: bytes) -> None:
    try:
        parse_rules(data, "r.yaml", KNOWN)
    except RulesError as error:
        assert error.problems
        assert all(p.place.line >= 1 and p.place.column >= 1 and p.says for p in error.problems)


@given(st.dictionaries(st.sampled_from(["rules", "default", "version"]), _trees))
@settings(max_examples=150, deadline=None)
def test_any_yaml_loads_or_gives_problems(tree):
    loads_or_says_why(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "replace"))


@given(st.lists(st.fixed_dictionaries({"name": st.text(), "when": _trees, "then": _trees})))
@settings(max_examples=100, deadline=None)
def test_any_rules_load_or_give_problems(rules):
    loads_or_says_why(yaml.safe_dump({"rules": rules}).encode())


_syntax = st.text(alphabet="{}[]:,-?&*!|>'\"%@` \nab#\\UxE0", max_size=80).map(str.encode)


@given(st.one_of(st.binary(max_size=200), _syntax))
@settings(max_examples=300, deadline=None)
def test_any_bytes_load_or_give_problems(data):
    loads_or_says_why(data)


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_pattern_is_taken_or_refused(pattern):
    loads_or_says_why(
        yaml.safe_dump(
            {"rules": [{"name": "a", "when": {"study_description": {"regex": pattern}},
                        "then": {"hold": True}}]}
        ).encode()
    )  # fmt: skip
