"""The CDS Hooks server: discovery, services and feedback as a part of another application."""

from collections.abc import Sequence
from datetime import date
from functools import partial

import anyio
import orjson
import structlog
import uvicorn
from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from clinical_ai.cds_access import CdsAuthentication, ClientJwts, caller_of
from clinical_ai.cds_language import wanted_language
from clinical_ai.cds_records import Gathered, RecordSource
from clinical_ai.cds_settings import CdsSettings
from clinical_ai.decision_support.cards import Writer, cards
from clinical_ai.decision_support.catalogue import BY_ID, CdsService, discovery
from clinical_ai.decision_support.decide import advice_for
from clinical_ai.decision_support.feedback import Outcome, parse_feedback
from clinical_ai.decision_support.hook_request import HookRequest, parse_hook_request
from clinical_ai.decision_support.orders import draft_orders
from clinical_ai.decision_support.situation import PathwayRules, Situation
from clinical_ai.dicomweb_access import ClientTokens
from clinical_ai.errors import DecisionSupportError, RecordError, SettingsError
from clinical_ai.openapi.document import openapi_route
from clinical_ai.pathways.load import load_alarm_rules, load_pathways
from clinical_ai.risk.assess import assess_risk
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.audit import record_event
from clinical_ai.texts import LOCALES, Language, Texts
from pacs_bridge.database import writing
from pacs_bridge.dicomweb.access import Authenticator
from pacs_bridge.dicomweb.app import Guard, SlowClients
from pacs_bridge.dicomweb.problem import (
    HttpError,
    answer_framework_error,
    answer_http_error,
    bad_request,
)

_log = structlog.get_logger(__name__)

ROOT = "/cds-services"
_JSON = "application/json"
_STALL_SECONDS = 30.0
_WORKERS = 4
"""Calls worked on at once; the rules are work for the processor."""
_CONNECTIONS = 256
_STOP_SECONDS = 10
_LOCAL = ("127.0.0.1", "::1", "localhost")


def cds_routes(services: Services) -> list[BaseRoute]:
    """Return the server as a part of another application, at `ROOT` and below.

    Empty when it is off: by the settings, or in production mode because nobody could call it.
    """
    settings = services.settings.cds
    if not settings.enabled:
        return []
    if services.settings.production and not settings.lets_somebody_in:
        _log.info("cds.off", cure="set cds.clients or cds.accept_tokens")
        return []
    app = Starlette(
        routes=_Server(services).routes(),
        middleware=_middleware(services, settings),
        exception_handlers={HttpError: answer_http_error, HTTPException: answer_framework_error},
    )
    # Not a Mount, which would answer the discovery address without a slash by a redirection.
    return [Route(ROOT, app), Route(f"{ROOT}/{{below:path}}", app)]


def _middleware(services: Services, settings: CdsSettings) -> list[Middleware]:
    layers = [Middleware(Guard, name="cds"), Middleware(SlowClients, seconds=_STALL_SECONDS)]
    if settings.cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.cors_origins),
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "Accept-Language"],
                max_age=600,
            )
        )
    layers.append(
        Middleware(
            CdsAuthentication,
            authenticators=_authenticators(services, settings),
            open_paths=frozenset({ROOT}),
            refused=partial(_audit, services, "(unknown)", "cds-refused", ""),
        )
    )
    return layers


def _authenticators(services: Services, settings: CdsSettings) -> Sequence[Authenticator] | None:
    if not settings.require_authentication:
        return None
    known: list[Authenticator] = []
    if settings.clients:
        known.append(ClientJwts(settings.clients, settings.public_url))
    if settings.accept_tokens:
        known.append(ClientTokens(services.engine))
    return known


class _Server:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._settings = services.settings
        self._source = RecordSource(services)
        self._work = CapacityLimiter(_WORKERS)
        folder = services.settings.pathways_dir
        self._pathways = PathwayRules(
            tuple(load_pathways(folder).values()), load_alarm_rules(folder)
        )

    def routes(self) -> list[BaseRoute]:
        return [
            Route(ROOT, self.discover, methods=["GET"]),
            Route(f"{ROOT}/{{service}}", self.call, methods=["POST"]),
            Route(f"{ROOT}/{{service}}/feedback", self.feedback, methods=["POST"]),
        ]

    async def discover(self, request: Request) -> Response:
        """List the services."""
        language = self._language(request, None)
        return _answer(discovery(Texts(language)), language)

    async def call(self, request: Request) -> Response:
        """Answer a hook with cards."""
        service = _service(request)
        body = await _body(request, self._settings.cds.max_request_kb * 1024)
        try:
            asked = parse_hook_request(body, service.hook)
        except DecisionSupportError as error:
            raise bad_request(str(error)) from error
        language = self._language(request, asked.language)
        try:
            gathered = await self._source.gather(asked)
        except (DecisionSupportError, RecordError) as error:
            raise HttpError(412, str(error)) from error
        except SettingsError as error:  # of the FHIR server that the call names
            _log.error("cds.settings", error=str(error))
            raise HttpError(503, "a FHIR server of this site is not set up well") from error
        make = partial(
            self._cards, service, asked, gathered, language, caller_of(request.scope).name
        )
        return _answer(await to_thread.run_sync(make, limiter=self._work), language)

    def _language(self, request: Request, stated: Language | None) -> Language:
        if stated is not None:
            return stated
        header = ", ".join(request.headers.getlist("accept-language"))
        return wanted_language(header, self._settings.language)

    def _cards(
        self,
        service: CdsService,
        asked: HookRequest,
        gathered: Gathered,
        language: Language,
        caller: str,
    ) -> dict[str, object]:
        on = date.today()  # noqa: DTZ011 - the site's own day
        record = gathered.with_imaging(self._source.our_imaging(gathered))
        profile = None
        if service.hook == "patient-view":
            profile = assess_risk(record, on, place=self._settings.risk)
        situation = Situation(
            record=record,
            on=on,
            profile=profile,
            not_answered=gathered.missing,
            orders=draft_orders(asked.orders, asked.selections),
            pathways=self._pathways,
        )
        made = cards(advice_for(service.hook, situation), Writer(language), asked.patient)
        shown = "; ".join(f"{kind} {card['uuid']}" for kind, card in made)
        # A FHIR id points at the patient as a Study Instance UID does: no name, no number.
        detail = f"{service.id} Patient/{asked.patient}; {shown}"
        _audit(self._services, caller, "cds-cards", detail)
        return {"cards": [card for _, card in made]}

    async def feedback(self, request: Request) -> Response:
        """Note what became of cards."""
        service = _service(request)
        body = await _body(request, self._settings.cds.max_request_kb * 1024)
        try:
            outcomes = parse_feedback(body)
        except DecisionSupportError as error:
            raise bad_request(str(error)) from error
        note = partial(_note_outcomes, self._services, service, outcomes)
        await to_thread.run_sync(note, caller_of(request.scope).name)
        return Response(b"", 200)


def _service(request: Request) -> CdsService:
    service = BY_ID.get(request.path_params["service"])
    if service is None:
        raise HttpError(404, f"there is no such service; {ROOT} lists them")
    return service


async def _body(request: Request, limit: int) -> bytes:
    """Return the body of a POST, at most `limit` bytes."""
    content_type = request.headers.get("content-type", "")
    if content_type.split(";", 1)[0].strip().lower() != _JSON:
        raise HttpError(415, f"the body is not {_JSON}; name its Content-Type")
    length = request.headers.get("content-length", "0")
    too_large = HttpError(413, f"a call may have {limit} bytes; prefetch less")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    content = bytearray()
    stream = request.stream()
    try:
        while True:
            with anyio.fail_after(_STALL_SECONDS):
                chunk = await anext(stream, None)
            if chunk is None:
                return bytes(content)
            content += chunk
            if len(content) > limit:
                raise too_large
    except TimeoutError as error:
        raise HttpError(408, "the body does not come on") from error
    except ClientDisconnect as error:  # nobody is there to read the answer
        raise bad_request("the body ends early") from error


def _answer(content: dict[str, object], language: Language) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Language": LOCALES[language].replace("_", "-"),
        "Vary": "Accept-Language, Authorization",
    }
    return Response(orjson.dumps(content), 200, headers, _JSON)


def _audit(services: Services, caller: str, action: str, detail: str) -> None:
    with writing(services.engine) as connection:
        record_event(connection, caller, action, detail=detail)


def _note_outcomes(
    services: Services, service: CdsService, outcomes: tuple[Outcome, ...], caller: str
) -> None:
    with writing(services.engine) as connection:
        for outcome in outcomes:
            detail = f"{service.id}; {outcome.detail}"
            record_event(connection, caller, f"cds-{outcome.outcome}", detail=detail)


def serve_cds(services: Services) -> None:
    """Serve decision support alone until the process is told to stop.

    Raises
    ------
    SettingsError
        When it is off; when TLS is asked for and there is no certificate or key; in production
        mode also when records would cross the network without TLS.
    SystemExit
        When the port is taken.
    """
    settings: Settings = services.settings
    cds, tls = settings.cds, settings.tls
    routes = cds_routes(services)
    if not routes:
        raise SettingsError(
            "nobody could call decision support: set cds.enabled, and cds.clients or "
            "cds.accept_tokens (docs/cds_hooks.md)"
        )
    if cds.use_tls and (tls.certificate is None or tls.key is None):
        raise SettingsError("cds.use_tls needs tls.certificate and tls.key: name both files")
    is_behind_proxy = cds.public_url.startswith("https://")
    if settings.production and not (cds.use_tls or is_behind_proxy or cds.host in _LOCAL):
        raise SettingsError(
            f"production mode does not serve decision support on {cds.host} without TLS: set "
            "cds.use_tls, or cds.public_url to the https:// address of its proxy"
        )
    uvicorn.run(
        Starlette(routes=[*routes, openapi_route()]),
        host=cds.host,
        port=cds.port,
        ssl_certfile=tls.certificate if cds.use_tls else None,
        ssl_keyfile=tls.key if cds.use_tls else None,
        log_level="warning",
        access_log=False,  # ours say the same, and never a query
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
