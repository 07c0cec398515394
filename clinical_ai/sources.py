"""Other archives that studies are fetched from, made from the settings."""

from clinical_ai.errors import SettingsError
from clinical_ai.peers import dicom_peers, web_peers
from clinical_ai.settings import Settings
from pacs_bridge.peer import Peer
from pacs_bridge.retrieve.dimse_source import DimseSource
from pacs_bridge.retrieve.source import Keep, StudySource
from pacs_bridge.retrieve.web_source import WebSource


def dimse_source(settings: Settings, peer: Peer, keep: Keep | None = None) -> DimseSource:
    """Return the DICOM node as a source; `keep` takes what a C-GET brings."""
    return DimseSource(peer, settings.dicom.ae_title, keep)


def source_named(settings: Settings, name: str, keep: Keep | None = None) -> StudySource:
    """Return the peer of the settings as a source.

    Raises
    ------
    SettingsError
        If no peer has that name.
    """
    peer = dicom_peers(settings).get(name)
    if peer is not None:
        return dimse_source(settings, peer, keep)
    web_peer = web_peers(settings).get(name)
    if web_peer is not None:
        return WebSource(web_peer, keep)
    raise SettingsError(
        f"no peer is named {name!r}; peers and web_peers have "
        f"{sorted((*settings.peers, *settings.web_peers))}"
    )
