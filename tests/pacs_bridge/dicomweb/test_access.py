"""Who may do what."""

import httpx
import pytest
import structlog
from sqlalchemy.exc import OperationalError

from pacs_bridge.dicomweb import access
from pacs_bridge.dicomweb.access import MAX_FAILURES, Failures
from tests.pacs_bridge.dicomweb.web import serving
from tests.pacs_bridge.support import ct_slice, poll, store

INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
PATHS = [
    "/studies",
    "/series",
    "/instances",
    "/studies/1.2.3",
    "/studies/1.2.3/series",
    "/studies/1.2.3/instances",
    "/studies/1.2.3/metadata",
    "/studies/1.2.3/thumbnail",
    "/studies/1.2.3/series/1.2.3.1",
    "/studies/1.2.3/series/1.2.3.1/metadata",
    "/studies/1.2.3/series/1.2.3.1/instances",
    INSTANCE,
    f"{INSTANCE}/metadata",
    f"{INSTANCE}/rendered",
    f"{INSTANCE}/frames/1",
    f"{INSTANCE}/frames/1/rendered",
    f"{INSTANCE}/bulkdata/7FE00010",
    "/nothing",
    "/",
]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_needs_a_token(web, path):
    store(web.archive, ct_slice())
    answer = httpx.get(f"{web.url}{path}")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert httpx.get(f"{web.url}{path}", headers={"Authorization": "Basic eDp5"}).status_code == 401
    assert [a.action for a in web.trail] == ["refused"]


def test_storing_needs_a_token(web):
    assert httpx.post(f"{web.url}/studies", content=b"x").status_code == 401


def test_a_token_for_one_study_opens_no_other(web):
    store(web.archive, ct_slice())
    store(web.archive, ct_slice(study="1.2.4", series="1.2.4.1"))
    viewer = {"Authorization": "Bearer viewer"}
    for path in ("/studies/1.2.3", "/studies/1.2.3/series", "/studies?StudyInstanceUID=1.2.3"):
        assert web.get(path, headers=viewer).status_code == 200
    for path in (
        "/studies",
        "/series",
        "/instances",
        "/studies/1.2.4",
        "/studies/1.2.4/metadata",
        "/studies/1.2.4/series",
        "/studies?StudyInstanceUID=1.2.3,1.2.4",
        "/studies?0020000D=1.2.4",
        "/studies/1.2.4/series/1.2.4.1/instances/1.2.4.1.1/frames/1",
        # what the path says first does not open what lies below another study
        "/studies/1.2.4/series?StudyInstanceUID=1.2.3",
    ):
        assert web.get(path, headers=viewer).status_code == 403, path


def test_many_wrong_tokens_slow_down_and_right_ones_still_work(web, monkeypatch):
    monkeypatch.setattr(access, "_PAUSE_SECONDS", 0.01)
    store(web.archive, ct_slice())
    wrong = {"Authorization": "Bearer wrong"}
    with httpx.Client(headers=wrong) as client:
        codes = [client.get(f"{web.url}/studies").status_code for _ in range(MAX_FAILURES + 3)]
        late = client.get(f"{web.url}/studies")
    assert codes == [401] * (MAX_FAILURES - 1) + [429] * 4
    assert late.headers["retry-after"]
    assert web.get("/studies").status_code == 200
    assert [a.action for a in web.trail].count("refused") == 2


def test_failures_are_forgotten_after_a_while_and_bounded():
    failures = Failures()
    assert [failures.add("a", t) for t in (0, 1, 2, 61, 62)] == [1, 2, 3, 1, 2]
    for n in range(30_000):
        failures.add(str(n), 70)
    assert failures.add("a", 71) == 1


def test_a_trail_that_cannot_be_written_refuses_the_read(sqlite_archive):
    def full(_access):
        raise OperationalError("INSERT", {}, Exception("disk full"))

    store(sqlite_archive, ct_slice())
    with serving(sqlite_archive, record=full) as web:
        answer = web.get("/studies/1.2.3")
        assert answer.status_code == 503
        assert set(answer.json()) == {"error"}


def test_errors_do_not_quote_what_was_asked(web):
    answer = web.get("/studies/1.2.3/series/Zhang%5ESan")
    assert answer.status_code == 400
    assert "Zhang" not in answer.text


def test_what_a_client_puts_into_a_path_is_quoted_and_cut_in_the_log(sqlite_archive):
    with structlog.testing.capture_logs() as log, serving(sqlite_archive) as web:
        assert httpx.get(f"{web.url}/a%1b%5b2J{'x' * 2000}").status_code == 401
        poll(lambda: any(entry["event"] == "dicomweb.request" for entry in log))
    (line,) = [entry for entry in log if entry["event"] == "dicomweb.request"]
    assert line["path"].startswith("/dicomweb/a%1B%5B2Jx")
    assert len(line["path"]) < 600
