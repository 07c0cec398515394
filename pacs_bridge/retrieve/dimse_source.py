"""Another archive that speaks DIMSE: C-FIND, and C-MOVE or C-GET (PS3.4 annex C)."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.errors import NoContextError, PeerError
from pacs_bridge.peer import Peer
from pacs_bridge.responses import Answer, Offered
from pacs_bridge.retrieve import statuses
from pacs_bridge.retrieve.answers import (
    Values,
    dataset_values,
    instance_match,
    series_match,
    study_match,
)
from pacs_bridge.retrieve.keys import fetch_keys, image_keys, series_keys, study_keys
from pacs_bridge.retrieve.matches import (
    InstanceMatch,
    SeriesMatch,
    StudyMatch,
    StudyQuery,
    checked_uid,
)
from pacs_bridge.retrieve.models import FIND, GET, MOVE, Models
from pacs_bridge.retrieve.source import (
    MAX_STUDIES,
    Arrival,
    Fetched,
    FetchProgress,
    Keep,
    OnProgress,
    ignore_progress,
)
from pacs_bridge.retrieve.storage import storage_pairs
from pacs_bridge.retrieve.tally import Tally

_log = structlog.get_logger(__name__)

_FIND_SECONDS = 60.0
# Many archives send nothing between the request and the end of a C-MOVE, or while a tape or
# an object store is read.
_FETCH_SECONDS = 600.0
_FIND_RESPONSES = 10  # a whole C-FIND may take as long as so many slow responses
_FINAL_ANSWERS = 10_000  # that a peer may still send after our C-CANCEL
_CANCEL_SECONDS = 10.0  # for the peer to answer a C-CANCEL before the association is aborted
_WATCH_SECONDS = 0.2
_MAX_SERIES = 10_000
_MAX_INSTANCES = 100_000
_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_T = TypeVar("_T")


class DimseSource:
    """A `StudySource` over DIMSE; the study root is used where the peer has it.

    Parameters
    ----------
    peer
        Whom to ask; `peer.retrieve` chooses between C-MOVE and C-GET.
    calling_ae_title
        Who we are, and for C-MOVE where to: the AE title of our listener.
    keep
        Archives what C-GET brings; None only allows C-FIND and C-MOVE.
    find_seconds, fetch_seconds
        How long to wait for one response.
    """

    def __init__(
        self,
        peer: Peer,
        calling_ae_title: str,
        keep: Keep | None = None,
        *,
        find_seconds: float = _FIND_SECONDS,
        fetch_seconds: float = _FETCH_SECONDS,
    ) -> None:
        self._peer = peer
        self._calling_ae_title = calling_ae_title
        self._keep = keep
        self._find_seconds = find_seconds
        self._fetch_seconds = fetch_seconds
        self._patient_ids: dict[str, str] = {}  # by study, for peers with the patient root only

    @property
    def name(self) -> str:
        """Of the peer."""
        return self._peer.name

    @property
    def character_set(self) -> str:
        """Of our queries, and of answers that declare none."""
        return self._peer.character_set

    def find_studies(self, query: StudyQuery, *, limit: int = MAX_STUDIES) -> list[StudyMatch]:
        """Return studies that match, at most `limit`; more are cancelled."""
        keys = study_keys(query, self._peer.character_set)
        found = self._find(keys, lambda values: study_match(values, self.name), limit)
        self._patient_ids.update({study.study_uid: study.patient_id for study in found})
        return found

    def find_series(self, study_uid: str) -> list[SeriesMatch]:
        """Return the series of a study."""
        keys = series_keys(checked_uid(study_uid), self._patient_of(study_uid))
        return self._find(keys, lambda values: series_match(values, study_uid), _MAX_SERIES)

    def find_instances(self, study_uid: str, series_uid: str) -> list[InstanceMatch]:
        """Return the instances of a series."""
        keys = image_keys(
            checked_uid(study_uid), checked_uid(series_uid), self._patient_of(study_uid)
        )

        def match(values: Values) -> InstanceMatch | None:
            return instance_match(values, study_uid, series_uid)

        return self._find(keys, match, _MAX_INSTANCES)

    def count_instances(self, study_uid: str) -> int | None:
        """Return Number of Study Related Instances; None if the peer does not say."""
        found = self.find_studies(StudyQuery(study_uid=study_uid), limit=2)
        counts = [study.instance_count for study in found if study.study_uid == study_uid]
        return counts[0] if counts else None

    def fetch_study(
        self,
        study_uid: str,
        *,
        on_progress: OnProgress = ignore_progress,
        cancel: threading.Event | None = None,
    ) -> Fetched:
        """Fetch a study by C-MOVE to our listener, or by C-GET into the archive."""
        return self._fetch(checked_uid(study_uid), "", on_progress, cancel)

    def fetch_series(
        self,
        study_uid: str,
        series_uid: str,
        *,
        on_progress: OnProgress = ignore_progress,
        cancel: threading.Event | None = None,
    ) -> Fetched:
        """Fetch a series; as `fetch_study`."""
        return self._fetch(checked_uid(study_uid), checked_uid(series_uid), on_progress, cancel)

    def _patient_of(self, study_uid: str) -> str:
        return self._patient_ids.get(study_uid, "")

    def _find(self, keys: Dataset, match: Callable[[Values], _T | None], limit: int) -> list[_T]:
        found: list[_T] = []
        unusable = 0
        for values in self.find_values(FIND, keys, limit=limit):
            one = match(values)
            if one is None:
                unusable += 1
            else:
                found.append(one)
        if unusable:
            _log.warning("find.answers_without_uid", peer=self.name, count=unusable)
        return found

    def find_values(self, models: Models, keys: Dataset, *, limit: int) -> Iterator[Values]:
        """Yield the texts of each match; more than `limit` are cancelled.

        Raises
        ------
        PeerError
            If the peer cannot be reached or answers with a failure.
        """
        for dataset in self.find_datasets(models, keys, limit=limit):
            yield dataset_values(dataset, self._peer.character_set)

    def find_datasets(self, models: Models, keys: Dataset, *, limit: int) -> Iterator[Dataset]:
        """Yield each match as the peer encoded it; as `find_values`."""
        pairs = [(model, syntax) for model in models for syntax in _SYNTAXES]
        with self._association(pairs, response_seconds=self._find_seconds) as association:
            model = self._model(association, models, keys)
            given = 0
            deadline = time.monotonic() + _FIND_RESPONSES * self._find_seconds
            for answers, answer in enumerate(association.find(model, keys)):
                if answers > limit + _FINAL_ANSWERS or time.monotonic() > deadline:
                    raise PeerError("the peer does not end its answer to C-FIND")
                if not answer.pending:
                    self._check_final(answer, "C-FIND", cancelled=given >= limit)
                    return
                if answer.identifier is not None and given < limit:
                    given += 1
                    yield answer.identifier
                    if given == limit:
                        association.cancel(model)

    def _fetch(
        self,
        study_uid: str,
        series_uid: str,
        on_progress: OnProgress,
        cancel: threading.Event | None,
    ) -> Fetched:
        keys = fetch_keys(study_uid, series_uid, self._patient_of(study_uid))
        if self._peer.retrieve == "move":
            return self._move(keys, on_progress, cancel)
        return self._get(keys, study_uid, series_uid, on_progress, cancel)

    def _move(
        self, keys: Dataset, on_progress: OnProgress, cancel: threading.Event | None
    ) -> Fetched:
        pairs = [(model, syntax) for model in MOVE for syntax in _SYNTAXES]
        with self._association(pairs, response_seconds=self._fetch_seconds) as association:
            model = self._model(association, MOVE, keys)
            last = FetchProgress(0, 0, None, 0)
            with _cancelling(association, model, cancel):
                for answer in association.move(model, keys, self._calling_ae_title):
                    last = _moved(answer, last)
                    on_progress(last)
                    if not answer.pending:
                        self._check_final(answer, "C-MOVE", cancelled=_is_set(cancel))
        reasons = ("the peer could not send some instances to our listener",) if last.failed else ()
        return Fetched(last.done, last.failed, reasons, 0)

    def _get(
        self,
        keys: Dataset,
        study_uid: str,
        series_uid: str,
        on_progress: OnProgress,
        cancel: threading.Event | None,
    ) -> Fetched:
        if self._keep is None:
            raise PeerError(f"{self.name}: a C-GET needs an archive to keep what it brings")
        tally = Tally(self._keep, on_progress)
        pairs, sop_classes = storage_pairs(self._sop_classes(study_uid, series_uid))
        contexts = [*((model, syntax) for model in GET for syntax in _SYNTAXES), *pairs]

        def take(offered: Offered) -> int:
            return tally.take(
                Arrival(
                    dataset=offered.dataset,
                    transfer_syntax_uid=offered.transfer_syntax_uid,
                    sop_class_uid=offered.sop_class_uid,
                    sop_instance_uid=offered.sop_instance_uid,
                    source=self._peer.ae_title,
                )
            )

        with self._association(
            contexts,
            response_seconds=self._fetch_seconds,
            on_offered=take,
            scp_classes=sop_classes,
        ) as association:
            model = self._model(association, GET, keys)
            if not association.accepts_as_scp():
                raise PeerError(
                    f"{self.name} does not let us receive on its association (SCP role), which "
                    "C-GET needs; fetch from it by C-MOVE"
                )
            with _cancelling(association, model, cancel):
                for answer in association.get(model, keys):
                    _count_sub_operations(tally, answer)
                    if not answer.pending:
                        self._check_final(answer, "C-GET", cancelled=_is_set(cancel))
        return tally.fetched()

    def _sop_classes(self, study_uid: str, series_uid: str) -> tuple[str, ...]:
        """SOP classes to propose: what the peer says it has of the study, if it says so."""
        all_series = self.find_series(study_uid)
        wanted = [s.series_uid for s in all_series if not series_uid or s.series_uid == series_uid]
        return tuple(
            sorted(
                {
                    instance.sop_class_uid
                    for uid in wanted
                    for instance in self.find_instances(study_uid, uid)
                    if instance.sop_class_uid
                }
            )
        )

    @contextmanager
    def _association(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        response_seconds: float,
        on_offered: Callable[[Offered], int] | None = None,
        scp_classes: Sequence[str] = (),
    ) -> Iterator[RequestedAssociation]:
        try:
            association = RequestedAssociation(
                self._peer,
                self._calling_ae_title,
                pairs,
                response_seconds=response_seconds,
                on_offered=on_offered,
                scp_classes=scp_classes,
            )
        except NoContextError as error:
            raise NoContextError(f"{error}: it does not offer this service to us") from error
        try:
            yield association
        except PeerError as error:
            raise PeerError(f"{self.name}: {error}") from error
        finally:
            association.close()

    def _model(self, association: RequestedAssociation, models: Models, keys: Dataset) -> str:
        """Choose the information model, the first of `models` that the peer accepts."""
        accepted = [model for model in models if association.accepts(model)]
        if not accepted:
            raise PeerError(f"the peer does not offer the SOP class {next(iter(models))}")
        if accepted[0] in models.patient_root and not keys.get("PatientID"):
            raise PeerError(
                "the peer offers the patient root only, where every question must name a "
                "patient ID; this one has none"
            )
        return accepted[0]

    def _check_final(self, answer: Answer, service: str, *, cancelled: bool) -> None:
        if answer.status in (statuses.SUCCESS, statuses.SOME_FAILED):
            return
        if answer.status == statuses.CANCELLED and cancelled:
            return
        raise PeerError(f"the peer answered {service} with {statuses.describe(answer.status)}")


def _is_set(cancel: threading.Event | None) -> bool:
    return cancel is not None and cancel.is_set()


@contextmanager
def _cancelling(
    association: RequestedAssociation, model: str, cancel: threading.Event | None
) -> Iterator[None]:
    """Send a C-CANCEL once `cancel` is set, and abort if the peer goes on regardless."""
    if cancel is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if cancel.wait(_WATCH_SECONDS):
                association.cancel(model)
                if not ended.wait(_CANCEL_SECONDS):
                    association.abort()
                return

    watcher = threading.Thread(target=watch, name="cancel-retrieve", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _moved(answer: Answer, before: FetchProgress) -> FetchProgress:
    """Return the progress after a C-MOVE response; what it leaves out stays as it was."""
    if answer.completed is None and answer.warning is None and answer.failed is None:
        return before
    done = (answer.completed or 0) + (answer.warning or 0)
    failed = answer.failed or 0
    remaining = answer.remaining if answer.pending else 0
    total = before.total if remaining is None else done + failed + remaining
    return FetchProgress(done, failed, total, 0)


def _count_sub_operations(tally: Tally, answer: Answer) -> None:
    if answer.remaining is not None:
        tally.expect(answer.remaining)
    if not answer.pending and answer.failed:
        tally.failed_at_peer(answer.failed, "the peer could not send some instances")
