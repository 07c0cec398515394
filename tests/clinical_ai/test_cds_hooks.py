"""The CDS Hooks server over real sockets: discovery, cards, data, feedback, limits."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import jsonschema
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import select

from clinical_ai.decision_support import schemas
from clinical_ai.dicomweb_access import add_token
from clinical_ai.records.store import RecordStore
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event
from tests.support.cds import SELECT, SIGN, VIEW, serving
from tests.support.processes import answers, clinical_ai, free_port, started, wait_for

RECENT = (datetime.now(UTC) - timedelta(days=20)).isoformat()
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1966-02-03"}
NAME = [{"family": "Geheim", "given": ["Li"]}]


def of(patient, kind, number, **content):
    subject = {"reference": f"Patient/{patient}"}
    return {"resourceType": kind, "id": f"{kind}-{number}", "subject": subject, **content}


def observation(patient, number, code, value, unit):
    return of(
        patient,
        "Observation",
        number,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": code}]},
        effectiveDateTime=RECENT,
        valueQuantity={
            "value": value,
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    )


def condition(patient, number, code):
    coding = [{"system": "http://snomed.info/sct", "code": code}]
    return of(patient, "Condition", number, code={"coding": coding})


def record(patient="p1"):
    return [
        {**PATIENT, "id": patient, "name": NAME},
        condition(patient, 1, "44054006"),
        observation(patient, 1, "4548-4", 9.1, "%"),
        observation(patient, 2, "98979-8", 25, "mL/min/{1.73_m2}"),
    ]


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]}


def draft(patient="p1", text="Metformin"):
    request = of(patient, "MedicationRequest", 1, status="draft", intent="order")
    return bundle({**request, "medicationCodeableConcept": {"text": text}})


def kinds(answer):
    assert answer.status_code == 200, answer.text
    jsonschema.Draft202012Validator(
        schemas.CARDS, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(answer.json())
    return [card["summary"] for card in answer.json()["cards"]]


@pytest.fixture(scope="module")
def open_server(tmp_path_factory):
    """Without authentication, as in a test installation."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("cds"), cds={"require_authentication": False}
    )
    with serving(settings) as cds:
        RecordStore(cds.services.engine).put(record("stored"), origin="local")
        yield cds


def trail(cds):
    with cds.services.engine.connect() as connection:
        rows = connection.execute(select(audit_event).order_by(audit_event.c.id))
        return [(row.username, row.action, row.detail) for row in rows]


@pytest.mark.parametrize(("language", "word"), [("en", "Risk, control"), ("zh-CN", "风险、控制")])
def test_discovery_needs_nobody_and_no_slash(open_server, language, word):
    answer = httpx.get(f"{open_server.url}/cds-services", headers={"Accept-Language": language})
    assert answer.status_code == 200
    jsonschema.validate(answer.json(), schemas.DISCOVERY)
    services = answer.json()["services"]
    assert {s["hook"] for s in services} == {"patient-view", "order-select", "order-sign"}
    assert services[0]["title"].startswith(word)


def test_cards_from_prefetch(open_server):
    resources = record("elsewhere")
    prefetch = {
        "patient": resources[0],
        "conditions": bundle(resources[1]),
        "laboratory": bundle(*resources[2:]),
        "vitals": bundle(),
    }
    found = kinds(open_server.call(VIEW, "elsewhere", prefetch=prefetch))
    assert any("HbA1c 9.1 %" in summary for summary in found)
    assert "Data are missing; what is not shown here is not thereby normal" in found


def test_cards_from_the_record_store(open_server):
    found = kinds(open_server.call(VIEW, "stored"))
    assert any("HbA1c 9.1 %" in summary for summary in found)
    assert any("retinal photograph due" in summary for summary in found)


def test_the_store_does_not_fill_in_for_a_server_nobody_knows(open_server):
    answer = open_server.call(VIEW, "stored", fhirServer="https://unknown.example/fhir")
    assert answer.status_code == 412
    assert "fhir_servers" in answer.json()["error"]
    assert "unknown.example" not in answer.text
    prefetch = {"patient": {**PATIENT, "id": "stored"}}
    found = kinds(
        open_server.call(
            VIEW, "stored", fhirServer="https://unknown.example/fhir", prefetch=prefetch
        )
    )
    assert not any("HbA1c" in summary for summary in found)


def test_an_unknown_patient_is_a_failed_precondition(open_server):
    answer = open_server.call(VIEW, "nobody")
    assert answer.status_code == 412
    assert "nobody" not in answer.text


@pytest.mark.parametrize("service", [SELECT, SIGN])
def test_orders(open_server, service):
    context = {
        "draftOrders": draft("stored"),
        "selections": ["MedicationRequest/MedicationRequest-1"],
    }
    found = kinds(open_server.call(service, "stored", context=context))
    assert found[0].startswith("Metformin is contraindicated: eGFR 25")
    assert "Drug interactions are not checked by this service" in found


def test_the_language_of_the_reader(open_server):
    answer = open_server.call(VIEW, "stored", language="zh-CN")
    assert answer.headers["content-language"] == "zh-CN"
    assert any("眼底照相" in summary for summary in kinds(answer))


def test_what_was_shown_and_what_became_of_it_is_in_the_trail(open_server):
    card = open_server.call(VIEW, "stored").json()["cards"][0]
    now = datetime.now(UTC).isoformat()
    entries = [
        {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"reason": {"code": "data-wrong"}, "userComment": "Herr Geheim"},
            "outcomeTimestamp": now,
        },
        {
            "card": card["uuid"],
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": str(uuid.uuid4())}],
            "outcomeTimestamp": now,
        },
    ]
    answer = open_server.post(f"{VIEW}/feedback", {"feedback": entries})
    assert (answer.status_code, answer.content) == (200, b"")
    events = trail(open_server)
    (shown,) = [
        detail for _, action, detail in events if card["uuid"] in detail and action == "cds-cards"
    ]
    assert "Patient/stored" in shown
    details = {action: detail for _, action, detail in events}
    assert card["uuid"] in details["cds-accepted"]
    assert "reason data-wrong" in details["cds-overridden"]
    assert not any("Geheim" in detail for _, _, detail in events)


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("none", {}, {}, 404),
        ("none/feedback", {}, {}, 404),
        (f"{VIEW}/more/feedback", {}, {}, 404),
        (VIEW, b"{", {}, 400),
        (VIEW, {}, {}, 400),
        (VIEW, {}, {"Content-Type": "text/plain"}, 415),
        (f"{VIEW}/feedback", {}, {}, 400),
        (VIEW, b" " * (5 * 2**20), {}, 413),
        (f"{VIEW}/feedback", b" " * (5 * 2**20), {}, 413),
    ],
)
def test_bad_calls(open_server, path, body, headers, status):
    answer = open_server.post(path, body, **headers)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_body_without_a_length_is_bounded_too(open_server):
    chunks = (b" " * 65536 for _ in range(100))
    answer = httpx.post(
        f"{open_server.url}/cds-services/{VIEW}",
        content=chunks,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


def test_a_get_of_a_service_and_a_post_of_discovery_are_refused(open_server):
    assert httpx.get(f"{open_server.url}/cds-services/{VIEW}").status_code == 405
    assert httpx.post(f"{open_server.url}/cds-services").status_code == 405


KEY = ec.generate_private_key(ec.SECP384R1())


@pytest.fixture(scope="module")
def closed_server(tmp_path_factory):
    """Production: one client with keys, tokens, one origin."""
    folder = tmp_path_factory.mktemp("closed")
    keys = {"keys": [{**json.loads(ECAlgorithm.to_jwk(KEY.public_key())), "kid": "k"}]}
    (folder / "keys.json").write_text(json.dumps(keys))
    settings = Settings(
        data_dir=folder / "data",
        production=True,
        cds={
            "public_url": "https://ai.example",
            "clients": {
                "ehr": {"issuer": "https://ehr.example", "jwks_file": folder / "keys.json"}
            },
            "accept_tokens": True,
            "cors_origins": ["https://ehr.example"],
            "max_request_kb": 64,
        },
    )
    with serving(settings) as cds:
        RecordStore(cds.services.engine).put(record("stored"), origin="local")
        yield cds


def signed(path=VIEW, **changes):
    now = int(time.time())
    content = {
        "iss": "https://ehr.example",
        "aud": f"https://ai.example/cds-services/{path}",
        "exp": now + 60,
        "iat": now,
        "jti": str(uuid.uuid4()),
    }
    return jwt.encode(content | changes, KEY, "ES384", headers={"kid": "k"})


def with_token(cds, token, patient="stored"):
    body = {
        "hook": "patient-view",
        "hookInstance": str(uuid.uuid4()),
        "context": {"userId": "Practitioner/1", "patientId": patient},
    }
    return cds.post(VIEW, body, Authorization=f"Bearer {token}")


def test_a_signed_call_is_served_once_and_named_in_the_trail(closed_server):
    token = signed()
    assert kinds(with_token(closed_server, token))
    again = with_token(closed_server, token)
    assert again.status_code == 401
    assert "invalid_token" in again.headers["www-authenticate"]
    assert ("ehr", "cds-cards") in [(who, action) for who, action, _ in trail(closed_server)]


def test_nobody_else_is_served(closed_server):
    assert closed_server.post(VIEW, {}).status_code == 401
    assert closed_server.post(f"{VIEW}/feedback", {}).status_code == 401
    stranger = ec.generate_private_key(ec.SECP384R1())
    token = jwt.encode({"iss": "https://ehr.example"}, stranger, "ES384", headers={"kid": "k"})
    assert with_token(closed_server, token).status_code == 401
    assert httpx.get(f"{closed_server.url}/cds-services").status_code == 200


def test_tokens_of_the_command_line_where_the_settings_say_so(closed_server):
    engine = closed_server.services.engine
    reader = add_token(engine, "reader", ["read"], 1)
    writer = add_token(engine, "writer", ["write"], 1)
    assert with_token(closed_server, reader).status_code == 200
    assert with_token(closed_server, writer).status_code == 403


def test_origins_of_the_settings_alone(closed_server):
    def preflight(origin):
        return httpx.options(
            f"{closed_server.url}/cds-services/{VIEW}",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type",
            },
        )

    allowed = preflight("https://ehr.example")
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://ehr.example"
    assert "access-control-allow-origin" not in preflight("https://evil.example").headers


def test_production_without_anybody_who_may_call_is_off(tmp_path):
    with serving(Settings(data_dir=tmp_path, production=True)) as cds:
        assert httpx.get(f"{cds.url}/cds-services").status_code == 404


def test_no_card_without_its_line_in_the_trail(tmp_path):
    settings = Settings(data_dir=tmp_path, cds={"require_authentication": False})
    with serving(settings) as cds:
        RecordStore(cds.services.engine).put(record("stored"), origin="local")
        with cds.services.engine.begin() as connection:
            audit_event.drop(connection)
        answer = cds.call(VIEW, "stored")
        assert answer.status_code == 503
        assert "stored" not in answer.text and "audit" not in answer.text


@pytest.mark.slow
def test_the_command_serves_and_logs_no_patient(tmp_path):
    port = free_port()
    environment = {
        "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"),
        "CLINICAL_AI_CONFIG": str(tmp_path / "none.toml"),
        "CLINICAL_AI_CDS__PORT": str(port),
        "CLINICAL_AI_CDS__REQUIRE_AUTHENTICATION": "false",
    }
    log = tmp_path / "cds.log"
    with started(clinical_ai("--log-level", "DEBUG", "cds"), log, environment) as process:
        wait_for(lambda: not process.running() or answers(port), "cds")
        assert process.running(), log.read_text()
        url = f"http://127.0.0.1:{port}"
        body = {
            "hook": "patient-view",
            "hookInstance": str(uuid.uuid4()),
            "context": {"userId": "Practitioner/1", "patientId": "geheim-1"},
            "prefetch": {"patient": {**PATIENT, "id": "geheim-1", "name": NAME}},
        }
        answer = httpx.post(f"{url}/cds-services/{VIEW}", json=body, timeout=30)
        assert answer.status_code == 200
        assert httpx.get(f"{url}/openapi.json").json()["openapi"].startswith("3.1")
    text = log.read_text().lower()
    assert "cds.request" in text
    assert "geheim" not in text
