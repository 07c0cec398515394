"""Another archive that speaks DICOMweb: QIDO-RS and WADO-RS (PS3.18 sections 10.6 and 10.4).

Tenacity repeats a query that failed in passing (it is small, kept for a decade and does
nothing else); a transfer is repeated as a whole by whoever asked for it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import httpx
import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from pacs_bridge.errors import EncodingError, PeerError
from pacs_bridge.part10 import parse_file_meta
from pacs_bridge.peer import WebPeer
from pacs_bridge.retrieve.answers import (
    Values,
    instance_match,
    json_values,
    series_match,
    study_match,
)
from pacs_bridge.retrieve.matches import (
    InstanceMatch,
    SeriesMatch,
    StudyMatch,
    StudyQuery,
    checked_uid,
)
from pacs_bridge.retrieve.parts import parts
from pacs_bridge.retrieve.source import (
    MAX_STUDIES,
    Arrival,
    Fetched,
    Keep,
    OnProgress,
    ignore_progress,
)
from pacs_bridge.retrieve.tally import Tally
from pacs_bridge.retry import AskedWait
from pacs_bridge.stow import retry_after_seconds
from pacs_bridge.web_client import web_client

_log = structlog.get_logger(__name__)

_TIMEOUT = httpx.Timeout(60.0, connect=10.0, read=300.0)  # an archive may read from slow disks
_ATTEMPTS = 3
_MAX_ANSWER_BYTES = 64 * 1024**2
_MAX_MATCHES = 100_000
_PAGE = 1000
_NO_CONTENT = 204
_NOT_FOUND = 404
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
# Every transfer syntax as it is stored (PS3.18 8.7.3.5.2).
_ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_T = TypeVar("_T")


class _PassingError(PeerError):
    """A failure that may pass; `wait` is what the server asked for, in seconds."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class WebSource:
    """A `StudySource` over DICOMweb.

    Parameters
    ----------
    peer
        Whom to ask.
    keep
        Archives what WADO-RS brings; None only allows queries.
    transport
        Of the HTTP client; None is the usual one.
    """

    def __init__(
        self,
        peer: WebPeer,
        keep: Keep | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._peer = peer
        self._keep = keep
        self._transport = transport

    @property
    def name(self) -> str:
        """Of the peer."""
        return self._peer.name

    def find_studies(self, query: StudyQuery, *, limit: int = MAX_STUDIES) -> list[StudyMatch]:
        """Return studies that match, at most `limit`."""
        wanted = {
            "PatientID": query.patient_id,
            "IssuerOfPatientID": query.issuer_of_patient_id,
            "PatientName": query.patient_name,
            "AccessionNumber": query.accession_number,
            "StudyInstanceUID": query.study_uid,
            "StudyDate": query.dates,
            "ModalitiesInStudy": query.modality,
        }
        keys = [(key, value) for key, value in wanted.items() if value]
        # Not among what a server must return (PS3.18 table 10.6.3-3).
        returned = _including("IssuerOfPatientID", "StudyDescription")
        return self._find(
            "studies", [*keys, *returned], lambda values: study_match(values, self.name), limit
        )

    def find_series(self, study_uid: str) -> list[SeriesMatch]:
        """Return the series of a study."""
        return self._find(
            f"studies/{checked_uid(study_uid)}/series",
            _including("BodyPartExamined", "Laterality"),
            lambda values: series_match(values, study_uid),
            _MAX_MATCHES,
        )

    def find_instances(self, study_uid: str, series_uid: str) -> list[InstanceMatch]:
        """Return the instances of a series."""
        return self._find(
            f"studies/{checked_uid(study_uid)}/series/{checked_uid(series_uid)}/instances",
            [],
            lambda values: instance_match(values, study_uid, series_uid),
            _MAX_MATCHES,
        )

    def count_instances(self, study_uid: str) -> int | None:
        """Return how many instances the server has, or None if it does not say."""
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
        """Fetch a study by WADO-RS, each instance in the encoding the server keeps it in."""
        return self._fetch(f"studies/{checked_uid(study_uid)}", on_progress, cancel)

    def fetch_series(
        self,
        study_uid: str,
        series_uid: str,
        *,
        on_progress: OnProgress = ignore_progress,
        cancel: threading.Event | None = None,
    ) -> Fetched:
        """Fetch a series; as `fetch_study`."""
        path = f"studies/{checked_uid(study_uid)}/series/{checked_uid(series_uid)}"
        return self._fetch(path, on_progress, cancel)

    def _find(
        self,
        path: str,
        parameters: Sequence[tuple[str, str]],
        match: Callable[[Values], _T | None],
        limit: int,
    ) -> list[_T]:
        """Ask page by page, until the server has no more or there are `limit` matches."""
        found: list[_T] = []
        offset = 0
        with self._client() as client:
            while len(found) < limit:
                count = min(_PAGE, limit - len(found))
                page = (("limit", str(count)), ("offset", str(offset)))
                answers = self._ask(client, path, [*parameters, *page])
                matches = [match(json_values(answer)) for answer in answers]
                known = set(found)
                new = [m for m in matches if m is not None and m not in known]
                found.extend(new)
                offset += len(answers)
                if not new or len(answers) < count:
                    break  # a server that ignores the offset says the same again
        return found[:limit]

    def _ask(
        self, client: httpx.Client, path: str, parameters: Sequence[tuple[str, str]]
    ) -> list[object]:
        for attempt in Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            retry=retry_if_exception_type(_PassingError),
            wait=AskedWait(_asked),
            reraise=True,
        ):
            with attempt, self._answer(client, path, parameters) as response:
                if response.status_code in (_NO_CONTENT, _NOT_FOUND):
                    return []
                return self._json(response)
        raise AssertionError("unreachable: the last failure is raised again")

    def _json(self, response: httpx.Response) -> list[object]:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                raise PeerError(
                    f"{self.name} answered with more than {_MAX_ANSWER_BYTES} bytes; ask for less"
                )
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise PeerError(f"{self.name} did not answer with DICOM JSON") from error
        if not isinstance(answer, list):
            raise PeerError(f"{self.name} did not answer with a list of matches")
        return answer

    def _fetch(self, path: str, on_progress: OnProgress, cancel: threading.Event | None) -> Fetched:
        if self._keep is None:
            raise PeerError(f"{self.name}: WADO-RS needs an archive to keep what it brings")
        tally = Tally(self._keep, on_progress)
        headers = {"Accept": _ANY_SYNTAX}
        with (
            self._client() as client,
            self._answer(client, path, [], headers) as response,
        ):
            if response.status_code in (_NO_CONTENT, _NOT_FOUND):
                return tally.fetched()
            content_type = response.headers.get("Content-Type", "")
            for part in parts(response.iter_bytes(), content_type):
                self._take(tally, part)
                if cancel is not None and cancel.is_set():
                    break
        return tally.fetched()

    def _take(self, tally: Tally, part: bytes) -> None:
        try:
            meta = parse_file_meta(part)
        except EncodingError as error:
            tally.refuse(str(error))
            return
        tally.take(
            Arrival(
                dataset=part[meta.offset :],
                transfer_syntax_uid=meta.transfer_syntax_uid,
                sop_class_uid=meta.sop_class_uid,
                sop_instance_uid=meta.sop_instance_uid,
                source=self.name,
            )
        )

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        try:
            client = web_client(self._peer, _TIMEOUT, self._transport)
        except OSError as error:
            raise PeerError(
                f"the file of trusted authorities {self._peer.trusted} cannot be used: {error}"
            ) from error
        with client:
            yield client

    @contextmanager
    def _answer(
        self,
        client: httpx.Client,
        path: str,
        parameters: Sequence[tuple[str, str]],
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """Send a GET; the URL, which may name a patient, stands in no message."""
        try:
            with client.stream(
                "GET", f"{self._peer.url}/{path}", params=list(parameters), headers=headers
            ) as response:
                self._check_status(response)
                yield response
        except httpx.TransportError as error:
            raise _PassingError(f"{self.name} does not answer: {type(error).__name__}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PeerError(f"{self.name} cannot be asked: {type(error).__name__}") from error

    def _check_status(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (200, 206, _NO_CONTENT, _NOT_FOUND):
            return
        if status in (401, 403):
            raise PeerError(
                f"{self.name} answered HTTP {status}; check its user name and password, or token, "
                "in the settings"
            )
        if status in _MAY_PASS:
            wait = retry_after_seconds(response.headers.get("Retry-After"), time.time())
            raise _PassingError(f"{self.name} answered HTTP {status}", wait)
        raise PeerError(f"{self.name} answered HTTP {status}; check its URL in the settings")


def _asked(error: BaseException) -> float | None:
    return error.wait if isinstance(error, _PassingError) else None


def _including(*keywords: str) -> list[tuple[str, str]]:
    """Ask for further elements; one parameter each, which every edition of PS3.18 allows."""
    return [("includefield", keyword) for keyword in keywords]
