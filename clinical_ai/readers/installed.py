"""The readers of this installation, in the order in which they are asked."""

from clinical_ai.readers.base import Reader
from clinical_ai.readers.lung_nodule import LungNoduleReader
from clinical_ai.readers.mammography import MammographyReader
from clinical_ai.settings import Settings


def installed_readers(settings: Settings) -> tuple[Reader, ...]:
    """Return one reader a reading task; a reader without its model says so in its reading."""
    return (LungNoduleReader(settings), MammographyReader())
