"""The form of a rule file as JSON Schema, for editors that complete and check while one types.

The loader is the judge: it checks more, such as patterns, peers and what goes together.
"""

from typing import Any

from pacs_bridge.routing.actions import PRIORITIES, READ_DEFAULT, READ_NONE
from pacs_bridge.routing.fields import FIELDS, WEEKDAYS, Field
from pacs_bridge.routing.load import MAX_NAME_CHARACTERS, VERSION
from pacs_bridge.routing.matchers import MAX_PATTERN_CHARACTERS
from pacs_bridge.routing.read_actions import MAX_PRIORS
from pacs_bridge.routing.read_conditions import MAX_AGE_YEARS, MAX_IMAGES

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the schema of a rule file (JSON Schema 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Routing rules of clinical-ai",
        "type": "object",
        "additionalProperties": False,
        "anyOf": [{"required": ["rules"]}, {"required": ["default"]}],
        "properties": {
            "version": {"const": VERSION},
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}},
            "default": {"$ref": "#/$defs/actions"},
        },
        "$defs": {
            "rule": _rule(),
            "condition": _condition(),
            "actions": _actions(),
            "texts": _one_or_more({"type": ["string", "number", "boolean"]}),
            "tag_test": _test({"$ref": "#/$defs/texts"}, limits=True),
        },
    }


def _rule() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "then"],
        "properties": {
            "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_NAME_CHARACTERS,
                "description": "Stands in worklist and explanations; no two rules share one.",
            },
            "enabled": {"type": "boolean", "default": True},
            "when": {
                "$ref": "#/$defs/condition",
                "description": "All entries must hold; without it, every study matches.",
            },
            "then": {"$ref": "#/$defs/actions"},
        },
    }


def _condition() -> Schema:
    parts = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}}
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            **{f.name: {"description": f.says, **_field(f)} for f in FIELDS.values()},
            "patient_age": {
                "description": "Completed years at the study.",
                **_whole(MAX_AGE_YEARS),
            },
            "images": {"description": "Number of instances.", **_whole(MAX_IMAGES)},
            "time_of_day": {
                "description": "Local time at which the study was complete; may cross midnight.",
                "type": "object",
                "additionalProperties": False,
                "required": ["from", "to"],
                "properties": {"from": _TIME, "to": _TIME},
            },
            "weekday": _one_or_more({"enum": list(WEEKDAYS)}),
            "tags": {
                "description": "By keyword, or (gggg,eeee): what the value must be.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"$ref": "#/$defs/tag_test"},
            },
            "all": {"description": "Every one holds.", **parts},
            "any": {"description": "At least one holds.", **parts},
            "not": {"$ref": "#/$defs/condition"},
        },
    }


# YAML 1.1 reads an unquoted 22:00 as the number 1320; the loader takes both.
_TIME: Schema = {"type": ["string", "integer"]}


def _field(field: Field) -> Schema:
    if field.allowed:
        return _test(_one_or_more({"enum": list(field.allowed)}), limits=False)
    return _test({"$ref": "#/$defs/texts"}, limits=False)


def _test(values: Schema, *, limits: bool) -> Schema:
    tests: Schema = {
        "equals": values,
        "all": values,
        "only": values,
        "contains": {"$ref": "#/$defs/texts"},
        "regex": {"type": "string", "maxLength": MAX_PATTERN_CHARACTERS},
        "exists": {"type": "boolean"},
    }
    named: list[Schema] = [
        {
            "type": "object",
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
            "properties": tests,
        }
    ]
    if limits:
        named.append(_limits({"type": "number"}))
    return {"anyOf": [values, *named]}


def _limits(number: Schema) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"min": number, "max": number},
    }


def _whole(high: int) -> Schema:
    number: Schema = {"type": "integer", "minimum": 0, "maximum": high}
    return {"anyOf": [number, _limits(number)]}


def _one_or_more(one: Schema) -> Schema:
    return {"anyOf": [one, {"type": "array", "minItems": 1, "items": one}]}


def _actions() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "read": {
                "type": "string",
                "description": f"Name of a reader, {READ_DEFAULT} or {READ_NONE}.",
                "default": READ_DEFAULT,
            },
            "priority": {"enum": list(PRIORITIES), "default": "normal"},
            "forward_to": {
                "description": "Peers that get the source images.",
                **_one_or_more({"type": "string"}),
            },
            "results_to": {
                "description": "Peers that get the results, in place of result_peers.",
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}},
                ],
            },
            "priors": {
                "type": "object",
                "additionalProperties": False,
                "required": ["count", "from"],
                "properties": {
                    "count": {"type": "integer", "minimum": 1, "maximum": MAX_PRIORS},
                    "from": {"type": "string"},
                },
            },
            "hold": {"type": "boolean"},
            "ignore": {"type": "boolean"},
        },
    }
