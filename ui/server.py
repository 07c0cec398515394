"""The web server of the screens: one ASGI application, headers that keep the page to itself."""

import base64
import hashlib
import re
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

from clinical_ai.cds_hooks import ROOT as CDS_ROOT
from clinical_ai.cds_hooks import cds_routes
from clinical_ai.dicomweb import dicomweb_mount
from clinical_ai.openapi.document import openapi_route
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from ui.viewer_access import viewer_tokens

MAIN_SCRIPT = Path(__file__).parent / "main.py"

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


@cache
def content_security_policy() -> str:
    """Return the policy: scripts, data and pictures from this server only, framed by nobody.

    Streamlit's page has one inline script; its hash is computed from the installed file, so
    that no other inline script runs. Styles stay inline, its style engine needs that.
    """
    page = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in _INLINE_SCRIPT.findall(page)
    ]
    scripts = " ".join(["'self'", "'wasm-unsafe-eval'", *(f"'sha256-{h}'" for h in hashes)])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def security_headers() -> dict[str, str]:
    """Return the headers every response carries."""
    return {
        "Content-Security-Policy": content_security_policy(),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    }


class SecurityHeaders:
    """ASGI middleware that adds `security_headers` and opens no door to other origins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the answer's headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers().items():
                    headers[name] = value
                if not _is_for_programs(scope):
                    del headers["Access-Control-Allow-Origin"]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class SameOrigin:
    """ASGI middleware that refuses requests which a page of another origin makes.

    Streamlit would compare a foreign ``Origin`` with this machine's public address, which it
    asks an outside service for. Here the origin is compared with the request's own host, and
    what passed is handed on as local, so that nothing is asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403, or pass the request on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and not _is_for_programs(scope):
            if urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
                await _refuse(scope, receive, send)
                return
            replaced = [(k, v) for k, v in scope["headers"] if k != b"origin"]
            scope = {**scope, "headers": [*replaced, (b"origin", b"http://localhost")]}
        await self.app(scope, receive, send)


def _is_for_programs(scope: Scope) -> bool:
    """Whether the address is of decision support, which answers other origins by its own list.

    It looks at a token in a header and at no cookie, so that a foreign page gains nothing.
    """
    path: str = scope["path"]
    return scope["type"] == "http" and (path == CDS_ROOT or path.startswith(f"{CDS_ROOT}/"))


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 403; a refused WebSocket is closed before it is accepted, which means the same."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await JSONResponse({"error": "other origin"}, status_code=403)(scope, receive, send)


async def healthz(_request: Request) -> JSONResponse:
    """Say that the server answers."""
    return JSONResponse({"status": "ok"})


def build_app(services: Services) -> st.App:
    """Return the ASGI application; the screens read their settings from the process.

    Parameters
    ----------
    services
        Whose archive is served by DICOMweb, and whose records by decision support.
    """
    routes: list[BaseRoute] = [Route("/healthz", healthz, methods=["GET"])]
    if services.settings.dicomweb.enabled:
        routes.append(dicomweb_mount(services, viewer_tokens()))
    routes += cds_routes(services)
    routes.append(openapi_route())
    return st.App(
        MAIN_SCRIPT,
        routes=routes,
        middleware=[Middleware(SecurityHeaders), Middleware(SameOrigin)],
    )


def streamlit_options(settings: Settings) -> dict[str, object]:
    """Return Streamlit's options: no telemetry, no outside address, no developer's menu."""
    return {
        "server.address": settings.ui_host,
        "server.port": settings.ui_port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": 1,  # MB; the screens take no uploads
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": settings.ui_host,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.showSidebarNavigation": False,
        "client.allowedOrigins": ["http://localhost"],
        "logger.hideWelcomeMessage": True,
        "theme.base": "dark",  # reading rooms are dark
        "theme.baseFontSize": 15,
        "theme.primaryColor": "#3d8bfd",
    }


def serve(settings: Settings) -> None:
    """Serve the screens until the process is told to stop.

    Raises
    ------
    SystemExit
        When the port is taken or the application does not start.
    """
    with closing(open_services(settings)) as services:
        build_app(services).run(config=streamlit_options(settings))
