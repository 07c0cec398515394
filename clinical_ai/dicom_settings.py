"""Settings of DICOM and DICOMweb: whom we send to and fetch from, and how we listen."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

AE_TITLE = r"^[\x20-\x5b\x5d-\x7e]{1,16}$"  # DICOM PS3.5 table 6.2-1, VR AE


class PeerSettings(BaseModel):
    """A DICOM node we send to, accept from or fetch from.

    Parameters
    ----------
    retrieve
        How studies are fetched from it: ``move`` (our listener must be among its nodes) or
        ``get``.
    character_set
        Of text beyond ASCII in our queries, and of answers that declare none: a defined term
        such as ``ISO_IR 192``, ``GB18030`` or ``GBK``.
    storage_commitment
        A delivery is done only when the node has committed to keep the object.
    commitment_hours
        How long it may take for that; then the object is sent again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ae_title: str = Field(pattern=AE_TITLE)
    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    tls: bool = False
    storage_commitment: bool = False
    retrieve: Literal["move", "get"] = "move"
    character_set: str = Field(default="ISO_IR 192", pattern=r"^[A-Z0-9_ ]{1,16}$")
    commitment_hours: float = Field(default=4.0, gt=0)


class WebPeerSettings(BaseModel):
    """A DICOMweb server we send to or fetch from; `token` or `username` and `password`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://[^\s/][^\s]*[^\s/]$")
    username: str = ""
    password: SecretStr = SecretStr("")
    token: SecretStr = SecretStr("")
    trusted: Path | None = None


class TlsSettings(BaseModel):
    """PEM files: our certificate and key, and the authorities that vouch for peers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path | None = None
    key: Path | None = None
    trusted: Path | None = None


class RequirementSettings(BaseModel):
    """What a study must have of one modality before it is complete.

    Parameters
    ----------
    min_images
        Fewer keep the study waiting, up to ``forced_seconds``.
    views
        Of mammograms, such as ``["L-CC", "R-CC", "L-MLO", "R-MLO"]``: all of them complete the
        study at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_images: int = Field(default=0, ge=0)
    views: tuple[Annotated[str, Field(pattern=r"^[LRB]-[A-Z]{1,8}$")], ...] = ()


class CompletenessSettings(BaseModel):
    """When a study is complete, beyond its quiet time.

    Parameters
    ----------
    ask
        Peers, by name, that are asked by C-FIND or QIDO-RS how many images a study has;
        ``sender`` is the peer that sent it. Empty asks nobody.
    settle_seconds
        A study that has everything is complete this long after its last image.
    forced_seconds
        A study that is short of something is complete anyway after this long without a new
        image.
    required
        By modality.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask: tuple[str, ...] = ()
    settle_seconds: float = Field(default=3.0, ge=0, le=600)
    forced_seconds: float = Field(default=1800.0, ge=1, le=86400)
    required: dict[str, RequirementSettings] = Field(default_factory=dict)


class PriorsSettings(BaseModel):
    """Earlier studies that are fetched for comparison before a study is read.

    Parameters
    ----------
    peers
        Names, out of `peers` and `web_peers`, that are asked, in this order; empty fetches
        none. A routing rule that names priors goes before.
    count
        How many, the newest first.
    wait_seconds
        A reading waits at most this long for them, and then goes on without.
    associations
        At most so many at once to one peer.
    megabytes_per_second
        At most this fast from one peer in one association; None for no limit.
    window
        Hours in which priors are fetched, local time, such as ``20:00-06:30``; None at any
        time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    peers: tuple[str, ...] = ()
    count: int = Field(default=2, ge=0, le=20)
    wait_seconds: float = Field(default=20.0, ge=0, le=900)
    associations: int = Field(default=1, ge=1, le=8)
    megabytes_per_second: float | None = Field(default=None, gt=0)
    window: str | None = Field(
        default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"
    )


class DicomSettings(BaseModel):
    """The listener.

    Parameters
    ----------
    called_ae_titles
        Titles that we answer to beside `ae_title`; routing rules can tell them apart.
    allowed_calling
        AE titles that may associate; empty means any, which production mode refuses.
    quiet_seconds
        A study is complete when nothing has arrived for this long; by modality, and
        ``default``.
    completeness
        What is known better than that.
    watermark_mb
        Refuse new instances (0xA700) when the disk has less than this free.
    query_retrieve
        Answer C-FIND, C-MOVE and C-GET to `allowed_calling`, which must not be empty then;
        C-MOVE sends to `peers` only.
    storage_commitment
        Commit, when asked, to keep what the archive has: senders may then delete their copy, so
        only where the archive is backed up.
    tls_port
        Listen there with the certificate of ``tls`` too; with ``tls.trusted``, peers must show
        a certificate of theirs.
    tls_only
        Listen on `tls_port` alone.
    max_associations
        Open at a time; more are rejected as "local limit exceeded".
    idle_seconds, pdu_seconds
        An association ends when nothing comes for this long between messages, or within one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ae_title: str = Field(default="CLINICALAI", pattern=AE_TITLE)
    called_ae_titles: tuple[Annotated[str, Field(pattern=AE_TITLE)], ...] = ()
    host: str = "127.0.0.1"
    port: int = Field(default=11112, ge=0, le=65535)
    allowed_calling: tuple[str, ...] = ()
    quiet_seconds: dict[str, float] = Field(default_factory=lambda: {"default": 10.0})
    completeness: CompletenessSettings = CompletenessSettings()
    watermark_mb: int = Field(default=1024, ge=0)
    query_retrieve: bool = False
    storage_commitment: bool = False
    tls_port: int | None = Field(default=None, ge=0, le=65535)
    tls_only: bool = False
    max_associations: int = Field(default=256, ge=1, le=4096)
    idle_seconds: float = Field(default=600.0, gt=0)
    pdu_seconds: float = Field(default=30.0, gt=0)


class DicomWebSettings(BaseModel):
    """The DICOMweb server, in the screens' process and by ``clinical-ai dicomweb``.

    Parameters
    ----------
    enabled
        Serve it under ``/dicomweb`` of the screens.
    host, port
        Of ``clinical-ai dicomweb``.
    use_tls
        ``clinical-ai dicomweb`` serves HTTPS with the certificate and key of `tls`.
    max_upload_mb
        Of one request that stores.
    public_url
        URL of the service root as clients have it, where a proxy changes it; by default it
        is taken from the header Host.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=8043, ge=1, le=65535)
    use_tls: bool = False
    max_upload_mb: int = Field(default=4096, ge=1)
    public_url: str = Field(default="", pattern=r"^(https?://[^\s/][^\s]*)?$")
