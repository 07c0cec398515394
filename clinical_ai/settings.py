"""Where things are and who may talk to us: one frozen object, read once at the start.

Values come from environment variables (``CLINICAL_AI_...``, nested with ``__``), then from
``clinical-ai.toml`` in the working folder or the file named by ``CLINICAL_AI_CONFIG``, then
from the defaults below, which suit one machine on its own loopback address.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from clinical_ai.cds_settings import CdsSettings, check_cds
from clinical_ai.dicom_settings import (
    DicomSettings,
    DicomWebSettings,
    PeerSettings,
    PriorsSettings,
    TlsSettings,
    WebPeerSettings,
)
from clinical_ai.errors import SettingsError
from clinical_ai.fhir_settings import FhirServerSettings, check_fhir_servers
from clinical_ai.hl7_settings import Hl7Settings
from clinical_ai.record_settings import RecordSettings, RiskSettings
from clinical_ai.result_objects import DEFAULT_OBJECTS, ResultObject

_SECRETS = ("password", "token", "database_url")


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
    pathways_dir
        Folder of care pathways of the site (docs/pathways.md), which replace ours of the same
        name; None leaves ours.
    results
        DICOM objects made of each reading: SR (TID 1500), SEG, SC (a page of burned-in text),
        GSPS (outlines over the images).
    cds
        Decision support by CDS Hooks; see docs/cds_hooks.md.
    fhir_servers
        By name; see docs/fhir.md.
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
    cds: CdsSettings = CdsSettings()
    peers: dict[str, PeerSettings] = Field(default_factory=dict)
    web_peers: dict[str, WebPeerSettings] = Field(default_factory=dict)
    tls: TlsSettings = TlsSettings()
    hl7: Hl7Settings = Hl7Settings()
    fhir_servers: dict[str, FhirServerSettings] = Field(default_factory=dict)
    priors: PriorsSettings = PriorsSettings()
    records: RecordSettings = RecordSettings()
    risk: RiskSettings = RiskSettings()
    result_peers: tuple[str, ...] = ()
    results: tuple[ResultObject, ...] = DEFAULT_OBJECTS
    routing_file: Path | None = None
    pathways_dir: Path | None = None
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
    check_fhir_servers(settings.fhir_servers)
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
    check_cds(settings.cds, production=settings.production)
    receive = settings.hl7.receive
    listed = receive.allowed_hosts and receive.allowed_senders
    if settings.production and receive.port is not None and not listed:
        raise SettingsError(
            "production mode needs hl7.receive.allowed_hosts and hl7.receive.allowed_senders: "
            "list the addresses and applications that may send orders"
        )
