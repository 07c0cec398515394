"""The example and the page of the documentation agree with the code."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from clinical_ai.readers.names import READER_NAMES
from pacs_bridge.routing.actions import PRIORITIES
from pacs_bridge.routing.load import RULE_KEYS, TOP_KEYS, load_rules
from pacs_bridge.routing.read_actions import ACTION_KEYS, Known
from pacs_bridge.routing.read_conditions import CONDITION_KEYS
from pacs_bridge.routing.read_matchers import TEXT_TESTS
from pacs_bridge.routing.schema import json_schema

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLE = DOCS / "routing-example.yaml"
KNOWN = Known(peers=frozenset({"pacs", "research", "backup"}), readers=frozenset(READER_NAMES))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def test_the_example_loads_without_a_warning():
    loaded = load_rules(EXAMPLE, KNOWN)
    assert not loaded.warnings
    assert len(loaded.rules.rules) == 8


def test_the_example_shows_every_condition_and_action():
    text = EXAMPLE.read_text()
    missing = [
        k for k in (*CONDITION_KEYS, *ACTION_KEYS, *RULE_KEYS, *TOP_KEYS) if f"{k}:" not in text
    ]
    assert not missing


def test_the_page_names_every_key():
    text = (DOCS / "routing.md").read_text()
    words = {*CONDITION_KEYS, *ACTION_KEYS, *RULE_KEYS, *TOP_KEYS, *PRIORITIES, *READER_NAMES}
    assert not [word for word in words if f"`{word}`" not in text]
    assert not [test for test in TEXT_TESTS if f"{{{test}:" not in text]


def test_the_schema_is_a_schema_and_takes_the_example():
    VALIDATOR.check_schema(json_schema())
    VALIDATOR.validate(yaml.safe_load(EXAMPLE.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "rules: [{name: a, when: {modalty: CT}, then: {hold: true}}]",
        "rules: [{name: a, when: {}, then: {hold: true}}]",
        "rules: [{name: a}]",
        "rules: [{name: a, then: {priority: fast}}]",
        "rules: [{name: a, when: {laterality: Q}, then: {hold: true}}]",
        "rules: [{name: a, when: {patient_age: {min: old}}, then: {hold: true}}]",
        "rules: [{name: a, then: {priors: {count: 1}}}]",
        "version: 1",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text):
    assert not VALIDATOR.is_valid(yaml.safe_load(text))
