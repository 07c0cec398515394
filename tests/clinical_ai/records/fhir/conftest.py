"""A FHIR server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.support.sekmet import Sekmet, running_sekmet


@pytest.fixture(scope="session")
def sekmet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sekmet]:
    """One for all tests, which each use a patient of their own; its links say ``localhost``."""
    with running_sekmet(tmp_path_factory.mktemp("sekmet")) as server:
        yield server
