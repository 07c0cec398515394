import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import select, update

from clinical_ai.accounts import add_account
from clinical_ai.case_board.cases import (
    add_imported,
    add_opinion,
    add_question,
    close_case,
    find_case,
    list_cases,
    open_case,
    reopen_case,
    view_case,
)
from clinical_ai.case_board.opinions import MAX_BYTES, read_opinions
from clinical_ai.errors import AccountError, CaseError
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event, board_entry
from pacs_bridge.database import writing
from tests.pacs_bridge.support import ct_slice, store

PASSWORD = "correct horse battery"


@pytest.fixture
def site(tmp_path, database_url):
    settings = Settings(data_dir=tmp_path / "data", database_url=database_url)
    dataset = ct_slice(PatientID="MRN7", PatientName="Wang^Xiaoming", PatientBirthDate="19600102")
    with closing(open_services(settings)) as services:
        store(services.archive, dataset)
        doctor = add_account(services.engine, "liwei", "李伟", "radiologist", PASSWORD)
        case = open_case(services.engine, dataset.StudyInstanceUID, doctor, "Biopsy or wait?")
        yield services.engine, doctor, case


def test_opinions_are_added_in_order_and_audited(site):
    engine, doctor, case = site
    other = add_account(engine, "smith", "Anna Smith", "physician", PASSWORD)
    add_question(engine, case.id, doctor, "PET?")
    add_opinion(engine, case.id, other, "  Wait. ")
    found = find_case(engine, case.id)
    assert [(e.kind, e.text) for e in found.entries] == [
        ("open", ""),
        ("question", "Biopsy or wait?"),
        ("question", "PET?"),
        ("opinion", "Wait."),
    ]
    assert found.entries[-1].author_name == "Anna Smith"
    assert found.entries[-1].role == "physician"
    assert found.intact
    assert list_cases(engine) == [found]
    view_case(engine, case.id, "smith")
    with engine.connect() as connection:
        actions = connection.execute(select(audit_event.c.action)).scalars().all()
    assert {"case-open", "case-question", "case-opinion", "case-view"} <= set(actions)


def test_a_closed_case_takes_nothing_until_it_is_opened_again(site):
    engine, doctor, case = site
    with pytest.raises(AccountError):
        close_case(engine, case.id, doctor, "wrong password!", "Biopsy.")
    assert find_case(engine, case.id).state == "open"
    closed = close_case(engine, case.id, doctor, PASSWORD, "Biopsy.")
    assert closed.state == "closed"
    assert closed.conclusion.text == "Biopsy."
    assert closed.conclusion.author_name == "李伟"
    for change in (add_opinion, add_question):
        with pytest.raises(CaseError, match="closed"):
            change(engine, case.id, doctor, "too late")
    with pytest.raises(CaseError, match="closed"):
        close_case(engine, case.id, doctor, PASSWORD, "again")
    with pytest.raises(CaseError, match="closed"):
        add_imported(engine, case.id, [], "liwei")
    opened = reopen_case(engine, case.id, doctor, PASSWORD, "New PET.")
    assert (opened.state, opened.conclusion) == ("open", None)
    assert [e.kind for e in opened.entries][-2:] == ["close", "reopen"]
    with pytest.raises(CaseError, match="not closed"):
        reopen_case(engine, case.id, doctor, PASSWORD, "once more")


def test_a_change_in_the_database_shows(site):
    engine, doctor, case = site
    add_opinion(engine, case.id, doctor, "Wait.")
    with writing(engine) as connection:
        connection.execute(
            update(board_entry).where(board_entry.c.kind == "opinion").values(text="Operate.")
        )
    assert not find_case(engine, case.id).intact


def test_opinions_at_the_same_moment_are_all_kept(site):
    engine, doctor, case = site
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: add_opinion(engine, case.id, doctor, f"opinion {n}"), range(8)))
    found = find_case(engine, case.id)
    assert len(found.of_kind("opinion")) == 8
    assert found.intact


@pytest.mark.parametrize("text", ["", "  ", "x" * 4001, "a\0b"])
def test_text_that_cannot_be_kept(site, text):
    engine, doctor, case = site
    with pytest.raises(CaseError, match="characters"):
        add_opinion(engine, case.id, doctor, text)


def test_who_may_not_and_what_is_not_there(site):
    engine, doctor, case = site
    admin = add_account(engine, "root", "Root", "administrator", PASSWORD)
    with pytest.raises(CaseError, match="role"):
        add_opinion(engine, case.id, admin, "me too")
    with pytest.raises(CaseError, match="no such case"):
        find_case(engine, case.id + 1)
    with pytest.raises(CaseError, match="archive"):
        open_case(engine, "9.8.7", doctor, "?")


def opinions(**changes):
    one = {"author": "Dr Far", "role": "surgeon", "at": "2026-11-24T10:00:00Z", "text": "<b>Cut"}
    return {"format": "clinical-ai case opinions 1", "case": "ABC", "opinions": [one | changes]}


def test_opinions_from_elsewhere_are_imported_once(site, tmp_path):
    engine, _, case = site
    path = tmp_path / "opinions.json"
    path.write_text(json.dumps(opinions()))
    said = read_opinions(path, "ABC")
    (entry,) = add_imported(engine, case.id, said, "liwei").of_kind("import")
    assert (entry.author, entry.author_name, entry.role) == ("liwei", "Dr Far", "surgeon")
    assert entry.text == "[2026-11-24T10:00+00:00] <b>Cut"
    with pytest.raises(CaseError, match="already"):
        add_imported(engine, case.id, said, "liwei")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"not JSON", "no file of opinions"),
        (b"\xff\xfe", "no file of opinions"),
        (json.dumps(opinions(extra=1)).encode(), "extra"),
        (json.dumps(opinions(text="x" * 4001)).encode(), "text"),
        (json.dumps(opinions(author="")).encode(), "author"),
        (json.dumps(opinions(at="2026-11-24T10:00:00")).encode(), "timezone"),
        (json.dumps(opinions() | {"opinions": []}).encode(), "opinions"),
        (json.dumps(opinions() | {"case": "OTHER"}).encode(), "another case"),
        (b" " * (MAX_BYTES + 1), "larger"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(tmp_path, body, reason):
    path = tmp_path / "opinions.json"
    path.write_bytes(body)
    with pytest.raises(CaseError, match=reason):
        read_opinions(path, "ABC")
