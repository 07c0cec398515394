"""A served archive."""

from collections.abc import Iterator

import pytest

from pacs_bridge.archive import Archive
from tests.pacs_bridge.dicomweb.web import Web, serving


@pytest.fixture
def web(sqlite_archive: Archive) -> Iterator[Web]:
    with serving(sqlite_archive) as web:
        yield web
