"""Fixtures that tests of every package share."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy import make_url, text

from pacs_bridge.database import open_engine

POSTGRES = os.environ.get("CLINICAL_AI_TEST_POSTGRES_URL", "")


@pytest.fixture(autouse=True)
def logs_as_at_the_start() -> Iterator[None]:
    """Undo the level and the processors of a command that a test ran within this process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)],
)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database: SQLite always, PostgreSQL where a server is at hand."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite3'}"
        return
    if not POSTGRES:
        pytest.skip("CLINICAL_AI_TEST_POSTGRES_URL names no PostgreSQL server")
    name = f"test_{uuid.uuid4().hex}"
    server = open_engine(POSTGRES).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()
