"""Tokens of DICOMweb clients and of viewers."""

import time

import pytest
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select
from starlette.requests import HTTPConnection

from clinical_ai import dicomweb_access
from clinical_ai.dicomweb_access import (
    AccessTrail,
    ClientTokens,
    ViewerTokens,
    add_token,
    list_tokens,
    revoke_token,
)
from clinical_ai.errors import AccountError
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import audit_event, dicomweb_token
from pacs_bridge.database import open_engine
from pacs_bridge.dicomweb.access import Access, Principal


@pytest.fixture
def engine(database_url):
    opened = open_engine(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


def bearing(*headers: str) -> HTTPConnection:
    raw = [(b"authorization", header.encode("latin-1")) for header in headers]
    return HTTPConnection({"type": "http", "headers": raw})


def test_a_token_opens_what_its_scope_says(engine):
    tokens = ClientTokens(engine)
    reader = add_token(engine, "viewer", ["read"], 30)
    gateway = add_token(engine, "gateway", ["write"], 30)
    both = add_token(engine, "both", ["read", "write"], 0)
    assert tokens.authenticate(bearing(f"Bearer {reader}")) == Principal("viewer", may_read=True)
    assert tokens.authenticate(bearing(f"bearer  {gateway} ")) == Principal(
        "gateway", may_write=True
    )
    found = tokens.authenticate(bearing(f"Bearer {both}"))
    assert found == Principal("both", may_read=True, may_write=True)
    for wrong in (reader[:-1], reader + "x", "", "Basic eDp5", f"Basic {reader}", "\xff" * 9):
        assert tokens.authenticate(bearing(f"Bearer {wrong}")) is None
    assert tokens.authenticate(bearing()) is None
    assert tokens.authenticate(bearing(f"Basic {reader}")) is None


def test_the_secret_is_kept_nowhere(engine):
    secret = add_token(engine, "viewer", ["read"], 30)
    with engine.connect() as connection:
        for table in (dicomweb_token, audit_event):
            assert all(secret not in str(row) for row in connection.execute(select(table)))
    assert len(secret) >= 43  # 256 bits in base64


def test_expired_and_revoked_tokens_are_refused(engine, monkeypatch):
    tokens = ClientTokens(engine)
    short = add_token(engine, "short", ["read"], 1)
    lasting = add_token(engine, "lasting", ["read"], 0)
    later = time.time() + 2 * 86_400
    monkeypatch.setattr(dicomweb_access.time, "time", lambda: later)
    assert tokens.authenticate(bearing(f"Bearer {short}")) is None
    assert tokens.authenticate(bearing(f"Bearer {lasting}")) is not None
    revoke_token(engine, "lasting")
    assert tokens.authenticate(bearing(f"Bearer {lasting}")) is None
    assert [t.state(later) for t in list_tokens(engine)] == ["revoked", "expired"]


@pytest.mark.parametrize(
    ("name", "scopes", "days", "message"),
    [
        ("", ["read"], 1, "1 to 16"),
        ("a b", ["read"], 1, "1 to 16"),
        ("x" * 17, ["read"], 1, "1 to 16"),
        ("viewer", ["admin"], 1, "'admin' is unknown"),
        ("viewer", [], 1, "read or write"),
        ("viewer", ["read"], -1, "in the past"),
        ("taken", ["read"], 1, "already"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_reason(engine, name, scopes, days, message):
    add_token(engine, "taken", ["read"], 1)
    with pytest.raises(AccountError, match=message):
        add_token(engine, name, scopes, days)


def test_only_valid_tokens_can_be_revoked(engine):
    add_token(engine, "viewer", ["read"], 1)
    revoke_token(engine, "viewer")
    for name in ("viewer", "nobody"):
        with pytest.raises(AccountError, match="no token"):
            revoke_token(engine, name)


def test_a_viewer_reads_one_study_for_ten_minutes(monkeypatch):
    viewers = ViewerTokens()
    token = viewers.issue("li", "1.2.3")
    expected = Principal("li", may_read=True, study_uid="1.2.3")
    assert viewers.authenticate(bearing(f"Bearer {token}")) == expected
    assert ViewerTokens().authenticate(bearing(f"Bearer {token}")) is None  # another process
    forged = URLSafeTimedSerializer(b"guess", salt="dicomweb-viewer").dumps(["li", "1.2.3"])
    for wrong in (forged, token[:-2], token + "x", "..", ""):
        assert viewers.authenticate(bearing(f"Bearer {wrong}")) is None
    later = time.time() + dicomweb_access.VIEWER_SECONDS + 2
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert viewers.authenticate(bearing(f"Bearer {token}")) is None


def test_uses_and_changes_leave_audit_events(engine):
    add_token(engine, "viewer", ["read"], 1)
    revoke_token(engine, "viewer")
    AccessTrail(engine)(Access("viewer", "retrieve", "1.2.3"))
    with engine.connect() as connection:
        rows = connection.execute(select(audit_event).order_by(audit_event.c.id)).all()
    assert [(r.username, r.action, r.study_uid) for r in rows] == [
        ("(command line)", "token-added", None),
        ("(command line)", "token-revoked", None),
        ("viewer", "dicomweb-retrieve", "1.2.3"),
    ]
