"""Archives and listeners for the tests of `pacs_bridge`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.receive import Listener
from pacs_bridge.tables import metadata
from tests.pacs_bridge.support import listening


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database of each kind."""
    engine = open_engine(database_url)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'index.sqlite3'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def archive(engine: Engine, tmp_path: Path) -> Archive:
    """On both databases."""
    return Archive(tmp_path / "archive", engine, watermark_bytes=0)


@pytest.fixture
def sqlite_archive(sqlite_engine: Engine, tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", sqlite_engine, watermark_bytes=0)


@pytest.fixture
def listener(sqlite_archive: Archive) -> Iterator[Listener]:
    with listening(sqlite_archive) as listener:
        yield listener
