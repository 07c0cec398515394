"""Study complete: when it has what it should have, or nothing new has come for a while.

The waiting is in the study's row, so it survives a restart. The archive sets ``due_at`` to the
time of receipt in the transaction that adds an instance; the assembler moves it on to the end
of the quiet time, and clears it only after the completion was handed on.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import ColumnElement, select, update

from pacs_bridge.archive import Archive
from pacs_bridge.completeness import Completeness
from pacs_bridge.database import writing
from pacs_bridge.polling import Poller
from pacs_bridge.records import InstanceRecord, StudyRecord
from pacs_bridge.retrieve.retrievals import is_being_fetched
from pacs_bridge.retry import backoff_seconds
from pacs_bridge.tables import study

_log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.5
_FETCHING_SECONDS = 1.0  # until we look again at a study that we are fetching ourselves
_MAX_STUDIES = 100  # in one round


@dataclass(frozen=True, slots=True)
class StudyVersion:
    """A study with the content it had when it was complete.

    Parameters
    ----------
    study_uid
        Study Instance UID.
    content_version
        16 hexadecimal digits that depend only on the set of source instances and their bytes.
    content_sequence
        1 for the first version of the study, then counting.
    modalities
        Of the source instances, sorted.
    """

    study_uid: str
    content_version: str
    content_sequence: int
    modalities: tuple[str, ...]


def content_version_of(instances: Iterable[InstanceRecord]) -> str:
    """Return 16 hexadecimal digits that depend on UIDs and bytes only, not on their order.

    Parameters
    ----------
    instances
        Source instances of one study; our own results do not count.
    """
    pairs = sorted((i.sop_instance_uid, i.sha256) for i in instances)
    lines = "".join(f"{uid} {sha256}\n" for uid, sha256 in pairs)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


class Assembler:
    """Finds complete studies and hands each content version on.

    Parameters
    ----------
    archive
        Whose studies.
    quiet_seconds
        By modality, with a ``default``; for several modalities the longest counts.
    on_complete
        Called at least once for each content version; a study whose call raised is tried again
        later. It must do nothing the second time for the same version.
    completeness
        Knows better than the quiet time when a study is complete; None leaves it at that.
    """

    def __init__(
        self,
        archive: Archive,
        quiet_seconds: Mapping[str, float],
        on_complete: Callable[[StudyVersion], None],
        completeness: Completeness | None = None,
    ) -> None:
        self._completeness = completeness
        self._archive = archive
        self._quiet_seconds = {"default": 10.0, **quiet_seconds}
        self._on_complete = on_complete
        self._poller = Poller("assembler", self.run_due, interval_seconds=_POLL_SECONDS)

    def start(self) -> None:
        """Look for complete studies in a thread."""
        self._poller.start()

    def stop(self) -> None:
        """Stop the thread after the study in progress."""
        self._poller.stop()

    def run_due(self, now: float) -> int:
        """Complete the studies whose quiet time is over.

        Parameters
        ----------
        now
            Seconds since 1970 UTC.

        Returns
        -------
        int
            Studies completed.
        """
        query = (
            select(study.c.study_instance_uid)
            .where(study.c.due_at <= now)
            .order_by(study.c.due_at)
            .limit(_MAX_STUDIES)
        )
        with self._archive.engine.connect() as connection:
            due = list(connection.execute(query).scalars())
        return sum(self._look_at(study_uid, now) for study_uid in due)

    def quiet_until(self, record: StudyRecord) -> float:
        """Return when the study will have been quiet long enough."""
        default = self._quiet_seconds["default"]
        waits = [self._quiet_seconds.get(m, default) for m in record.modalities] or [default]
        return record.last_received_at + max(waits)

    def _complete_at(self, record: StudyRecord, now: float) -> float:
        """Return when to look again; not after `now` if the study is complete."""
        if is_being_fetched(self._archive.engine, record.study_instance_uid, now):
            return now + _FETCHING_SECONDS
        quiet_until = self.quiet_until(record)
        if self._completeness is None:
            return quiet_until
        return self._completeness.complete_at(record, quiet_until, now)

    def _look_at(self, study_uid: str, now: float) -> bool:
        record = self._archive.study(study_uid)
        if record is None or record.due_at is None:
            return False
        if (until := self._complete_at(record, now)) > now:
            self._wait(record, until)
            return False
        version = self._version(record)
        try:
            self._on_complete(version)
        except Exception as error:  # noqa: BLE001 - whatever the caller's code raises, try again
            failures = self._count_failure(record, now)
            _log.error(
                "study.completion_failed",
                study_uid=study_uid,
                failures=failures,
                error=type(error).__name__,
            )
            return False
        return self._close(record, version)

    def _version(self, record: StudyRecord) -> StudyVersion:
        """Compute the content version and keep it in the row before it is handed on."""
        version = content_version_of(self._archive.instances(record.study_instance_uid))
        key = study.c.study_instance_uid == record.study_instance_uid
        with writing(self._archive.engine) as connection:
            numbered = connection.execute(
                update(study)
                .where(key, study.c.content_version.is_distinct_from(version))
                .values(content_version=version, content_sequence=study.c.content_sequence + 1)
            )
            sequence = connection.execute(select(study.c.content_sequence).where(key)).scalar_one()
        if numbered.rowcount:
            _log.info("study.version", study_uid=record.study_instance_uid, version=version)
        return StudyVersion(record.study_instance_uid, version, sequence, record.modalities)

    def _wait(self, record: StudyRecord, until: float) -> None:
        with writing(self._archive.engine) as connection:
            connection.execute(update(study).where(*_unchanged(record)).values(due_at=until))

    def _count_failure(self, record: StudyRecord, now: float) -> int:
        key = study.c.study_instance_uid == record.study_instance_uid
        with writing(self._archive.engine) as connection:
            failures = connection.execute(select(study.c.completion_failures).where(key))
            count = int(failures.scalar_one()) + 1
            connection.execute(
                update(study)
                .where(*_unchanged(record))
                .values(completion_failures=count, due_at=now + backoff_seconds(count))
            )
        return count

    def _close(self, record: StudyRecord, version: StudyVersion) -> bool:
        """Stop waiting, unless instances came in the meantime."""
        with writing(self._archive.engine) as connection:
            closed = connection.execute(
                update(study)
                .where(*_unchanged(record))
                .values(state="complete", due_at=None, completion_failures=0)
            )
        _log.info(
            "study.handed_on",
            study_uid=version.study_uid,
            content_version=version.content_version,
            content_sequence=version.content_sequence,
            complete=closed.rowcount == 1,
        )
        return closed.rowcount == 1


def _unchanged(record: StudyRecord) -> tuple[ColumnElement[bool], ...]:
    return (
        study.c.study_instance_uid == record.study_instance_uid,
        study.c.last_received_at == record.last_received_at,
        study.c.due_at == record.due_at,
    )
