"""One way to open the database, SQLite or PostgreSQL, so that both behave alike."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Select, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

_BUSY_TIMEOUT_MS = 30_000


def open_engine(url: str) -> Engine:
    """Return an engine for `url`, with SQLite made durable and fit for several writers.

    SQLite: write-ahead log, fsync at each commit, writers wait up to 30 s for each other,
    foreign keys enforced. A transaction that reads first and then writes must be opened with
    `writing`, or SQLite may refuse it as locked without waiting.

    Parameters
    ----------
    url
        An SQLAlchemy URL; ``postgresql://`` is taken as ``postgresql+psycopg://``.
    """
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    engine = create_engine(
        url,
        pool_pre_ping=not url.startswith("sqlite"),
        max_overflow=60,
        hide_parameters=True,  # an error quotes its statement, whose values name patients
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that will write; commits at the end, rolls back on an error.

    On SQLite the write lock is taken at once, so that what the transaction read stays true
    until its commit.
    """
    with engine.connect() as plain:
        connection = plain.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with connection.begin():
            yield connection


def finds(engine: Engine, query: Select[Any]) -> bool:
    """Whether a query finds a row.

    Ask before `writing` where there is most often nothing to write: on SQLite the lock that it
    takes holds up whoever receives.
    """
    with engine.connect() as connection:
        return connection.execute(query.limit(1)).first() is not None


def insert_or_ignore(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless one with the same key exists; True if it was inserted."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    # RETURNING rather than a row count, which PostgreSQL's driver does not always give.
    statement = insert(table).values(values).on_conflict_do_nothing()
    returned = connection.execute(statement.returning(*table.primary_key.columns))
    return returned.first() is not None


class Prepared:
    """A statement that is turned into text once for each kind of database.

    For the few statements that run for each instance received: SQLAlchemy's work at each call
    costs several times what SQLite's does. Values go to the driver as they are, so only types
    that it takes itself may be used: text, numbers, truth values, None.

    Parameters
    ----------
    statement
        With named parameters; none of them expanding.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> CursorResult[Any]:
        """Execute it for one or several sets of values."""
        dialect = connection.dialect
        known = self._texts.get(dialect.name)
        if known is None:
            compiled = self._statement.compile(dialect=dialect)
            assert isinstance(compiled, SQLCompiler)
            order = tuple(compiled.positiontup or ()) if compiled.positional else None
            known = self._texts[dialect.name] = (str(compiled), order)
        text, order = known
        if order is None:
            named = [dict(row) for row in rows]
            return connection.exec_driver_sql(text, named[0] if len(named) == 1 else named)
        placed = [tuple(row[name] for name in order) for row in rows]
        return connection.exec_driver_sql(text, placed[0] if len(placed) == 1 else placed)


def _set_pragmas(dbapi_connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late (sqlite3 documentation, "transaction control").
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
