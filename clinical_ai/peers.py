"""The peers of the settings, as the bridge knows them."""

from clinical_ai.dicom_settings import TlsSettings
from clinical_ai.settings import Settings
from pacs_bridge.hl7.sender import Hl7Peer
from pacs_bridge.peer import Peer, WebPeer
from pacs_bridge.tls import TlsFiles


def dicom_peers(settings: Settings) -> dict[str, Peer]:
    """Return the DICOM nodes of the settings by name."""
    tls = tls_files(settings.tls)
    return {
        name: Peer(
            name=name,
            ae_title=p.ae_title,
            host=p.host,
            port=p.port,
            tls=tls if p.tls else None,
            storage_commitment=p.storage_commitment,
            retrieve=p.retrieve,
            character_set=p.character_set,
            commitment_seconds=p.commitment_hours * 3600,
        )
        for name, p in settings.peers.items()
    }


def web_peers(settings: Settings) -> dict[str, WebPeer]:
    """Return the DICOMweb servers of the settings by name."""
    return {
        name: WebPeer(
            name=name,
            url=p.url,
            username=p.username,
            password=p.password.get_secret_value(),
            token=p.token.get_secret_value(),
            trusted=p.trusted,
        )
        for name, p in settings.web_peers.items()
    }


def hl7_peers(settings: Settings) -> dict[str, Hl7Peer]:
    """Return the HL7 receivers of the settings by name."""
    tls = tls_files(settings.tls)
    return {
        name: Hl7Peer(
            name=name,
            host=p.host,
            port=p.port,
            tls=tls if p.tls else None,
            connect_seconds=p.connect_seconds,
            acknowledge_seconds=p.acknowledge_seconds,
            character_set=p.character_set,
        )
        for name, p in settings.hl7.peers.items()
    }


def own_peer(settings: Settings) -> Peer:
    """Return our own listener, as those on this machine reach it."""
    dicom = settings.dicom
    tls = tls_files(settings.tls) if dicom.tls_only else None
    port = dicom.tls_port if dicom.tls_only and dicom.tls_port is not None else dicom.port
    return Peer(name="self", ae_title=dicom.ae_title, host=dicom.host, port=port, tls=tls)


def tls_files(tls: TlsSettings) -> TlsFiles:
    """Return the files of the settings as the bridge takes them."""
    return TlsFiles(tls.certificate, tls.key, tls.trusted)
