"""Requests as CDS Hooks 2.0 has them, and as nobody should send them."""

import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.decision_support.feedback import parse_feedback
from clinical_ai.decision_support.hook_request import is_of_patient, parse_hook_request
from clinical_ai.decision_support.orders import draft_orders
from clinical_ai.decision_support.prefetch import TEMPLATES, query_of, read_prefetch
from clinical_ai.errors import DecisionSupportError

SECRET = "GEHEIM"
VIEW = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "fhirServer": "https://ehr.hospital.example/fhir",
    "fhirAuthorization": {
        "access_token": SECRET,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "user/Patient.read user/Observation.read",
        "subject": "cds-service4",
    },
    "context": {"userId": "Practitioner/example", "patientId": "1288992", "encounterId": "89284"},
    "prefetch": {"patient": {"resourceType": "Patient", "id": "1288992", "gender": "male"}},
    "extension": {"com.example.timestamp": "2026-01-01"},
}
SELECT = {
    "hook": "order-select",
    "hookInstance": str(uuid.UUID(int=7)),
    "context": {
        "userId": "PractitionerRole/123",
        "patientId": "1288992",
        "selections": ["MedicationRequest/smart-MedicationRequest-103"],
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "MedicationRequest",
                        "id": "smart-MedicationRequest-103",
                        "status": "draft",
                        "intent": "order",
                        "medicationCodeableConcept": {"text": "Metformin"},
                        "subject": {"reference": "Patient/1288992"},
                    }
                }
            ],
        },
    },
}


def parse(body, hook="patient-view"):
    return parse_hook_request(json.dumps(body).encode(), hook)


def without(body, *path):
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copy


def changed(body, value, *path):
    copy = json.loads(json.dumps(body))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copy


def test_a_patient_view():
    asked = parse(VIEW)
    assert asked.patient == "1288992"
    assert asked.fhir_authorization is not None
    assert asked.fhir_authorization.access_token.get_secret_value() == SECRET
    assert SECRET not in repr(asked)
    assert asked.orders == () and asked.selections is None


def test_an_order_select_and_the_same_drafts_at_sign():
    asked = parse(SELECT, "order-select")
    assert asked.selections == {"MedicationRequest/smart-MedicationRequest-103"}
    (draft,) = draft_orders(asked.orders, asked.selections)
    assert draft.selected and draft.classes >= {"metformin"}
    sign = without(changed(SELECT, "order-sign", "hook"), "context", "selections")
    assert parse(sign, "order-sign").selections is None


@pytest.mark.parametrize(
    "body",
    [
        without(VIEW, "hook"),
        without(VIEW, "hookInstance"),
        changed(VIEW, SECRET, "hookInstance"),
        changed(VIEW, "order-sign", "hook"),
        without(VIEW, "context"),
        changed(VIEW, SECRET, "context"),
        without(VIEW, "context", "patientId"),
        changed(VIEW, f"../{SECRET}", "context", "patientId"),
        changed(VIEW, 5, "context", "patientId"),
        changed(VIEW, SECRET * 20, "context", "patientId"),
        without(VIEW, "context", "userId"),
        changed(VIEW, "   ", "context", "userId"),
        changed(VIEW, [SECRET], "prefetch"),
        changed(VIEW, SECRET, "fhirAuthorization"),
        changed(VIEW, "MAC", "fhirAuthorization", "token_type"),
        [],
        None,
        SECRET,
    ],
)
def test_what_the_specification_requires_is_required_and_no_value_is_quoted(body):
    with pytest.raises(DecisionSupportError) as error:
        parse(body)
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a":NaN}', b"[" * 100_000])
def test_what_is_no_json(body):
    with pytest.raises(DecisionSupportError, match="not JSON"):
        parse_hook_request(body, "patient-view")


@pytest.mark.parametrize(
    "body",
    [
        without(SELECT, "context", "selections"),
        changed(SELECT, "a", "context", "selections"),
        changed(SELECT, [1], "context", "selections"),
        without(SELECT, "context", "draftOrders"),
        changed(SELECT, {"resourceType": "Patient"}, "context", "draftOrders"),
        changed(SELECT, {}, "context", "draftOrders", "entry"),
        changed(SELECT, [{}], "context", "draftOrders", "entry"),
        changed(SELECT, [{"resource": {}}] * 201, "context", "draftOrders", "entry"),
        changed(
            SELECT,
            "Patient/2",
            "context",
            "draftOrders",
            "entry",
            0,
            "resource",
            "subject",
            "reference",
        ),
    ],
)
def test_orders_must_be_a_bundle_of_this_patient(body):
    with pytest.raises(DecisionSupportError):
        parse(body, "order-select")


@pytest.mark.parametrize(
    ("reference", "is_his"),
    [
        ("Patient/1", True),
        ("https://a/fhir/Patient/1", True),
        ("Patient/1/_history/3", True),
        ("Patient/11", False),
        ("OtherPatient/1", False),
        ("Patient/1/x", False),
        (None, False),
        ({}, False),
    ],
)
def test_references_to_the_patient(reference, is_his):
    assert is_of_patient(reference, "1") is is_his


def bundle(*resources, more=False):
    found = {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}
    return found | ({"link": [{"relation": "next", "url": "http://x"}]} if more else {})


def test_prefetch_takes_the_patients_own_and_names_what_is_missing():
    mine = {"resourceType": "Condition", "id": "a", "subject": {"reference": "Patient/1"}}
    other = {"resourceType": "Condition", "id": "b", "subject": {"reference": "Patient/2"}}
    nobody = {"resourceType": "Condition", "id": "c"}
    found = read_prefetch(
        "order-sign",
        {
            "patient": {"resourceType": "Patient", "id": "1"},
            "conditions": bundle(mine, other, nobody),
            "laboratory": {"resourceType": "OperationOutcome"},
            "medications": bundle(more=True),
        },
        "1",
    )
    assert [r["id"] for r in found.resources] == ["1", "a"]
    assert found.missing == ("laboratory", "medications")
    assert found.foreign == 2
    assert found.has_patient
    stranger = read_prefetch("order-sign", {"patient": {"resourceType": "Patient", "id": "2"}}, "1")
    assert not stranger.has_patient and "patient" in stranger.missing


def test_templates_ask_for_this_patient_alone():
    for hook, templates in TEMPLATES.items():
        for key, template in templates.items():
            assert "{{context.patientId}}" in template
            query = query_of(hook, key, "abc")
            assert query.id == "abc" or ("patient", "abc") in query.parameters


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["Patient", "Bundle", "MedicationRequest", "Patient/1", "resourceType"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("resourceType", "id", "entry", "resource", "subject", "reference", "code"),
                    *("text", "coding", "link", "relation", "medicationCodeableConcept"),
                    *TEMPLATES["patient-view"],
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(
    anything,
    st.sampled_from([(k,) for k in VIEW] + [("context", k) for k in SELECT["context"]]),
    st.sampled_from(["patient-view", "order-select", "order-sign"]),
)
@settings(max_examples=400, deadline=None)
def test_any_value_anywhere_is_read_or_refused(value, path, hook):
    body = changed({**VIEW, **SELECT, "hook": hook}, value, *path)
    try:
        asked = parse(body, hook)
    except (DecisionSupportError, KeyError, TypeError) as error:
        assert isinstance(error, DecisionSupportError)
        return
    read_prefetch(hook, asked.prefetch, asked.patient)
    draft_orders(asked.orders, asked.selections)


@given(anything)
@settings(max_examples=200, deadline=None)
def test_any_prefetch_and_any_order_is_read(value):
    read_prefetch("patient-view", dict.fromkeys(TEMPLATES["patient-view"], value), "1")
    resources = value if isinstance(value, list) else [value]
    draft_orders([r for r in resources if isinstance(r, dict)], None)


CARD = str(uuid.UUID(int=1))
ACCEPTED = {
    "card": CARD,
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": str(uuid.UUID(int=2))}],
    "outcomeTimestamp": "2026-03-02T10:20:30.123Z",
}
OVERRIDDEN = {
    "card": CARD,
    "outcome": "overridden",
    "overrideReason": {
        "reason": {"code": "patient-declined", "system": "urn:clinical-ai:cds-override-reason"},
        "userComment": SECRET,
    },
    "outcomeTimestamp": "2026-03-02T10:20:30+08:00",
}


def test_feedback_is_kept_without_what_a_person_wrote():
    taken, not_taken = parse_feedback(json.dumps({"feedback": [ACCEPTED, OVERRIDDEN]}).encode())
    assert taken.outcome == "accepted" and len(taken.suggestions) == 1
    assert not_taken.reason == "patient-declined" and not_taken.has_comment
    for outcome in (taken, not_taken):
        assert CARD in outcome.detail
        assert SECRET not in outcome.detail


def test_a_reason_of_another_system_is_other():
    foreign = changed(OVERRIDDEN, {"code": SECRET, "system": "x"}, "overrideReason", "reason")
    (outcome,) = parse_feedback(json.dumps({"feedback": [foreign]}).encode())
    assert outcome.reason == "other"


@pytest.mark.parametrize(
    "entry",
    [
        without(ACCEPTED, "card"),
        without(ACCEPTED, "outcome"),
        without(ACCEPTED, "outcomeTimestamp"),
        without(ACCEPTED, "acceptedSuggestions"),
        changed(ACCEPTED, "ignored", "outcome"),
        changed(ACCEPTED, SECRET, "card"),
        changed(ACCEPTED, "yesterday", "outcomeTimestamp"),
        changed(ACCEPTED, "2026-03-02T10:20:30", "outcomeTimestamp"),
        SECRET,
    ],
)
def test_malformed_feedback(entry):
    with pytest.raises(DecisionSupportError) as error:
        parse_feedback(json.dumps({"feedback": [entry]}).encode())
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"feedback":[]}', b"[]"])
def test_empty_feedback(body):
    with pytest.raises(DecisionSupportError):
        parse_feedback(body)
