"""The case board: who may say what, and that nothing said is lost or altered."""

from contextlib import closing
from datetime import date

import pytest
from sqlalchemy import delete, select, update

from clinical_ai.accounts import add_account
from clinical_ai.case_board import (
    add_opinion,
    add_question,
    close_case,
    find_case,
    gather_case,
    list_cases,
    open_case,
    reopen_case,
    view_case,
)
from clinical_ai.errors import AccountError, CaseError
from clinical_ai.records.store import RecordStore
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event, case_entry
from pacs_bridge.database import writing
from tests.support.case_site import PASSWORD, STUDY, archive_study, one_patient


@pytest.fixture
def services(tmp_path, database_url):
    settings = Settings(data_dir=tmp_path / "data", database_url=database_url)
    with closing(open_services(settings)) as opened:
        archive_study(opened)
        yield opened


@pytest.fixture
def smith(services):
    return add_account(services.engine, "smith", "Anna Smith", "physician", PASSWORD)


@pytest.fixture
def case(services, smith):
    return open_case(services, smith, "Nodule and stroke", "Operate first?", [STUDY])


def actions(services):
    with services.engine.connect() as connection:
        return connection.execute(select(audit_event.c.action)).scalars().all()


def test_a_case_begins_with_its_question(services, case):
    assert case.is_open
    (entry,) = case.entries
    assert (entry.kind, entry.text, entry.full_name) == ("question", "Operate first?", "Anna Smith")
    assert [c.id for c in list_cases(services)] == [case.id]
    assert "case-open" in actions(services)


def test_opinions_answer_entries_and_stay_in_order(services, smith, case):
    liwei = add_account(services.engine, "liwei", "李伟", "radiologist", PASSWORD)
    first = add_opinion(services, case.id, liwei, "  Wait three months.  ", case.entries[0].number)
    add_question(services, case.id, smith, "Which CT?")
    said = find_case(services, case.id).entries
    assert [e.kind for e in said] == ["question", "opinion", "question"]
    assert (said[1].text, said[1].refers_to, said[1].role) == (
        "Wait three months.",
        case.entries[0].number,
        "radiologist",
    )
    assert first.number == said[1].number
    with pytest.raises(CaseError, match="no entry 999"):
        add_opinion(services, case.id, smith, "x", 999)


def test_a_closed_case_takes_nothing_until_it_is_reopened(services, smith, case):
    with pytest.raises(AccountError):
        close_case(services, case.id, smith, "wrong password", "Surgery")
    assert find_case(services, case.id).is_open
    close_case(services, case.id, smith, PASSWORD, "Surgery")
    closed = find_case(services, case.id)
    assert not closed.is_open
    assert closed.entries[-1].kind == "conclusion"
    assert list_cases(services) == []
    assert [c.id for c in list_cases(services, closed=True)] == [case.id]
    for act in (
        lambda: add_opinion(services, case.id, smith, "late"),
        lambda: close_case(services, case.id, smith, PASSWORD, "again"),
    ):
        with pytest.raises(CaseError, match="closed"):
            act()
    with pytest.raises(AccountError):
        reopen_case(services, case.id, smith, "wrong password", "New CT")
    reopen_case(services, case.id, smith, PASSWORD, "New CT")
    with pytest.raises(CaseError, match="open already"):
        reopen_case(services, case.id, smith, PASSWORD, "twice")
    kinds = [e.kind for e in find_case(services, case.id).entries]
    assert kinds == ["question", "conclusion", "reopened"]
    assert {"case-close", "case-reopen"} <= set(actions(services))


def test_an_administrator_takes_no_part(services, case):
    admin = add_account(services.engine, "root", "Admin", "administrator", PASSWORD)
    with pytest.raises(CaseError, match="role"):
        add_opinion(services, case.id, admin, "x")
    with pytest.raises(CaseError, match="role"):
        open_case(services, admin, "t", "q", [STUDY])


@pytest.mark.parametrize(
    ("title", "question", "studies", "says"),
    [
        ("", "q", [STUDY], "title"),
        ("t" * 121, "q", [STUDY], "title"),
        ("t", "  ", [STUDY], "Write"),
        ("t", "q" * 8001, [STUDY], "too long"),
        ("t", "q", [], "at least one study"),
        ("t", "q", ["1.2.3.999"], "at least one study"),
    ],
)
def test_what_is_missing_is_said(services, smith, title, question, studies, says):
    with pytest.raises(CaseError, match=says):
        open_case(services, smith, title, question, studies)


def test_studies_of_two_patients_make_no_case(services, smith):
    archive_study(services, study="1.2.3.50", patient_id="P9")
    with pytest.raises(CaseError, match="different patients"):
        open_case(services, smith, "t", "q", [STUDY, "1.2.3.50"])


def test_studies_without_a_patient_id_are_not_put_together(services, smith):
    archive_study(services, study="1.2.3.60", patient_id="")
    archive_study(services, study="1.2.3.61", patient_id="")
    with pytest.raises(CaseError, match="different patients"):
        open_case(services, smith, "t", "q", ["1.2.3.60", "1.2.3.61"])


def test_a_case_shows_studies_and_the_record_that_is_surely_the_patients(services, smith):
    RecordStore(services.engine).put(one_patient(date(2026, 6, 1)), origin="local")
    case = open_case(services, smith, "t", "q", [STUDY])
    assert (case.origin, case.person) == ("local", "zhang-san")
    view = gather_case(services, case)
    assert [v.study.study_instance_uid for v in view.studies] == [STUDY]
    assert view.studies[0].reading is None
    assert view.record is not None
    assert view.record.has_problem("hypertension")


def test_a_study_with_the_number_but_another_name_is_not_taken_in(services, smith):
    archive_study(services, study="1.2.3.70", name="Wang^Wu")
    with pytest.raises(CaseError, match="different patients"):
        open_case(services, smith, "t", "q", [STUDY, "1.2.3.70"])


@pytest.mark.parametrize(
    "change",
    [
        lambda c, n: c.execute(update(case_entry).where(case_entry.c.id == n).values(body="x")),
        lambda c, n: c.execute(update(case_entry).where(case_entry.c.id == n).values(author="x")),
        lambda c, n: c.execute(delete(case_entry).where(case_entry.c.id == n)),
    ],
)
def test_an_entry_altered_in_the_database_is_noticed(services, smith, case, change):
    opinion = add_opinion(services, case.id, smith, "Wait")
    add_opinion(services, case.id, smith, "Or not")
    assert find_case(services, case.id).is_intact
    with writing(services.engine) as connection:
        change(connection, opinion.number)
    assert not find_case(services, case.id).is_intact


def test_a_look_is_noted(services, case):
    view_case(services, case.id, "smith")
    assert actions(services).count("case-view") == 1


def test_a_nul_in_a_text_is_left_out(services, smith, case):
    add_opinion(services, case.id, smith, "Wait\0 longer")
    assert find_case(services, case.id).entries[-1].text == "Wait longer"
