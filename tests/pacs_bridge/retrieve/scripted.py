"""A scripted Query/Retrieve and worklist SCP on pynetdicom, and studies to keep in real ones."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import AllTransferSyntaxes, ExplicitVRLittleEndian
from pynetdicom import _config, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityWorklistInformationFind,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_bridge.network import application_entity
from pacs_bridge.peer import Peer

Script = Callable[[evt.Event], Iterator[Any]]


@dataclass
class ScriptedPeer:
    """What the scripted SCP answers, and what it was asked."""

    find: Script | None = None
    move: Script | None = None
    get: Script | None = None
    asked: list[Dataset] = field(default_factory=list)
    associations: int = 0
    tls: Any = None
    models: tuple[str, ...] = (
        StudyRootQueryRetrieveInformationModelFind,
        StudyRootQueryRetrieveInformationModelMove,
        StudyRootQueryRetrieveInformationModelGet,
        ModalityWorklistInformationFind,
    )
    storage_roles: bool = True
    port: int = 0

    def peer(self, **more: Any) -> Peer:
        return Peer("scripted", "SCRIPTED", "127.0.0.1", self.port, **more)


@contextmanager
def scripted(peer: ScriptedPeer) -> Iterator[ScriptedPeer]:
    """Run the SCP for the length of the block."""
    entity = application_entity("SCRIPTED")
    for model in (Verification, *peer.models):
        entity.add_supported_context(model)
    roles = {"scu_role": True, "scp_role": True} if peer.storage_roles else {}
    entity.add_supported_context(CTImageStorage, AllTransferSyntaxes, **roles)

    def answer(script: Script | None) -> Callable[[evt.Event], Iterator[Any]]:
        def handle(event: evt.Event) -> Iterator[Any]:
            if hasattr(event, "identifier"):
                peer.asked.append(event.identifier)
            if script is None:
                yield 0xA900, None
                return
            yield from script(event)

        return handle

    def accepted(_event: evt.Event) -> None:
        peer.associations += 1

    def requested(_event: evt.Event) -> None:
        # Negotiate roles as an ordinary SCP does; the requestor side sets it for all.
        _config.UNRESTRICTED_STORAGE_SERVICE = False

    handlers = [
        (evt.EVT_C_FIND, answer(peer.find)),
        (evt.EVT_C_MOVE, answer(peer.move)),
        (evt.EVT_C_GET, answer(peer.get)),
        (evt.EVT_ACCEPTED, accepted),
        (evt.EVT_REQUESTED, requested),
    ]
    server = entity.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=peer.tls
    )
    peer.port = server.server_address[1]
    try:
        yield peer
    finally:
        server.shutdown()
        for association in entity.active_associations:
            association.abort()


def drop_connection(event: evt.Event) -> None:
    """Cut the connection under an association, as a crashed peer or a cable does."""
    event.assoc.dul.socket.socket.shutdown(socket.SHUT_RDWR)


def with_meta(dataset: Dataset, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """The data set as pynetdicom wants it for a sub-operation."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def undeclared(answer: Dataset, keyword: str, value: bytes) -> Dataset:
    """The answer with the raw bytes of one text, whatever character set it declares."""
    answer.add_new(keyword, "UN", value)
    return answer


def study_answer(study_uid: str = "1.2.3", **more: Any) -> Dataset:
    """A study-level match."""
    found = Dataset()
    found.QueryRetrieveLevel = "STUDY"
    found.StudyInstanceUID = study_uid
    found.PatientID = "P1"
    found.StudyDate = "20250102"
    found.ModalitiesInStudy = ["CT", "SR"]
    found.NumberOfStudyRelatedInstances = 3
    for keyword, value in more.items():
        setattr(found, keyword, value)
    return found
