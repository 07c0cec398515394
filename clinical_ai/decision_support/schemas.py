"""JSON Schemas (2020-12) of what CDS Hooks 2.0 sends and receives, as this service does it.

Ours to check with, and part of the OpenAPI description. Answers are described closely; of
requests only what the specification requires, for clients may send more.
"""

from clinical_ai.decision_support.advice import REASONS, TOPICS
from clinical_ai.decision_support.cards import MAX_SUMMARY

Json = dict[str, object]

_TEXT: Json = {"type": "string", "minLength": 1}
_UUID: Json = {"type": "string", "format": "uuid"}
_URL: Json = {"type": "string", "format": "uri", "pattern": "^https?://"}
_OBJECT: Json = {"type": "object"}


def _object(required: dict[str, object], optional: dict[str, object] | None = None) -> Json:
    """An object with these members and no others."""
    return {
        "type": "object",
        "required": sorted(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def _coding(codes: list[str]) -> Json:
    return _object({"system": _TEXT, "code": {"enum": codes}, "display": _TEXT})


DISCOVERY: Json = _object(
    {
        "services": {
            "type": "array",
            "items": _object(
                {
                    "hook": {"enum": ["patient-view", "order-select", "order-sign"]},
                    "title": _TEXT,
                    "description": _TEXT,
                    "id": {"type": "string", "pattern": "^[a-z-]+$"},
                    "prefetch": {"type": "object", "additionalProperties": _TEXT},
                    "usageRequirements": _TEXT,
                }
            ),
        }
    }
)

_SERVICE_REQUEST: Json = _object(
    {
        "resourceType": {"const": "ServiceRequest"},
        "status": {"const": "draft"},
        "intent": {"const": "proposal"},
        "code": _object(
            {
                "coding": {
                    "type": "array",
                    "minItems": 1,
                    "items": _object({"system": _URL, "code": _TEXT}),
                },
                "text": _TEXT,
            }
        ),
        "subject": _object({"reference": {"type": "string", "pattern": "^Patient/"}}),
    },
    {"occurrenceDateTime": {"type": "string", "format": "date"}},
)
_SUGGESTION: Json = _object(
    {
        "label": _TEXT,
        "uuid": _UUID,
        "isRecommended": {"type": "boolean"},
        "actions": {
            "type": "array",
            "minItems": 1,
            "items": _object(
                {"type": {"const": "create"}, "description": _TEXT, "resource": _SERVICE_REQUEST}
            ),
        },
    }
)
CARD: Json = {
    **_object(
        {
            "uuid": _UUID,
            "summary": {"type": "string", "minLength": 1, "maxLength": MAX_SUMMARY},
            "indicator": {"enum": ["info", "warning", "critical"]},
            "detail": {"type": "string"},
            "source": _object({"label": _TEXT, "topic": _coding(list(TOPICS))}, {"url": _URL}),
        },
        {
            "suggestions": {"type": "array", "minItems": 1, "items": _SUGGESTION},
            "selectionBehavior": {"enum": ["any", "at-most-one"]},
            "overrideReasons": {"type": "array", "minItems": 1, "items": _coding(list(REASONS))},
            "links": {
                "type": "array",
                "minItems": 1,
                "items": _object({"label": _TEXT, "url": _URL, "type": {"const": "absolute"}}),
            },
        },
    ),
    "dependentRequired": {"suggestions": ["selectionBehavior"]},
}
CARDS: Json = _object({"cards": {"type": "array", "items": CARD}})

HOOK_REQUEST: Json = {
    "type": "object",
    "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"enum": ["patient-view", "order-select", "order-sign"]},
        "hookInstance": _UUID,
        "fhirServer": _URL,
        "fhirAuthorization": {
            "type": "object",
            "required": ["access_token", "token_type", "expires_in", "scope", "subject"],
            "properties": {
                "access_token": _TEXT,
                "token_type": {"const": "Bearer"},
                "expires_in": {"type": "integer"},
                "scope": {"type": "string"},
                "subject": {"type": "string"},
                "patient": {"type": "string"},
            },
        },
        "context": {
            "type": "object",
            "required": ["userId", "patientId"],
            "properties": {
                "userId": _TEXT,
                "patientId": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
                "encounterId": {"type": "string"},
                "selections": {"type": "array", "items": {"type": "string"}},
                "draftOrders": {
                    "type": "object",
                    "required": ["resourceType"],
                    "properties": {
                        "resourceType": {"const": "Bundle"},
                        "entry": {
                            "type": "array",
                            "items": {"type": "object", "properties": {"resource": _OBJECT}},
                        },
                    },
                },
            },
        },
        "prefetch": {
            "type": "object",
            "additionalProperties": {"anyOf": [_OBJECT, {"type": "null"}]},
        },
    },
}
FEEDBACK: Json = {
    "type": "object",
    "required": ["feedback"],
    "properties": {
        "feedback": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["card", "outcome", "outcomeTimestamp"],
                "properties": {
                    "card": _UUID,
                    "outcome": {"enum": ["accepted", "overridden"]},
                    "acceptedSuggestions": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {"id": _UUID},
                        },
                    },
                    "overrideReason": {
                        "type": "object",
                        "properties": {
                            "reason": {
                                "type": "object",
                                "required": ["code"],
                                "properties": {"code": _TEXT, "system": {"type": "string"}},
                            },
                            "userComment": {"type": "string"},
                        },
                    },
                    "outcomeTimestamp": {"type": "string", "format": "date-time"},
                },
            },
        }
    },
}
