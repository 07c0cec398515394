import pytest
from sqlalchemy import select

from clinical_ai import accounts
from clinical_ai.accounts import add_account, authenticate, list_accounts, set_password
from clinical_ai.errors import AccountError
from clinical_ai.store.migrate import migrate
from clinical_ai.store.tables import account, audit_event
from pacs_bridge.database import open_engine

PASSWORD = "correct horse battery"


@pytest.fixture
def engine(database_url):
    opened = open_engine(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


def test_the_right_password_signs_in_and_the_wrong_one_does_not(engine):
    added = add_account(engine, "li", "李医生", "radiologist", PASSWORD)
    assert authenticate(engine, "li", PASSWORD) == added
    with pytest.raises(AccountError, match="wrong"):
        authenticate(engine, "li", "something else")


def test_an_unknown_name_is_refused_like_a_wrong_password_and_not_kept(engine):
    with pytest.raises(AccountError) as refused:
        authenticate(engine, "typed-my-password-here", "x")
    assert str(refused.value) == accounts.REFUSED
    with engine.connect() as connection:
        names = connection.execute(select(audit_event.c.username)).scalars().all()
    assert names == ["(unknown)"]


def test_five_failures_lock_the_account_even_for_the_right_password(engine, monkeypatch):
    add_account(engine, "li", "李医生", "radiologist", PASSWORD)
    for _ in range(accounts.MAX_FAILURES):
        with pytest.raises(AccountError, match="wrong"):
            authenticate(engine, "li", "wrong password")
    with pytest.raises(AccountError, match="15 minutes"):
        authenticate(engine, "li", PASSWORD)
    later = accounts.time.time() + accounts.LOCK_SECONDS + 1
    monkeypatch.setattr(accounts.time, "time", lambda: later)
    assert authenticate(engine, "li", PASSWORD).username == "li"


def test_the_password_is_not_stored(engine):
    add_account(engine, "li", "李医生", "radiologist", PASSWORD)
    with engine.connect() as connection:
        row = connection.execute(select(account)).one()
    assert row.password_hash.startswith("$argon2id$")
    assert PASSWORD not in str(row)


def test_a_new_password_replaces_the_old_one_and_lifts_the_lock(engine):
    add_account(engine, "li", "李医生", "radiologist", PASSWORD)
    for _ in range(accounts.MAX_FAILURES):
        with pytest.raises(AccountError):
            authenticate(engine, "li", "wrong password")
    set_password(engine, "li", "another long password")
    assert authenticate(engine, "li", "another long password").username == "li"
    with pytest.raises(AccountError):
        authenticate(engine, "li", PASSWORD)


@pytest.mark.parametrize(
    ("username", "full_name", "role", "password", "says"),
    [
        ("", "x", "radiologist", PASSWORD, "1 to 64"),
        ("li", "x" * 65, "radiologist", PASSWORD, "1 to 64"),
        ("li", "x", "king", PASSWORD, "'king' is unknown"),
        ("li", "x", "radiologist", "short", "5 characters"),
    ],
)
def test_bad_values_are_named(engine, username, full_name, role, password, says):
    with pytest.raises(AccountError, match=says):
        add_account(engine, username, full_name, role, password)
    assert list_accounts(engine) == []


def test_a_name_is_given_once(engine):
    add_account(engine, "li", "李医生", "radiologist", PASSWORD)
    with pytest.raises(AccountError, match="'li' exists"):
        add_account(engine, "li", "other", "physician", PASSWORD)
