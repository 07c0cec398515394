"""A real CDS Hooks server on a free port."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import uvicorn
from starlette.applications import Starlette

from clinical_ai.cds_hooks import cds_routes
from clinical_ai.openapi.document import openapi_route
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from tests.support.processes import free_port, wait_for

VIEW = "clinical-ai-patient-view"
SELECT = "clinical-ai-order-select"
SIGN = "clinical-ai-order-sign"
HOOKS = {VIEW: "patient-view", SELECT: "order-select", SIGN: "order-sign"}


class Cds:
    """A running server and what it works on."""

    def __init__(self, services: Services, port: int) -> None:
        self.services = services
        self.url = f"http://127.0.0.1:{port}"

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            f"{self.url}/cds-services/{path}",
            content=content,
            headers={"Content-Type": "application/json", **headers},
            timeout=30,
        )

    def call(self, service: str, patient: str, **more: object) -> httpx.Response:
        language = str(more.pop("language", "en"))
        context = {"userId": "Practitioner/1", "patientId": patient}
        context |= more.pop("context", {})  # type: ignore[arg-type]
        body = {"hook": HOOKS[service], "hookInstance": str(uuid.uuid4()), "context": context}
        return self.post(service, body | more, **{"Accept-Language": language})


@contextmanager
def serving(settings: Settings) -> Iterator[Cds]:
    """Serve decision support for the length of the block."""
    port = free_port()
    with closing(open_services(settings)) as services:
        app = Starlette(routes=[*cds_routes(services), openapi_route()])
        config = uvicorn.Config(app, "127.0.0.1", port, log_level="error", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, name="cds")
        thread.start()
        try:
            wait_for(lambda: server.started, "decision support")
            yield Cds(services, port)
        finally:
            server.should_exit = True
            thread.join(20)
