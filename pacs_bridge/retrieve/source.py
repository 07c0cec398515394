"""One interface to other archives, whether they speak DIMSE or DICOMweb."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pacs_bridge.records import StoreOutcome
from pacs_bridge.retrieve.matches import InstanceMatch, SeriesMatch, StudyMatch, StudyQuery

MAX_STUDIES = 1000


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that a peer handed over, as received and not checked.

    Parameters
    ----------
    dataset
        Encoded, without file meta.
    source
        AE title or name of the peer.
    """

    dataset: bytes
    transfer_syntax_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    source: str


Keep = Callable[[Arrival], StoreOutcome]
"""Archives an instance; `pacs_bridge.archive.Archive.store` behind it."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a fetch has come.

    Parameters
    ----------
    done, failed
        Instances that arrived, and that did not.
    total
        None while it is not known.
    received_bytes
        0 where the instances go to our listener instead (C-MOVE).
    """

    done: int
    failed: int
    total: int | None
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a fetch ended.

    Parameters
    ----------
    done
        Instances that arrived, new or already archived.
    failed
        Instances that the peer could not send or the archive refused.
    reasons
        Of the failures, each once.
    received_bytes
        0 where the instances went to our listener (C-MOVE).
    """

    done: int
    failed: int
    reasons: tuple[str, ...]
    received_bytes: int


OnProgress = Callable[[FetchProgress], None]


def ignore_progress(_progress: FetchProgress) -> None:
    """Do nothing."""


class StudySource(Protocol):
    """Another archive that studies can be found in and fetched from.

    Every method raises `pacs_bridge.errors.PeerError` if the peer cannot be reached, refuses,
    or answers against its standard.
    """

    @property
    def name(self) -> str:
        """Of the peer."""

    def find_studies(self, query: StudyQuery, *, limit: int = MAX_STUDIES) -> list[StudyMatch]:
        """Return studies that match, at most `limit`, in the peer's order."""

    def find_series(self, study_uid: str) -> list[SeriesMatch]:
        """Return the series of a study."""

    def find_instances(self, study_uid: str, series_uid: str) -> list[InstanceMatch]:
        """Return the instances of a series."""

    def count_instances(self, study_uid: str) -> int | None:
        """Return how many instances of the study the peer has; None if it does not say."""

    def fetch_study(
        self,
        study_uid: str,
        *,
        on_progress: OnProgress = ignore_progress,
        cancel: threading.Event | None = None,
    ) -> Fetched:
        """Fetch every instance of a study; returns when the peer has finished.

        Parameters
        ----------
        cancel
            Set it to end the fetch early; what had arrived stays.
        """

    def fetch_series(
        self,
        study_uid: str,
        series_uid: str,
        *,
        on_progress: OnProgress = ignore_progress,
        cancel: threading.Event | None = None,
    ) -> Fetched:
        """Fetch every instance of a series; as `fetch_study`."""
