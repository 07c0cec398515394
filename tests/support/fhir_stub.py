"""A small FHIR server that can fail on purpose; for what a real one does not do on command."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Call:
    path: str
    token: str


class FhirStub:
    """Answers reads by id and searches by patient over fixed resources.

    Parameters
    ----------
    resources
        What it has.
    """

    def __init__(self, resources):
        self.resources = resources
        self.calls: list[Call] = []
        self.failing: set[str] = set()
        self.silent = False
        self._released = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                stub.answer(self)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/fhir"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def answer(self, handler):
        address = urlsplit(handler.path)
        self.calls.append(Call(address.path, handler.headers.get("Authorization", "")))
        if self.silent:
            self._released.wait(30)
        kind, _, identifier = address.path.removeprefix("/fhir/").partition("/")
        found = [r for r in self.resources if r["resourceType"] == kind]
        if identifier:
            found = [r for r in found if r["id"] == identifier]
        status, content = 200, found[0] if identifier and found else None
        if kind in self.failing or (identifier and not found):
            status, content = 500 if kind in self.failing else 404, {}
        elif not identifier:
            (patient,) = parse_qs(address.query)["patient"]
            mine = [r for r in found if r["subject"]["reference"].endswith(f"Patient/{patient}")]
            content = {
                "resourceType": "Bundle",
                "type": "searchset",
                "entry": [{"resource": r, "search": {"mode": "match"}} for r in mine],
            }
        body = json.dumps(content).encode()
        try:
            handler.send_response(status)
            handler.send_header("Content-Type", "application/fhir+json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:  # the client went away
            pass

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *arguments):
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
