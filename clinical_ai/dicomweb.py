"""The DICOMweb server over this system's archive."""

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from clinical_ai.dicomweb_access import AccessTrail, ClientTokens, ViewerTokens
from clinical_ai.errors import SettingsError
from clinical_ai.openapi.document import openapi_route
from clinical_ai.services import Services
from pacs_bridge.dicomweb.access import Authenticator
from pacs_bridge.dicomweb.app import dicomweb_app
from pacs_bridge.dicomweb.limits import Limits

ROOT = "/dicomweb"
_CONNECTIONS = 512
_STOP_SECONDS = 10
_LOCAL = ("127.0.0.1", "::1", "localhost")


def dicomweb_mount(services: Services, viewers: ViewerTokens | None = None) -> Mount:
    """Return the server as a part of another application, under `ROOT`.

    Parameters
    ----------
    viewers
        Accepts the tokens that this object issues, beside those of clients.
    """
    settings = services.settings.dicomweb
    known: list[Authenticator] = [ClientTokens(services.engine)]
    if viewers is not None:
        known.append(viewers)
    upload = settings.max_upload_mb * 2**20
    default = Limits()
    limits = Limits(max_request_bytes=upload, max_part_bytes=min(upload, default.max_part_bytes))
    app = dicomweb_app(
        services.archive,
        known,
        AccessTrail(services.engine),
        limits=limits,
        public_url=settings.public_url,
    )
    return Mount(ROOT, app=app)


def serve_dicomweb(services: Services) -> None:
    """Serve DICOMweb alone until the process is told to stop.

    Raises
    ------
    SettingsError
        When TLS is asked for and there is no certificate or key; in production mode also when
        tokens and images would cross the network without TLS.
    SystemExit
        When the port is taken.
    """
    settings = services.settings
    web, tls = settings.dicomweb, settings.tls
    if web.use_tls and (tls.certificate is None or tls.key is None):
        raise SettingsError("dicomweb.use_tls needs tls.certificate and tls.key: name both files")
    is_behind_proxy = web.public_url.startswith("https://")
    is_local = web.host in _LOCAL
    if settings.production and not (web.use_tls or is_behind_proxy or is_local):
        raise SettingsError(
            f"production mode does not serve DICOMweb on {web.host} without TLS: set "
            "dicomweb.use_tls, or dicomweb.public_url to the https:// address of its proxy"
        )
    uvicorn.run(
        Starlette(routes=[dicomweb_mount(services), openapi_route()]),
        host=web.host,
        port=web.port,
        ssl_certfile=tls.certificate if web.use_tls else None,
        ssl_keyfile=tls.key if web.use_tls else None,
        log_level="warning",
        # Its lines would have the query, which names patients; ours have the path only.
        access_log=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
