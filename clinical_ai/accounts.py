"""Local accounts for people who review and sign: argon2 passwords, lockout, audit."""

import time
from dataclasses import dataclass
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, Engine, Row, select, update

from clinical_ai.errors import AccountError
from clinical_ai.messages import N_
from clinical_ai.store.audit import record_event
from clinical_ai.store.tables import account as account_table
from pacs_bridge.database import writing

Role = Literal["radiologist", "physician", "administrator"]
SIGNING_ROLES: frozenset[Role] = frozenset({"radiologist"})
# Who may let a study go on that routing holds or ignores.
RELEASING_ROLES: frozenset[Role] = frozenset({"radiologist", "administrator"})

# Who may say that an alarm of a patient's readings was seen.
ACKNOWLEDGING_ROLES: frozenset[Role] = frozenset({"physician"})
# Who may look at the follow-up of chronic disease.
FOLLOW_UP_ROLES: frozenset[Role] = frozenset({"physician", "radiologist"})

# Who may decide whose record a patient's is.
MATCHING_ROLES: frozenset[Role] = frozenset({"physician", "radiologist"})

MAX_FAILURES = 5
LOCK_SECONDS = 15 * 60
MIN_PASSWORD_LENGTH = 10  # NIST SP 800-63B asks for at least 8

REFUSED = N_("User name or password is wrong.")
LOCKED = N_("Too many failed attempts; try again in 15 minutes or ask the administrator.")


@dataclass(frozen=True, slots=True)
class Account:
    """Someone who may sign in."""

    username: str
    full_name: str
    role: Role


def add_account(engine: Engine, username: str, full_name: str, role: str, password: str) -> Account:
    """Create an account.

    Raises
    ------
    AccountError
        When the name is taken or a value cannot be used.
    """
    checked_role = _role(role)
    username = username.strip()
    full_name = full_name.strip()
    if not 1 <= len(username) <= 64 or not 1 <= len(full_name) <= 64:
        raise AccountError("user name and full name need 1 to 64 characters each")
    _check_length(password)
    with writing(engine) as connection:
        if _row(connection, username) is not None:
            raise AccountError(f"user name {username!r} exists already; choose another")
        connection.execute(
            account_table.insert().values(
                username=username,
                full_name=full_name,
                role=checked_role,
                password_hash=PasswordHasher().hash(password),
                failed_count=0,
                locked_until=0.0,
                created_at=time.time(),
            )
        )
        record_event(connection, username, "account-added", detail=checked_role)
    return Account(username, full_name, checked_role)


def set_password(engine: Engine, username: str, password: str) -> None:
    """Give an account a new password and lift its lock.

    Raises
    ------
    AccountError
        When there is no such account or the password is too short.
    """
    _check_length(password)
    with writing(engine) as connection:
        changed = connection.execute(
            update(account_table)
            .where(account_table.c.username == username)
            .values(password_hash=PasswordHasher().hash(password), failed_count=0, locked_until=0.0)
        ).rowcount
        if not changed:
            raise AccountError(f"there is no account {username!r}")
        record_event(connection, username, "password-set")


def list_accounts(engine: Engine) -> list[Account]:
    """Return all accounts by user name."""
    with engine.connect() as connection:
        rows = connection.execute(select(account_table).order_by(account_table.c.username))
        return [Account(r.username, r.full_name, _role(r.role)) for r in rows]


def authenticate(engine: Engine, username: str, password: str) -> Account:
    """Return the account when the password is right.

    An unknown user name costs the same time as a wrong password. After `MAX_FAILURES`
    failures the account is locked for `LOCK_SECONDS`. Every attempt is audited.

    Raises
    ------
    AccountError
        `REFUSED` or `LOCKED`; the two sentences are in the message catalogues.
    """
    hasher = PasswordHasher()
    with engine.connect() as connection:
        row = _row(connection, username)
    if row is None:
        hasher.hash(password)
        _note_failure(engine, username, known=False)
        raise AccountError(REFUSED)
    if row.locked_until > time.time():
        raise AccountError(LOCKED)
    try:
        hasher.verify(row.password_hash, password)
    except VerificationError as error:
        _note_failure(engine, username, known=True)
        raise AccountError(REFUSED) from error
    with writing(engine) as connection:
        connection.execute(
            update(account_table)
            .where(account_table.c.username == username)
            .values(failed_count=0, locked_until=0.0)
        )
        record_event(connection, username, "sign-in")
    return Account(row.username, row.full_name, _role(row.role))


def _check_length(password: str) -> None:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise AccountError(
            f"the password has {len(password)} characters; use at least {MIN_PASSWORD_LENGTH}"
        )


def _note_failure(engine: Engine, username: str, *, known: bool) -> None:
    with writing(engine) as connection:
        # What was typed as an unknown name may be a password; it is not kept.
        record_event(connection, username if known else "(unknown)", "sign-in-refused")
        if not known:
            return
        failures = account_table.c.failed_count + 1
        connection.execute(
            update(account_table)
            .where(account_table.c.username == username)
            .values(failed_count=failures)
        )
        connection.execute(
            update(account_table)
            .where(
                account_table.c.username == username,
                account_table.c.failed_count >= MAX_FAILURES,
            )
            .values(failed_count=0, locked_until=time.time() + LOCK_SECONDS)
        )


def _row(connection: Connection, username: str) -> Row[tuple[object, ...]] | None:
    return connection.execute(
        select(account_table).where(account_table.c.username == username)
    ).one_or_none()


def _role(value: str) -> Role:
    for role in get_args(Role):
        if value == role:
            return role  # type: ignore[no-any-return]
    raise AccountError(f"role {value!r} is unknown; use one of {', '.join(get_args(Role))}")
