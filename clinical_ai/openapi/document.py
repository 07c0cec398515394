"""The whole description, and the address it is served at.

Addresses of the page itself (Streamlit's) are no interface for other programs and are left out.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from clinical_ai import __version__
from clinical_ai.decision_support import schemas
from clinical_ai.decision_support.catalogue import SERVICES
from clinical_ai.openapi.dicomweb import dicomweb_paths
from clinical_ai.openapi.parts import Json, as_json, in_path, operation

PATH = "/openapi.json"
DICOMWEB, CDS, HEALTH, METRICS = "/dicomweb", "/cds-services", "/healthz", "/metrics"
_SERVICE = in_path("service", "^[a-z-]{1,64}$", SERVICES[0].id)
_VIEW_EXAMPLE: Json = {
    "hook": "patient-view",
    "hookInstance": "3f1c9f3e-0d55-4c3c-9d0e-0c4b7b7f2a11",
    "context": {"userId": "Practitioner/1", "patientId": "p1"},
}
_LANGUAGE: Json = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "zh-CN, en;q=0.5",
}


def cds_paths() -> dict[str, Json]:
    """Return the description of the CDS Hooks addresses."""
    errors = (400, 404, 408, 413, 415)
    return {
        CDS: {
            "get": operation(
                "List the services",
                {200: as_json(schemas.DISCOVERY)},
                (),
                parameters=(_LANGUAGE,),
                protected=False,
            )
        },
        f"{CDS}/{{service}}": {
            "post": operation(
                "Call a service: cards for a patient",
                {200: as_json(schemas.CARDS)},
                (*errors, 412),
                parameters=(_SERVICE, _LANGUAGE),
                body={
                    "application/json": {"schema": schemas.HOOK_REQUEST, "example": _VIEW_EXAMPLE}
                },
            )
        },
        f"{CDS}/{{service}}/feedback": {
            "post": operation(
                "Tell what became of cards",
                {200: {}},
                errors,
                parameters=(_SERVICE,),
                body=as_json(schemas.FEEDBACK),
            )
        },
    }


def _health_paths() -> dict[str, Json]:
    said = as_json({"type": "object", "properties": {"status": {"const": "ok"}}})
    metrics = operation("Metrics for Prometheus", {200: {"text/plain": {}}}, protected=False)
    return {
        HEALTH: {"get": operation("Say that the server answers", {200: said}, protected=False)},
        METRICS: {
            # Listener and worker serve it on the loopback address of their own ports.
            "servers": [{"url": "http://127.0.0.1:{port}", "variables": _PORT}],
            "get": metrics,
        },
    }


_PORT: Json = {"port": {"default": "9101", "description": "metrics_port, worker_metrics_port"}}


def openapi_document() -> Json:
    """Return the OpenAPI 3.1 description of every address that programs may use."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clinical-ai",
            "version": __version__,
            "description": "DICOMweb, CDS Hooks, health and metrics of one installation.",
        },
        "security": [{"bearer": []}],
        "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "paths": {**_health_paths(), **dicomweb_paths(DICOMWEB), **cds_paths()},
    }


async def _serve(_request: Request) -> JSONResponse:
    return JSONResponse(openapi_document())


def openapi_route() -> Route:
    """Return the address of the description, for any of our servers."""
    return Route(PATH, _serve, methods=["GET"])
