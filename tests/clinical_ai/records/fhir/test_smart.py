"""SMART Backend Services: with an independent server, and one that checks every claim."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from clinical_ai.errors import SettingsError
from clinical_ai.records.fhir import FhirClient
from clinical_ai.records.fhir.errors import (
    FhirError,
    FhirProtocolError,
    FhirSignInError,
    FhirUnreachableError,
)
from clinical_ai.records.fhir.smart import load_key
from tests.support.scripted_fhir import Asked, Reply, ScriptedFhir, scripted_fhir, searchset
from tests.support.sekmet import running_sekmet

KEYS = {
    "RS384": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
}


def write_key(path: Path, key: Any) -> Path:
    """Write a private key; its public key lies beside it as ``.pub``."""
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.with_suffix(".pub").write_bytes(public)
    return path


def auth(key_file: Path, **others: Any) -> dict[str, Any]:
    return {
        "type": "backend_services",
        "client_id": "clinical-ai",
        "key_id": "k1",
        "key_file": str(key_file),
        **others,
    }


async def count(client: FhirClient, times: int = 1) -> None:
    for _ in range(times):
        await client.search("Patient", [("_count", "1")])


def run(server: Any, key_file: Path, times: int = 1, **options: Any) -> None:
    async def work() -> None:
        settings = server.settings(auth=auth(key_file, **options))
        async with FhirClient("his", settings, attempts=1) as client:
            await count(client, times)

    asyncio.run(work())


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_an_independent_server_lets_us_in(tmp_path, algorithm):
    key_file = write_key(tmp_path / "key.pem", KEYS[algorithm]())
    known = {"client_id": "clinical-ai", "public_key_path": str(key_file.with_suffix(".pub"))}
    other = write_key(tmp_path / "other.pem", KEYS[algorithm]())
    options = {"server_auth": {"types": ["smart"], "smart_clients": [known]}}
    with running_sekmet(tmp_path / "sekmet", options) as server:
        run(server, key_file, times=3)
        with pytest.raises(FhirSignInError, match="invalid_client"):
            run(server, other)
        with pytest.raises(FhirSignInError, match="invalid_scope"):
            run(server, key_file, scope="openid")


class TokenServer:
    """A FHIR server and its authorization server, which checks what the specification asks for.

    http://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
    """

    def __init__(self, public_key: bytes, algorithm: str) -> None:
        self.public_key = public_key
        self.algorithm = algorithm
        self.good: set[str] = set()
        self.seen: set[str] = set()
        self.given = 0
        self.discoveries = 0
        self.expires_in: object = 3600
        self.told: dict[str, object] = {}
        self.server: ScriptedFhir | None = None

    def answer(self, asked: Asked) -> Reply:
        assert self.server is not None
        root = self.server.base_url
        if asked.path == "/fhir/.well-known/smart-configuration":
            self.discoveries += 1
            return Reply(body={"token_endpoint": f"{root}/token", **self.told})
        if asked.path == "/fhir/token":
            return self._token(asked, f"{root}/token")
        bearer = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        return Reply(body=searchset()) if bearer in self.good else Reply(401, {})

    def _token(self, asked: Asked, url: str) -> Reply:
        form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == "system/*.read system/*.write"
        assert form["client_assertion_type"].endswith(":client-assertion-type:jwt-bearer")
        header = jwt.get_unverified_header(form["client_assertion"])
        assert header["typ"] == "JWT"
        assert header["kid"] == "k1"
        assert header["jku"] == "https://ai.example/jwks.json"
        claims = jwt.decode(
            form["client_assertion"],
            self.public_key,
            algorithms=[self.algorithm],
            audience=url,
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        assert claims["iss"] == claims["sub"] == "clinical-ai"
        assert time.time() < claims["exp"] <= time.time() + 300
        assert claims["jti"] not in self.seen
        self.seen.add(claims["jti"])
        self.given += 1
        token = f"token-{self.given}"
        self.good.add(token)
        body = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
        return Reply(body={k: v for k, v in body.items() if v is not None})


@pytest.fixture(params=["RS384", "ES384"])
def checked(request, tmp_path):
    key_file = write_key(tmp_path / "key.pem", KEYS[request.param]())
    tokens = TokenServer(key_file.with_suffix(".pub").read_bytes(), request.param)
    with scripted_fhir(tokens.answer) as server:
        tokens.server = server
        yield tokens, key_file


def with_client(tokens: TokenServer, key_file: Path, work: Any) -> None:
    async def go() -> None:
        assert tokens.server is not None
        options = auth(key_file, key_set_url="https://ai.example/jwks.json")
        settings = tokens.server.settings(auth=options)
        async with FhirClient("his", settings, attempts=1) as client:
            await work(client)

    asyncio.run(go())


def test_one_token_serves_many_requests(checked):
    tokens, key_file = checked

    async def work(client: FhirClient) -> None:
        await asyncio.gather(*(count(client, 3) for _ in range(4)))

    with_client(tokens, key_file, work)
    assert (tokens.given, tokens.discoveries) == (1, 1)


def test_a_token_that_runs_out_is_renewed_before(checked):
    tokens, key_file = checked
    tokens.expires_in = 0.02

    async def work(client: FhirClient) -> None:
        await count(client)
        await asyncio.sleep(0.03)
        await count(client)

    with_client(tokens, key_file, work)
    assert (tokens.given, tokens.discoveries) == (2, 1)


def test_a_token_that_was_withdrawn_is_renewed_once(checked):
    tokens, key_file = checked

    async def work(client: FhirClient) -> None:
        await count(client)
        tokens.good.clear()
        await count(client)

    with_client(tokens, key_file, work)
    assert tokens.given == 2


@pytest.mark.parametrize(
    ("body", "kind", "match"),
    [
        ({"token_type": "bearer"}, FhirProtocolError, "no access token"),
        ({"access_token": "a\r\nX: y", "token_type": "bearer"}, FhirProtocolError, "no access"),
        ({"access_token": "a", "token_type": "mac"}, FhirProtocolError, "no bearer token"),
        ([1], FhirProtocolError, "no JSON object"),
        (b"<html>", FhirProtocolError, "no JSON"),
    ],
)
def test_an_answer_without_a_token_is_an_error(tmp_path, body, kind, match):
    key_file = write_key(tmp_path / "key.pem", KEYS["ES384"]())
    with scripted_fhir(lambda _: Reply(body=body)) as server, pytest.raises(kind, match=match):
        run(
            server, key_file, token_url=f"{server.base_url}/token".replace("127.0.0.1", "localhost")
        )


def test_a_refusal_tells_only_codes_that_are_known(tmp_path):
    key_file = write_key(tmp_path / "key.pem", KEYS["ES384"]())
    reply = Reply(400, {"error": "Wang 1960", "error_description": "Wang"})
    with (
        scripted_fhir(lambda _: reply) as server,
        pytest.raises(FhirSignInError, match=r"HTTP 400 \(no reason that we know") as caught,
    ):
        run(server, key_file, token_url=f"http://localhost:{server.port}/token")
    assert "Wang" not in str(caught.value)


def test_an_authorization_server_that_is_busy_is_not_the_fault_of_a_request(tmp_path):
    key_file = write_key(tmp_path / "key.pem", KEYS["ES384"]())
    reply = Reply(503, {}, {"Retry-After": "7"})
    with (
        scripted_fhir(lambda _: reply) as server,
        pytest.raises(FhirUnreachableError, match="authorization server of his") as caught,
    ):
        run(server, key_file, token_url=f"http://localhost:{server.port}/token")
    assert caught.value.retry_after == 7
    assert not caught.value.arrived


@pytest.mark.parametrize(
    "endpoint", ["http://evil.example/token", "ftp://x/", "", None, 5, "https://a b/"]
)
def test_an_endpoint_without_tls_is_not_used(tmp_path, endpoint):
    key_file = write_key(tmp_path / "key.pem", KEYS["ES384"]())
    reply = Reply(body={"token_endpoint": endpoint})
    with (
        scripted_fhir(lambda _: reply) as server,
        pytest.raises(FhirSignInError, match="no token endpoint"),
    ):
        run(server, key_file)
    assert len(server.asked) == 1


def test_keys_that_the_specification_does_not_allow_are_refused(tmp_path):
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    for name, key in {"rsa": small, "p256": ec.generate_private_key(ec.SECP256R1())}.items():
        with pytest.raises(SettingsError, match="2048 bits or more, or the curve P-384"):
            load_key(write_key(tmp_path / f"{name}.pem", key))
    (tmp_path / "none.pem").write_text(json.dumps({"kty": "RSA"}))
    with pytest.raises(SettingsError, match="no PEM file"):
        load_key(tmp_path / "none.pem")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_key(tmp_path / "absent.pem")


def test_a_client_that_is_not_open_says_so(tmp_path):
    with scripted_fhir(lambda _: Reply()) as server:
        client = FhirClient("his", server.settings())
        with pytest.raises(FhirError, match="not open"):
            asyncio.run(client.capability())
