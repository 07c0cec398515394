"""Rows of the archive's index: written in the caller's transaction, read as records."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, func, select, text, update

from pacs_bridge.database import Prepared, insert_or_ignore
from pacs_bridge.header import Header
from pacs_bridge.records import InstanceRecord, SeriesRecord, StudyRecord
from pacs_bridge.tables import delivery, instance, series, study
from pacs_bridge.text import fold_name

_NOT_IN_RECORD = (
    "completion_failures",
    "patient_name_folded",
    "referring_physician_name_folded",
)

_REMEMBERED = 4096  # series and studies
_Value = TypeVar("_Value")

# Made once: building a statement costs more than running it.
_DIGESTS = select(instance.c.sop_instance_uid, instance.c.sha256).where(
    instance.c.sop_instance_uid.in_(bindparam("uids", expanding=True))
)
_OWN_RESULTS = select(delivery.c.sop_instance_uid).where(
    delivery.c.sop_instance_uid.in_(bindparam("uids", expanding=True)),
    delivery.c.purpose == "result",
)
_IS_OWN_RESULT = Prepared(
    select(delivery.c.sop_instance_uid).where(
        delivery.c.sop_instance_uid == bindparam("uid"), delivery.c.purpose == text("'result'")
    )
)
_INSERT_INSTANCE = Prepared(instance.insert())
_SET_MODALITIES = Prepared(
    update(study)
    .where(study.c.study_instance_uid == bindparam("uid"))
    .values(modalities=bindparam("modalities"))
)
_TOUCH_STUDY = Prepared(
    update(study)
    .where(study.c.study_instance_uid == bindparam("uid"))
    .values(
        last_received_at=bindparam("received_at"),
        due_at=bindparam("received_at"),
        state=text("'receiving'"),
        completion_failures=text("0"),
    )
)


@dataclass(frozen=True, slots=True)
class Archived:
    """One instance whose file is on disk and whose row is to be written.

    Parameters
    ----------
    path
        Relative to the archive's root.
    received_at
        Seconds since 1970 UTC.
    """

    header: Header
    transfer_syntax_uid: str
    path: str
    size_bytes: int
    sha256: str
    calling_ae_title: str
    received_at: float
    called_ae_title: str = ""


class IndexWriter:
    """Adds instances with their study and series, and sets the studies waiting.

    A result of ours that comes back is marked so and leaves the study as it is. The study's and
    series' attributes are those of their first instance. What the database is known to hold
    already is remembered, so that the next slice of a series costs few statements.
    """

    def __init__(self) -> None:
        self._series: dict[str, None] = {}
        self._modalities: dict[str, frozenset[str]] = {}

    def forget(self) -> None:
        """Forget what the database holds, after a transaction that failed."""
        self._series.clear()
        self._modalities.clear()

    def add(self, connection: Connection, instances: Sequence[Archived]) -> None:
        """Insert rows in the caller's transaction; no SOP Instance UID may be present yet."""
        if not instances:
            return
        own = own_results(connection, instances)
        of_study: dict[str, list[Archived]] = {}
        for archived in instances:
            of_study.setdefault(archived.header.study_instance_uid, []).append(archived)
        for uid, members in of_study.items():
            self._add_study(connection, uid, members, own)
        for archived in instances:
            self._add_series(connection, archived.header)
        _INSERT_INSTANCE.run(connection, [_instance_row(a, own) for a in instances])

    def _add_series(self, connection: Connection, header: Header) -> None:
        if header.series_instance_uid in self._series:
            return
        insert_or_ignore(
            connection,
            series,
            {
                "series_instance_uid": header.series_instance_uid,
                "study_instance_uid": header.study_instance_uid,
                "modality": header.modality,
                "body_part_examined": header.body_part_examined,
                "series_description": header.series_description,
                "series_number": header.series_number,
                "laterality": header.laterality,
            },
        )
        _remember(self._series, header.series_instance_uid, None)

    def _add_study(
        self, connection: Connection, uid: str, members: Sequence[Archived], own: frozenset[str]
    ) -> None:
        sources = [a for a in members if a.header.sop_instance_uid not in own]
        if not sources:
            insert_or_ignore(connection, study, _study_row(members[0], own=True))
            return
        received_at = max(a.received_at for a in sources)
        self._add_modalities(connection, uid, sources)
        _TOUCH_STUDY.run(connection, [{"uid": uid, "received_at": received_at}])

    def _add_modalities(
        self, connection: Connection, uid: str, sources: Sequence[Archived]
    ) -> None:
        """Have the study with at least the modalities of these instances.

        What is remembered may be less than the row holds, where another process adds to the
        study too; so the row is written only when there is something to add, and then read first.
        """
        modalities = {a.header.modality for a in sources} - {""}
        known = self._modalities.get(uid)
        if known is not None and modalities <= known:
            return
        is_new = insert_or_ignore(connection, study, _study_row(sources[0], own=False))
        present = frozenset({sources[0].header.modality})
        if not is_new:
            query = select(study.c.modalities).where(study.c.study_instance_uid == uid)
            text_of_row = connection.execute(query.with_for_update()).scalar_one()
            present = frozenset(text_of_row.split(","))
        whole = (present | modalities) - {""}
        if whole != present - {""}:
            values = {"uid": uid, "modalities": ",".join(sorted(whole))}
            _SET_MODALITIES.run(connection, [values])
        _remember(self._modalities, uid, frozenset(whole))


def _remember(known: dict[str, _Value], key: str, value: _Value) -> None:
    known[key] = value
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]


def own_results(connection: Connection, instances: Sequence[Archived]) -> frozenset[str]:
    """Return the SOP Instance UIDs of those that are results of ours: by our mark, or queued."""
    marked = {a.header.sop_instance_uid for a in instances if a.header.made_by_us}
    uids = [a.header.sop_instance_uid for a in instances]
    if len(uids) == 1:
        queued = _IS_OWN_RESULT.run(connection, [{"uid": uids[0]}]).scalars()
    else:
        queued = connection.execute(_OWN_RESULTS, {"uids": uids}).scalars()
    return frozenset(marked.union(queued))


def is_kept_own_result(connection: Connection, sop_instance_uid: str) -> bool:
    """Whether the instance is archived as a result of ours."""
    query = select(instance.c.own_result).where(instance.c.sop_instance_uid == sop_instance_uid)
    return bool(connection.execute(query).scalar_one_or_none())


def _study_row(archived: Archived, *, own: bool) -> dict[str, Any]:
    header = archived.header
    return {
        "study_instance_uid": header.study_instance_uid,
        "patient_id": header.patient_id,
        "issuer_of_patient_id": header.issuer_of_patient_id,
        "patient_name": header.patient_name,
        "patient_name_folded": fold_name(header.patient_name),
        "patient_birth_date": header.patient_birth_date,
        "patient_sex": header.patient_sex,
        "accession_number": header.accession_number,
        "study_date": header.study_date,
        "study_time": header.study_time,
        "study_description": header.study_description,
        "study_id": header.study_id,
        "referring_physician_name": header.referring_physician_name,
        "referring_physician_name_folded": fold_name(header.referring_physician_name),
        "modalities": "" if own else header.modality,
        "created_at": archived.received_at,
        "last_received_at": archived.received_at,
        "due_at": None if own else archived.received_at,
        "state": "complete" if own else "receiving",
    }


def _instance_row(archived: Archived, own: frozenset[str]) -> dict[str, Any]:
    header = archived.header
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "series_instance_uid": header.series_instance_uid,
        "study_instance_uid": header.study_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": archived.transfer_syntax_uid,
        "path": archived.path,
        "size_bytes": archived.size_bytes,
        "sha256": archived.sha256,
        "instance_number": header.instance_number,
        "rows": header.rows,
        "columns": header.columns,
        "bits_allocated": header.bits_allocated,
        "number_of_frames": header.number_of_frames,
        "calling_ae_title": archived.calling_ae_title,
        "called_ae_title": archived.called_ae_title,
        "received_at": archived.received_at,
        "own_result": header.sop_instance_uid in own,
    }


def find_digests(connection: Connection, uids: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of those instances that are archived, by SOP Instance UID."""
    rows = connection.execute(_DIGESTS, {"uids": uids})
    return {row.sop_instance_uid: row.sha256 for row in rows}


def find_study(connection: Connection, study_uid: str) -> StudyRecord | None:
    """Return the study's row; None if there is none."""
    row = connection.execute(select(study).where(study.c.study_instance_uid == study_uid)).first()
    return None if row is None else _study_record(row)


def list_series(connection: Connection, study_uid: str, own_results: bool) -> list[SeriesRecord]:
    """Return the series with at least one (source) instance, in order of their number."""
    query = (
        select(series, func.count().label("instance_count"))
        .join(instance, instance.c.series_instance_uid == series.c.series_instance_uid)
        .where(series.c.study_instance_uid == study_uid)
        .group_by(series.c.series_instance_uid)
        .order_by(series.c.series_number, series.c.series_instance_uid)
    )
    if not own_results:
        query = query.where(instance.c.own_result.is_(False))
    return [SeriesRecord(**row._mapping) for row in connection.execute(query)]


def list_instances(
    connection: Connection, root: Path, study_uid: str, own_results: bool
) -> list[InstanceRecord]:
    """Return the study's instances by series, instance number and UID."""
    query = (
        select(instance)
        .where(instance.c.study_instance_uid == study_uid)
        .order_by(
            instance.c.series_instance_uid,
            instance.c.instance_number,
            instance.c.sop_instance_uid,
        )
    )
    if not own_results:
        query = query.where(instance.c.own_result.is_(False))
    return [_instance_record(row, root) for row in connection.execute(query)]


def _study_record(row: Row[Any]) -> StudyRecord:
    values = dict(row._mapping)
    for name in _NOT_IN_RECORD:
        del values[name]
    values["modalities"] = tuple(m for m in values["modalities"].split(",") if m)
    return StudyRecord(**values)


def _instance_record(row: Row[Any], root: Path) -> InstanceRecord:
    values = dict(row._mapping)
    values["path"] = root / values["path"]
    return InstanceRecord(**values)
