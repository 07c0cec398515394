"""Who may call decision support: signed calls, and everything that is not one."""

import contextlib
import hmac
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode
from starlette.requests import HTTPConnection

from clinical_ai.cds_access import MAX_LIFETIME_SECONDS, ClientJwts, KeySet, ReplayCache
from clinical_ai.cds_settings import CdsClientSettings, CdsSettings, check_cds
from clinical_ai.errors import SettingsError

URL = "https://ai.hospital.example"
PATH = "/cds-services/clinical-ai-patient-view"
ISSUER = "https://ehr.hospital.example/jwk"
EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
STRANGER = ec.generate_private_key(ec.SECP384R1())


def keys():
    return {
        "keys": [
            {**json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())), "kid": "ec"},
            {**json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())), "kid": "rsa"},
        ]
    }


def claims(**changes):
    now = int(time.time())
    all_of_them = {
        "iss": ISSUER,
        "aud": URL + PATH,
        "exp": now + 300,
        "iat": now,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    return {name: value for name, value in all_of_them.items() if value is not None}


def signed(key=EC_KEY, algorithm="ES384", kid="ec", headers=None, **changes):
    return jwt.encode(
        claims(**changes), key, algorithm, headers={"kid": kid, "typ": "JWT", **(headers or {})}
    )


def request(token, path=PATH):
    header = f"Bearer {token}".encode("latin-1", "replace")
    return HTTPConnection(
        {"type": "http", "path": path, "headers": [(b"authorization", header)], "client": None}
    )


@pytest.fixture
def known(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys()))
    client = CdsClientSettings(issuer=ISSUER, jwks_file=file)
    return ClientJwts({"ehr": client}, URL)


@pytest.mark.parametrize(
    "token",
    [
        lambda: signed(),
        lambda: signed(RSA_KEY, "RS384", "rsa"),
        lambda: signed(RSA_KEY, "PS256", "rsa"),
        lambda: signed(aud=[URL + PATH, "https://other.example"]),
        lambda: signed(aud=f"{URL}/cds-services"),
        lambda: signed(exp=int(time.time()) - 10),  # clocks differ a little
    ],
)
def test_a_signed_call_is_known_by_its_name(known, token):
    principal = known.authenticate(request(token()))
    assert principal is not None and principal.name == "ehr" and principal.may_read
    assert not principal.may_write


@pytest.mark.parametrize(
    "token",
    [
        lambda: signed(STRANGER),
        lambda: signed(kid="none"),
        lambda: signed(RSA_KEY, "RS384", "ec"),
        lambda: signed(iss="https://evil.example"),
        lambda: signed(iss=None),
        lambda: signed(aud="https://other.example/cds-services"),
        lambda: signed(aud=f"{URL}/cds-services/clinical-ai-order-sign"),
        lambda: signed(aud=URL),
        lambda: signed(aud=None),
        lambda: signed(exp=int(time.time()) - 60),
        lambda: signed(exp=None),
        lambda: signed(exp=int(time.time() + MAX_LIFETIME_SECONDS + 60)),
        lambda: signed(exp="soon"),
        lambda: signed(iat=int(time.time()) + 3600),
        lambda: signed(iat=None),
        lambda: signed(nbf=int(time.time()) + 3600),
        lambda: signed(jti=None),
        lambda: signed(jti=""),
        lambda: signed(jti="x" * 300),
        lambda: signed("secret" * 20, "HS384"),
        lambda: jwt.encode(claims(), None, "none", headers={"kid": "ec"}),
        lambda: signed(STRANGER, headers={"jwk": keys()["keys"][0], "jku": "https://evil.example"}),
        lambda: signed()[:-4] + "AAAA",
        lambda: "a.b.c",
        lambda: "",
        lambda: "x" * 20_000,
    ],
)
def test_what_is_not_signed_by_a_client_for_this_address_now_is_nobody(known, token):
    assert known.authenticate(request(token())) is None


def test_public_keys_are_no_secret_to_sign_with(known):
    """The classical confusion: a public key taken as the secret of an HMAC."""
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = ({"alg": "HS256", "kid": "rsa"}, claims())
    text = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    mac = base64url_encode(hmac.digest(public, text, "sha256"))
    assert known.authenticate(request(f"{text.decode()}.{mac.decode()}")) is None


def test_a_token_is_good_once(known):
    token = signed()
    assert known.authenticate(request(token)) is not None
    assert known.authenticate(request(token)) is None


def test_tenants_of_the_settings_alone(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(keys()))
    client = CdsClientSettings(issuer=ISSUER, jwks_file=file, tenants=("north",))
    known = ClientJwts({"ehr": client}, URL)
    assert known.authenticate(request(signed(tenant="north"))) is not None
    assert known.authenticate(request(signed(tenant="south"))) is None
    assert known.authenticate(request(signed())) is None


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
@settings(max_examples=200, deadline=None)
def test_any_text_is_nobody(text):
    known = ClientJwts({}, URL)
    assert known.authenticate(request(text)) is None


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4))
@settings(max_examples=50, deadline=None)
def test_any_claims_signed_by_a_stranger_are_nobody(content):
    token = jwt.encode(content | {"iss": ISSUER}, STRANGER, "ES384", headers={"kid": "ec"})
    client = CdsClientSettings.model_construct(
        issuer=ISSUER, jwks_url="https://x.example", jwks_file=None, tenants=()
    )
    known = ClientJwts({"ehr": client}, URL)
    assert known.authenticate(request(token + "x")) is None


def test_keys_are_not_fetched_for_every_unknown_id():
    calls = []

    def load():
        calls.append(1)
        return json.dumps(keys()).encode()

    found = KeySet(load)
    assert found.key("ec") is not None
    for number in range(50):
        assert found.key(f"made-up-{number}") is None
    assert len(calls) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"keys": [{"kty": "oct"}]}', b"<html>"])
def test_a_bad_key_set_knows_nobody(content):
    assert KeySet(lambda: content).key("ec") is None


def test_the_replay_cache_forgets_what_has_expired_and_never_grows_beyond_its_size():
    cache = ReplayCache(size=3)
    assert cache.first_use("a", "1", 10, now=0)
    assert not cache.first_use("a", "1", 10, now=5)
    assert cache.first_use("b", "1", 10, now=5)
    assert cache.first_use("a", "1", 20, now=11)
    assert cache.first_use("a", "2", 20, now=12)
    assert cache.first_use("a", "3", 20, now=12)
    assert not cache.first_use("a", "4", 20, now=13)  # full of what is still good
    assert cache.first_use("a", "4", 40, now=21)


def test_settings_refuse_what_lets_anybody_in(tmp_path):
    with pytest.raises(SettingsError, match="require_authentication"):
        check_cds(CdsSettings(require_authentication=False), production=True)
    client = CdsClientSettings(issuer=ISSUER, jwks_url="https://ehr.hospital.example/jwks")
    with pytest.raises(SettingsError, match="public_url"):
        check_cds(CdsSettings(clients={"a": client}), production=False)
    with pytest.raises(SettingsError, match="twice"):
        check_cds(CdsSettings(clients={"a": client, "b": client}, public_url=URL), production=True)
    check_cds(CdsSettings(clients={"a": client}, public_url=URL), production=True)


@pytest.mark.parametrize(
    "values",
    [
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_url": "https://a.example", "jwks_file": "x"},
        {"issuer": ISSUER, "jwks_url": "http://a.example/keys"},
        {"issuer": ISSUER, "jwks_url": "file:///etc/passwd"},
        {"issuer": "", "jwks_url": "https://a.example"},
    ],
)
def test_clients_name_one_safe_key_set(values):
    with pytest.raises(ValueError):
        CdsClientSettings(**values)


def test_a_file_that_is_no_key_set_is_named(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text("{}")
    with pytest.raises(SettingsError, match=r"keys\.json"):
        ClientJwts({"a": CdsClientSettings(issuer=ISSUER, jwks_file=file)}, URL)


class KeyServer:
    """Serves a key set over HTTP, and counts how often it is asked."""

    def __init__(self, content, status=200, headers=()):
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                with contextlib.suppress(OSError):  # the client stops at its limit
                    self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *arguments):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def test_keys_come_from_the_url_of_the_settings_once():
    with KeyServer(json.dumps(keys()).encode()) as server:
        known = ClientJwts({"ehr": CdsClientSettings(issuer=ISSUER, jwks_url=server.url)}, URL)
        for _ in range(3):
            assert known.authenticate(request(signed())) is not None
        assert server.asked == 1


@pytest.mark.parametrize(
    ("content", "status", "headers"),
    [
        (b"", 500, ()),
        (b"x" * (2 * 1024 * 1024), 200, ()),
        (b"", 302, (("Location", "http://127.0.0.1:1/"),)),
        (b"<html>", 200, ()),
    ],
)
def test_a_key_server_that_fails_makes_nobody_known(content, status, headers):
    with KeyServer(content, status, headers) as server:
        known = ClientJwts({"ehr": CdsClientSettings(issuer=ISSUER, jwks_url=server.url)}, URL)
        assert known.authenticate(request(signed())) is None
        assert known.authenticate(request(signed())) is None
        assert server.asked == 1
