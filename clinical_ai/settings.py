"""Where things are and who may talk to us: one frozen object, read once at the start.

Values come from environment variables (``CLINICAL_AI_...``, nested with ``__``), then from
``clinical-ai.toml`` in the working folder or the file named by ``CLINICAL_AI_CONFIG``, then
from the defaults below, which suit one machine on its own loopback address.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from clinical_ai.errors import SettingsError
from clinical_ai.hl7_settings import Hl7Settings
from clinical_ai.result_objects import DEFAULT_OBJECTS, ResultObject

_SECRETS = ("password", "token", "database_url")
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


class Settings(BaseSettings):
    """Everything that differs between two installations.

    Parameters
    ----------
    data_dir
        Archive, results, quarantine and the embedded databases.
    database_url
        SQLAlchemy URL; None means SQLite inside `data_dir`.
    priors
        Earlier studies that are fetched for comparison.
    result_peers
        Names, out of `peers` and `web_peers`, that results are sent to.
    routing_file
        YAML file of routing rules (docs/routing.md); None reads every study by default.
    results
        DICOM objects made of each reading: SR (TID 1500), SEG, SC (a page of burned-in text),
        GSPS (outlines over the images).
    tls
        For every DICOM and HL7 connection with TLS, in and out.
    metrics_port, worker_metrics_port
        Loopback ports where the listener and the worker answer Prometheus; None or 0 is off.
    worker_name
        Each worker of a site needs its own; a restarted one takes up the studies that the
        worker of this name left unfinished.
    """

    model_config = SettingsConfigDict(
        env_prefix="CLINICAL_AI_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    data_dir: Path = Path("clinical-ai-data")
    database_url: str | None = None
    institution: str = "Demonstration hospital"
    language: Literal["zh", "en"] = "zh"
    production: bool = False
    dicom: DicomSettings = DicomSettings()
    dicomweb: DicomWebSettings = DicomWebSettings()
    peers: dict[str, PeerSettings] = Field(default_factory=dict)
    web_peers: dict[str, WebPeerSettings] = Field(default_factory=dict)
    tls: TlsSettings = TlsSettings()
    hl7: Hl7Settings = Hl7Settings()
    priors: PriorsSettings = PriorsSettings()
    result_peers: tuple[str, ...] = ()
    results: tuple[ResultObject, ...] = DEFAULT_OBJECTS
    routing_file: Path | None = None
    bundles_dir: Path | None = None
    ui_host: str = "127.0.0.1"
    ui_port: int = Field(default=8501, ge=1, le=65535)
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    worker_metrics_port: int | None = Field(default=None, ge=0, le=65535)
    worker_name: str = Field(default="local", pattern=r"^[A-Za-z0-9._-]{1,32}$")
    worker_concurrency: int = Field(default=1, ge=1, le=64)
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - signature set by the library
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then secrets folder, then the TOML file."""
        return (
            init_settings,
            env_settings,
            file_secret_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=settings_file()),
        )

    @property
    def sql_url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'clinical.sqlite3'}"

    @property
    def workflow_url(self) -> str:
        """Where DBOS keeps its checkpoints: its own SQLite file, or a schema of PostgreSQL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'workflow.sqlite3'}"

    @property
    def archive_dir(self) -> Path:
        """Received instances."""
        return self.data_dir / "archive"

    @property
    def results_dir(self) -> Path:
        """SR and SEG objects that we made."""
        return self.data_dir / "results"

    @property
    def last_good_routing_file(self) -> Path:
        """The last content of `routing_file` that could be used."""
        return self.data_dir / "routing-in-force.yaml"


def settings_file() -> Path:
    """Return where the settings are read from; the file need not exist."""
    return Path(os.environ.get("CLINICAL_AI_CONFIG", "clinical-ai.toml"))


def missing_settings_file() -> Path | None:
    """Return the file that ``CLINICAL_AI_CONFIG`` names, if there is none at that place."""
    file = settings_file()
    return file if "CLINICAL_AI_CONFIG" in os.environ and not file.exists() else None


def _described(location: Sequence[str | int], message: str, kind: str, value: object) -> str:
    """Name a bad value; not shown is what may be, or hold, a password or token."""
    where = ".".join(map(str, location)) or "settings"
    if kind == "extra_forbidden":
        return f"{where}: there is no such setting; look for a slip in its name"
    is_plain = isinstance(value, (str, int, float))
    is_shown = is_plain and not where.endswith(_SECRETS)
    return f"{where}: {message}" + (f" (got {value!r})" if is_shown else "")


def load_settings() -> Settings:
    """Read the settings in force.

    Raises
    ------
    SettingsError
        Names each bad value and where it came from.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        lines = [_described(e["loc"], e["msg"], e["type"], e["input"]) for e in error.errors()]
        raise SettingsError(
            "settings cannot be used:\n  "
            + "\n  ".join(lines)
            + "\nCorrect clinical-ai.toml or the CLINICAL_AI_... environment variable."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{settings_file()} is not valid TOML: {error}") from error
    _check_names(settings)
    _check_exposure(settings)
    return settings


def _check_names(settings: Settings) -> None:
    """Refuse names of peers that are used twice or not known."""
    twice = sorted(settings.peers.keys() & settings.web_peers.keys())
    if twice:
        raise SettingsError(f"peers and web_peers both name {twice[0]!r}; rename one of them")
    known = settings.peers.keys() | settings.web_peers.keys()
    named = {
        "result_peers": settings.result_peers,
        "priors.peers": settings.priors.peers,
        "dicom.completeness.ask": [n for n in settings.dicom.completeness.ask if n != "sender"],
    }
    for setting, names in named.items():
        unknown = [name for name in names if name not in known]
        if unknown:
            raise SettingsError(
                f"{setting} names {unknown[0]!r}, but peers and web_peers have only "
                f"{sorted(known)}; add the peer or correct the name"
            )


def _check_exposure(settings: Settings) -> None:
    """Refuse what would let anybody in."""
    if settings.dicom.tls_only and settings.dicom.tls_port is None:
        raise SettingsError("dicom.tls_only needs dicom.tls_port: set the port to listen on")
    if settings.production and not settings.dicom.allowed_calling:
        raise SettingsError(
            "production mode needs dicom.allowed_calling: list the AE titles that may send"
        )
    if settings.dicom.query_retrieve and not settings.dicom.allowed_calling:
        raise SettingsError(
            "dicom.query_retrieve is true, but dicom.allowed_calling is empty, so that anybody "
            "could query and fetch images: list the AE titles that may"
        )
    receive = settings.hl7.receive
    listed = receive.allowed_hosts and receive.allowed_senders
    if settings.production and receive.port is not None and not listed:
        raise SettingsError(
            "production mode needs hl7.receive.allowed_hosts and hl7.receive.allowed_senders: "
            "list the addresses and applications that may send orders"
        )
