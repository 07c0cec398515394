"""The web server: headers, health, other origins, sign-in before anything."""

import http.client

import pytest

from clinical_ai.settings import Settings
from tests.support.processes import free_port
from ui.server import content_security_policy, security_headers, streamlit_options


def get(port, path, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def websocket_status(port, origin):
    answer, _ = get(
        port,
        "/_stcore/stream",
        {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Origin": origin,
        },
    )
    return answer.status


def test_policy_names_no_other_host_and_no_inline_script():
    policy = dict(part.split(" ", 1) for part in content_security_policy().split("; "))
    assert "unsafe-inline" not in policy["script-src"]
    assert "unsafe-eval" not in policy["script-src"].replace("wasm-unsafe-eval", "")
    assert "http" not in content_security_policy()
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].count("sha256-") == 1


def test_options_switch_telemetry_off(tmp_path):
    options = streamlit_options(Settings(data_dir=tmp_path, ui_port=free_port()))
    assert options["browser.gatherUsageStats"] is False
    assert options["client.showErrorDetails"] == "none"


def test_health_and_headers(site):
    answer, body = get(site.port, "/healthz")
    assert (answer.status, body) == (200, b'{"status":"ok"}')
    for path in ("/healthz", "/", "/_stcore/health", "/static/none.js"):
        answer, _ = get(site.port, path)
        for name, value in security_headers().items():
            assert answer.headers.get_all(name) == [value], (path, name)


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null"])
def test_pages_of_other_origins_are_refused(site, origin):
    assert get(site.port, "/healthz", {"Origin": origin})[0].status == 403
    assert websocket_status(site.port, origin) == 403


def test_own_origin_is_served_and_gets_no_cross_origin_permission(site):
    origin = f"http://127.0.0.1:{site.port}"
    assert websocket_status(site.port, origin) == 101
    answer, _ = get(site.port, "/_stcore/health", {"Origin": origin})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/static/..%2f..%2fsecret", "//evil.example/"]
)
def test_paths_that_leave_the_site_are_refused(site, path):
    answer, body = get(site.port, path)
    assert answer.status in (400, 404)
    assert b"root:" not in body


def test_decision_support_and_the_description_are_served_beside_the_screens(site):
    answer, body = get(site.port, "/cds-services", {"Accept-Language": "en"})
    assert answer.status == 200
    assert b"patient-view" in body
    assert get(site.port, "/openapi.json")[0].status == 200


def test_other_origins_reach_decision_support_by_its_own_list_alone(site):
    origin = {"Origin": "https://ehr.example"}
    answer, _ = get(site.port, "/cds-services", origin)
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers  # nobody is on the list
    for path in ("/cds-servicesx", "/dicomweb/studies", "/openapi.json"):
        assert get(site.port, path, origin)[0].status == 403
