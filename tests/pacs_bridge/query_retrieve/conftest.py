"""A listener that answers queries, with studies in its archive."""

from collections.abc import Iterator

import pytest

from pacs_bridge.archive import Archive
from pacs_bridge.peer import Peer
from pacs_bridge.query_retrieve import query_retrieve_service
from pacs_bridge.receive import Listener
from tests.pacs_bridge.support import ct_slice, listening, store

# What a C-MOVE may send to; a test adds its peers.
Peers = list[Peer]


@pytest.fixture
def peers() -> Peers:
    return []


@pytest.fixture
def archive_with_studies(sqlite_archive: Archive) -> Archive:
    """Two studies of one patient: two series of 3 and 2 images, and one of one."""
    who = {"PatientName": "Zhang^San=张^三", "PatientID": "P1"}
    for number in (1, 2, 3):
        assert store(
            sqlite_archive, ct_slice(number, study="1.2.1", series="1.2.1.1", **who)
        ).is_new
    for number in (1, 2):
        store(sqlite_archive, ct_slice(number, study="1.2.1", series="1.2.1.2", **who))
    store(sqlite_archive, ct_slice(study="1.2.2", series="1.2.2.1", StudyDate="20200101", **who))
    return sqlite_archive


@pytest.fixture
def listener(archive_with_studies: Archive, peers: Peers) -> Iterator[Listener]:
    archive = archive_with_studies
    service = query_retrieve_service(
        archive.engine, archive.root, ae_title="CLINICALAI", peers=lambda: peers
    )
    with listening(archive, services=[service]) as listener:
        yield listener
