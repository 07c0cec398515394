"""Settings of FHIR servers: the tables ``[fhir_servers.NAME]`` of the settings file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from clinical_ai.errors import SettingsError

Role = Literal["read", "write"]
_URL = r"^https?://[^\s/?#@]+(/[^\s?#]*[^\s/?#])?$"
_SECURE = r"^(https://[^\s#@]+|http://(localhost|127\.0\.0\.1|\[::1\])[:/][^\s#@]*)$"
SECURE_URL = re.compile(_SECURE)
"""Where secrets may be sent: by TLS, or within this machine."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}")
LOCAL = "local"
"""What the record store calls its own data; no server may have this name."""


class NoAuth(BaseModel):
    """The server lets everybody in who reaches it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["none"] = "none"


class BasicAuth(BaseModel):
    """User name and password (RFC 7617)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["basic"]
    username: str = Field(min_length=1, pattern=r"^[^:]*$")
    password: SecretStr


class BearerAuth(BaseModel):
    """A token that the server's owner gave us (RFC 6750)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["bearer"]
    token: SecretStr = Field(min_length=1)


class BackendServicesAuth(BaseModel):
    """SMART Backend Services: we sign an assertion with our key and get a token for it.

    Parameters
    ----------
    client_id
        Under which the authorization server knows us.
    key_file
        PEM file of our private key: RSA of 2048 bits or more (RS384), or P-384 (ES384).
    key_id
        ``kid`` of the key in the key set that the authorization server has of us.
    key_set_url
        ``jku``: where it finds that key set, if it is registered by URL.
    token_url
        Empty: as the FHIR server tells in ``.well-known/smart-configuration``.
    scope
        What we ask for; empty for ``system/*.read``, with ``system/*.write`` where the server
        has the role ``write``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["backend_services"]
    client_id: str = Field(min_length=1)
    key_file: Path
    key_id: str = Field(min_length=1)
    key_set_url: str = Field(default="", pattern=r"^(https://[^\s#@]+)?$")
    token_url: str = Field(default="", pattern=rf"^$|{_SECURE}")
    scope: str = ""


Auth = Annotated[NoAuth | BasicAuth | BearerAuth | BackendServicesAuth, Field(discriminator="type")]


class FhirServerSettings(BaseModel):
    """A FHIR R4 server that records are read from or results are written to.

    Parameters
    ----------
    base_url
        Service base URL, without a slash at the end.
    auth
        How we sign in: a table with ``type`` ``none``, ``basic``, ``bearer`` or
        ``backend_services``.
    trusted
        PEM file of the authorities that vouch for it; None trusts those of the system.
    roles
        ``read``: patients' records come from it; ``write``: results go to it.
    connect_seconds, answer_seconds
        How long a connection, and a whole answer from the request to its last byte, may take.
    max_answer_mb
        A larger answer is refused.
    page_size
        Resources a page that a search asks for.
    post_search
        Search by ``POST [type]/_search`` where names or identifiers are looked for, so that
        they stand in no URL. False only for a server that cannot do that.
    client_ids
        Whether the server lets us choose the ids of what we write (``PUT Type/id`` of what is
        not there yet). False: it is found by our identifier, or by our tag.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(pattern=_URL)
    auth: Auth = NoAuth()
    trusted: Path | None = None
    roles: tuple[Role, ...] = Field(default=("read",), min_length=1)
    connect_seconds: float = Field(default=10.0, gt=0, le=120)
    answer_seconds: float = Field(default=60.0, gt=0, le=600)
    max_answer_mb: int = Field(default=64, ge=1, le=1024)
    page_size: int = Field(default=200, ge=1, le=1000)
    post_search: bool = True
    client_ids: bool = True


def check_fhir_servers(servers: Mapping[str, FhirServerSettings]) -> None:
    """Refuse names of servers that cannot be used.

    Raises
    ------
    SettingsError
        Names the server.
    """
    for name in servers:
        if name == LOCAL:
            raise SettingsError(
                f"fhir_servers names a server {LOCAL!r}, as the record store calls its own data; "
                "give the server another name"
            )
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"fhir_servers names a server {name!r}; use at most 32 letters, digits, dots, "
                "hyphens and underscores"
            )
