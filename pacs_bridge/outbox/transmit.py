"""How objects travel to a peer, whichever protocol it speaks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pacs_bridge.failure import Sending
from pacs_bridge.peer import Peer, WebPeer
from pacs_bridge.send import send_each
from pacs_bridge.stow import store_each


class Transmit(Protocol):
    """Sends files and yields each with what became of it, as soon as it is known.

    Closing the iterator ends the connection; what was not yielded was not sent.
    """

    def __call__(self, files: Sequence[Path]) -> Sending:
        """Send files in order."""


def transmit_to(peer: Peer | WebPeer, calling_ae_title: str) -> Transmit:
    """Return how to send to a peer: C-STORE to a DICOM node, STOW-RS to a DICOMweb server."""

    def by_c_store(files: Sequence[Path]) -> Sending:
        assert isinstance(peer, Peer)
        return send_each(files, peer, calling_ae_title=calling_ae_title)

    def by_stow(files: Sequence[Path]) -> Sending:
        assert isinstance(peer, WebPeer)
        return store_each(files, peer)

    return by_stow if isinstance(peer, WebPeer) else by_c_store
