"""Schemathesis over all our HTTP routes finds no 5xx: bounded here, longer by hand."""

import importlib.util
import json
import subprocess
import sys

import httpx
import pytest

from validation.fuzzing import http_routes

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None, reason="Schemathesis is not installed"
)


@pytest.mark.slow
def test_no_request_makes_a_server_error(tmp_path):
    report = tmp_path / "report.json"
    with http_routes.serving(tmp_path / "data") as (url, token):
        finished = http_routes.run_schemathesis(
            url, token, 5, 1, f"--report-ndjson-path={report}", "--report=ndjson"
        )
        assert finished.returncode == 0
        assert httpx.get(f"{url}/healthz").status_code == 200
    seen = report.read_text()
    # It came past the tokens and the content types, as deep as good answers.
    for path in ("/dicomweb/studies", "/cds-services/clinical-ai-patient-view"):
        assert path in seen
    assert json.loads(seen.splitlines()[0])


def test_an_error_would_be_found(tmp_path):
    """The check itself: a server that fails is reported by the exit code."""
    script = tmp_path / "failing.py"
    script.write_text(
        "import uvicorn, sys\n"
        "from starlette.applications import Starlette\n"
        "from starlette.responses import JSONResponse, PlainTextResponse\n"
        "from starlette.routing import Route\n"
        "async def document(r):\n"
        "    answer = {'200': {'description': 'd'}}\n"
        "    return JSONResponse({'openapi': '3.1.0', 'info': {'title': 't', 'version': '1'},\n"
        "        'paths': {'/x': {'get': {'responses': answer}}}})\n"
        "async def fail(r):\n"
        "    return PlainTextResponse('no', 500)\n"
        "app = Starlette(routes=[Route('/openapi.json', document), Route('/x', fail)])\n"
        "uvicorn.run(app, port=int(sys.argv[1]), log_level='critical')\n"
    )
    from tests.support.processes import answers, free_port, wait_for

    port = free_port()
    with subprocess.Popen([sys.executable, str(script), str(port)]) as server:
        try:
            wait_for(lambda: answers(port), "the failing server")
            finished = http_routes.run_schemathesis(f"http://127.0.0.1:{port}", "t", 1, 1)
        finally:
            server.terminate()
    assert finished.returncode == 1
