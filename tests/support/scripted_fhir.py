"""A FHIR server that answers as the test says, and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from clinical_ai.fhir_settings import FhirServerSettings


@dataclass(frozen=True)
class Asked:
    method: str
    path: str  # with the query
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """A response; `pieces`, if given, is called with a function that writes bytes as they are."""

    status: int = 200
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Callable[[Callable[[bytes], None]], None] | None = None


Answer = Callable[[Asked], Reply]


class ScriptedFhir:
    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.base_url = f"http://127.0.0.1:{self.port}/fhir"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def settings(self, **others: object) -> FhirServerSettings:
        return FhirServerSettings.model_validate(
            {"base_url": self.base_url, "roles": ["read", "write"], **others}
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length)
                )
                scripted.asked.append(asked)
                with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
                    self._reply(scripted.answer(asked))

            do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names of the library

            def _reply(self, reply: Reply) -> None:
                if reply.pieces is not None:
                    self.close_connection = True
                    with suppress(OSError):  # the client had enough
                        reply.pieces(self._write)
                    return
                body = (
                    reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                )
                self.send_response(reply.status)
                headers = {"Content-Type": "application/fhir+json", **reply.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _write(self, data: bytes) -> None:
                self.wfile.write(data)
                self.wfile.flush()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def scripted_fhir(answer: Answer) -> Iterator[ScriptedFhir]:
    """Run a scripted server for the length of the block."""
    server = ScriptedFhir(answer)
    try:
        yield server
    finally:
        server.close()


def searchset(*resources: Mapping[str, object], **links: str) -> dict[str, object]:
    """Return a Bundle as a search answers it."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        "entry": [{"resource": one, "search": {"mode": "match"}} for one in resources],
    }
