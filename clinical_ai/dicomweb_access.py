"""Who may use the DICOMweb server: clients with a token, and viewers of signed-in people."""

import hashlib
import re
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import Engine, Row, select, update
from starlette.requests import HTTPConnection

from clinical_ai.errors import AccountError
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import dicomweb_token
from pacs_bridge.database import writing
from pacs_bridge.dicomweb.access import Access, Principal

Scope = Literal["read", "write"]
VIEWER_SECONDS = 600
DAY_SECONDS = 86_400
# The name becomes the source AE title of what the client stores: 16 characters.
_NAME = re.compile(r"[A-Za-z0-9._-]{1,16}")
_SECRET_BYTES = 32
_BEARER = "bearer "
_MAX_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Token:
    """A client's right to use the server; the secret itself is kept nowhere.

    Parameters
    ----------
    created_at, expires_at, revoked_at
        UTC epoch seconds; None for never.
    """

    name: str
    may_read: bool
    may_write: bool
    created_at: float
    expires_at: float | None
    revoked_at: float | None

    def state(self, now: float) -> str:
        """Return ``valid``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and now >= self.expires_at else "valid"


def add_token(engine: Engine, name: str, scopes: Collection[str], days: int) -> str:
    """Make a token and return its secret, which cannot be had again.

    Parameters
    ----------
    scopes
        ``read``, ``write`` or both.
    days
        Until it expires; 0 for never.

    Raises
    ------
    AccountError
        When the name is taken or a value cannot be used.
    """
    if not _NAME.fullmatch(name):
        raise AccountError(f"token name {name!r} is not 1 to 16 letters, digits, dots or hyphens")
    unknown = set(scopes) - {"read", "write"}
    if unknown or not scopes:
        raise AccountError(f"scope {min(unknown or {''})!r} is unknown; use read or write, or both")
    if days < 0:
        raise AccountError(f"{days} days is in the past; use 0 for a token that does not expire")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    now = time.time()
    with writing(engine) as connection:
        if connection.execute(select(dicomweb_token).where(dicomweb_token.c.name == name)).first():
            raise AccountError(
                f"there is a token {name!r} already, perhaps a revoked one; choose another name"
            )
        connection.execute(
            dicomweb_token.insert().values(
                name=name,
                sha256=_digest(secret),
                may_read="read" in scopes,
                may_write="write" in scopes,
                created_at=now,
                expires_at=now + days * DAY_SECONDS if days else None,
                revoked_at=None,
            )
        )
        record_event(connection, "(command line)", "token-added", detail=name)
    return secret


def list_tokens(engine: Engine) -> list[Token]:
    """Return all tokens by name, revoked ones too."""
    with engine.connect() as connection:
        rows = connection.execute(select(dicomweb_token).order_by(dicomweb_token.c.name))
        return [_token(row) for row in rows]


def revoke_token(engine: Engine, name: str) -> None:
    """End a token; requests with it are refused from now on.

    Raises
    ------
    AccountError
        When there is no valid token of this name.
    """
    with writing(engine) as connection:
        changed = connection.execute(
            update(dicomweb_token)
            .where(dicomweb_token.c.name == name, dicomweb_token.c.revoked_at.is_(None))
            .values(revoked_at=time.time())
        ).rowcount
        if not changed:
            raise AccountError(f"there is no token {name!r} to revoke")
        record_event(connection, "(command line)", "token-revoked", detail=name)


class ClientTokens:
    """Knows clients by the tokens of the database.

    The tokens have 256 random bits, so a plain digest is as good as a slow one, and looking
    it up in the database betrays nothing about those that exist.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def authenticate(self, request: HTTPConnection) -> Principal | None:
        """Return the client whose token the request bears."""
        secret = _bearer(request)
        if not secret:
            return None
        query = select(dicomweb_token).where(dicomweb_token.c.sha256 == _digest(secret))
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        token = _token(row)
        if token.state(time.time()) != "valid":
            return None
        return Principal(token.name, may_read=token.may_read, may_write=token.may_write)


class ViewerTokens:
    """Signed tokens with which the viewer of a signed-in person reads one study.

    They last `VIEWER_SECONDS`, and as long as the process that made them: the key is drawn
    when it starts and leaves it nowhere.
    """

    def __init__(self) -> None:
        self._signer = URLSafeTimedSerializer(secrets.token_bytes(32), salt="dicomweb-viewer")

    def issue(self, username: str, study_uid: str) -> str:
        """Return a token for the header ``Authorization: Bearer``; never put it into a URL."""
        return self._signer.dumps([username, study_uid])

    def authenticate(self, request: HTTPConnection) -> Principal | None:
        """Return the person whose token the request bears."""
        secret = _bearer(request)
        if not secret:
            return None
        try:
            username, study_uid = self._signer.loads(secret, max_age=VIEWER_SECONDS)
        except BadSignature:  # an expired one is of this kind too
            return None
        return Principal(str(username), may_read=True, study_uid=str(study_uid))


class AccessTrail:
    """Writes what was used over DICOMweb into the audit trail."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, access: Access) -> None:
        """Add one event."""
        with writing(self._engine) as connection:
            record_event(
                connection,
                access.principal,
                f"dicomweb-{access.action}",
                study_uid=access.study_uid,
            )


def _bearer(request: HTTPConnection) -> str:
    header = request.headers.get("authorization", "")
    if len(header) > _MAX_CHARACTERS or not header.lower().startswith(_BEARER):
        return ""
    return header[len(_BEARER) :].strip()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Row[tuple[object, ...]]) -> Token:
    values = dict(row._mapping)
    del values["sha256"]
    return Token(**values)
