"""What a process of this system needs open: settings, database, archive."""

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine

from clinical_ai.peers import dicom_peers, web_peers
from clinical_ai.settings import Settings
from clinical_ai.store.migrate import migrate
from pacs_bridge.archive import Archive
from pacs_bridge.database import open_engine
from pacs_bridge.peer import Peer, WebPeer
from pacs_bridge.retrieve.retrievals import note_sent_again


@dataclass(frozen=True, slots=True)
class Services:
    """Open resources, handed down explicitly; there is no global instance."""

    settings: Settings
    engine: Engine
    archive: Archive

    @property
    def peers(self) -> dict[str, Peer]:
        """The DICOM nodes of the settings, by name."""
        return dicom_peers(self.settings)

    @property
    def destinations(self) -> dict[str, Peer | WebPeer]:
        """Everyone that objects can be sent to, by name."""
        return {**dicom_peers(self.settings), **web_peers(self.settings)}

    def close(self) -> None:
        """Return database connections."""
        self.engine.dispose()


def open_services(settings: Settings) -> Services:
    """Create the data folder if needed, migrate the database and open the archive."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.results_dir.mkdir(exist_ok=True)
    engine = open_engine(settings.sql_url)
    migrate(engine)
    archive = Archive(
        settings.archive_dir,
        engine,
        watermark_bytes=settings.dicom.watermark_mb * 2**20,
        on_known=partial(note_sent_again, engine),
    )
    return Services(settings, engine, archive)
