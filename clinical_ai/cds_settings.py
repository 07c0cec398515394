"""Settings of decision support by CDS Hooks: the table ``[cds]`` of the settings file."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clinical_ai.errors import SettingsError

_LOCAL = r"http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"
_ORIGIN = rf"^(https://[^\s/?#@,]+|{_LOCAL})$"
_URL = r"^(https?://[^\s/?#@]+(/[^\s?#]*[^\s/?#])?)?$"
_CLIENT_NAME = r"^[A-Za-z0-9._-]{1,64}$"


class CdsClientSettings(BaseModel):
    """A system that may call us: it signs a JWT for each call.

    Parameters
    ----------
    issuer
        ``iss`` of its tokens.
    jwks_url, jwks_file
        Its public keys, as a JSON Web Key Set; one of the two. Keys are never fetched from an
        address that a token names (``jku``).
    tenants
        Values of the claim ``tenant`` that may call; empty lets any, or none, call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1, max_length=512)
    jwks_url: str = Field(default="", pattern=rf"^(https://[^\s#@]+|{_LOCAL}/[^\s#@]*)?$")
    jwks_file: Path | None = None
    tenants: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_one_key_set(self) -> "CdsClientSettings":
        if bool(self.jwks_url) == (self.jwks_file is not None):
            raise ValueError("name either jwks_url or jwks_file")
        return self


class CdsSettings(BaseModel):
    """Decision support, in the screens' process and by ``clinical-ai cds``.

    Parameters
    ----------
    enabled
        Serve it under ``/cds-services`` of the screens.
    host, port, use_tls
        Of ``clinical-ai cds``; TLS with the certificate and key of `tls`.
    public_url
        Address of this server as clients have it, without ``/cds-services``: tokens are made
        out to it (``aud``), so it must be set where there are `clients`.
    clients
        By name, which stands in the audit trail.
    accept_tokens
        Also accept tokens of ``clinical-ai bridge token`` that may read: their owners then see
        records, not images alone.
    require_authentication
        False lets anybody call; production mode refuses that.
    cors_origins
        Web origins whose pages may call us from a browser.
    max_request_kb
        Of one call, its prefetch included.
    fetch_seconds
        How long a FHIR server of the settings may take, all queries together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8044, ge=1, le=65535)
    use_tls: bool = False
    public_url: str = Field(default="", pattern=_URL)
    clients: dict[Annotated[str, Field(pattern=_CLIENT_NAME)], CdsClientSettings] = Field(
        default_factory=dict
    )
    accept_tokens: bool = False
    require_authentication: bool = True
    cors_origins: tuple[Annotated[str, Field(pattern=_ORIGIN)], ...] = ()
    max_request_kb: int = Field(default=4096, ge=16, le=65_536)
    fetch_seconds: float = Field(default=5.0, gt=0, le=60)

    @property
    def lets_somebody_in(self) -> bool:
        """Whether any caller could be served."""
        return bool(self.clients) or self.accept_tokens or not self.require_authentication


def check_cds(cds: CdsSettings, *, production: bool) -> None:
    """Refuse what would let anybody in, or nobody know whom a token is for.

    Raises
    ------
    SettingsError
        Names the setting and the cure.
    """
    if production and not cds.require_authentication:
        raise SettingsError(
            "production mode needs cds.require_authentication: true, and clients or "
            "cds.accept_tokens that may call"
        )
    if cds.clients and not cds.public_url:
        raise SettingsError(
            "cds.clients need cds.public_url: tokens are made out to the address that clients "
            "call, for example https://ai.hospital.example"
        )
    issuers = [client.issuer for client in cds.clients.values()]
    twice = {issuer for issuer in issuers if issuers.count(issuer) > 1}
    if twice:
        raise SettingsError(f"cds.clients name the issuer {min(twice)!r} twice; keep one of them")
