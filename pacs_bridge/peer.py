"""Who we talk to: DICOM application entities and DICOMweb servers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pacs_bridge.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class Peer:
    """A remote application entity.

    Parameters
    ----------
    name
        The name people and settings use for it.
    ae_title
        Its AE title, 1 to 16 characters (PS3.5 table 6.2-1, VR AE).
    host, port
        Where it listens.
    tls
        Our certificate and whom we trust; None connects without TLS.
    storage_commitment
        A delivery counts as done only when the peer has committed to keep it (PS3.4 annex J).
    commitment_seconds
        How long it may take to commit.
    retrieve
        How studies are fetched from it: ``move`` needs our listener in its configuration,
        ``get`` does not.
    character_set
        Defined term of PS3.3 C.12.1.1.2 for text beyond ASCII in our queries, and for answers
        that declare none.
    """

    name: str
    ae_title: str
    host: str
    port: int
    tls: TlsFiles | None = None
    storage_commitment: bool = False
    commitment_seconds: float = 4 * 3600.0
    retrieve: Literal["move", "get"] = "move"
    character_set: str = "ISO_IR 192"


@dataclass(frozen=True, slots=True)
class WebPeer:
    """A remote DICOMweb server (PS3.18).

    Parameters
    ----------
    name
        The name people and settings use for it.
    url
        Service root, without a slash at the end.
    username, password
        For HTTP basic authentication; an empty user name sends none.
    token
        Sent as a bearer token if not empty.
    trusted
        PEM file of the certificate authorities that may vouch for it; None trusts those of
        the system.
    """

    name: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    trusted: Path | None = None
