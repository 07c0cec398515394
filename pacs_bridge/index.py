"""Rows of the archive's index: written in the caller's transaction, read as records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from pacs_bridge.database import insert_or_ignore
from pacs_bridge.header import Header
from pacs_bridge.records import InstanceRecord, SeriesRecord, StudyRecord
from pacs_bridge.tables import delivery, instance, series, study


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


def add_instance(connection: Connection, archived: Archived) -> None:
    """Insert the instance with its study and series, and set the study waiting.

    An instance that is one of our own deliveries come back is marked so and leaves the study
    as it is. The study's and series' attributes are those of their first instance.
    """
    header = archived.header
    own = _is_own_result(connection, header.sop_instance_uid)
    _add_study(connection, archived, own)
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
    connection.execute(
        instance.insert().values(
            sop_instance_uid=header.sop_instance_uid,
            series_instance_uid=header.series_instance_uid,
            study_instance_uid=header.study_instance_uid,
            sop_class_uid=header.sop_class_uid,
            transfer_syntax_uid=archived.transfer_syntax_uid,
            path=archived.path,
            size_bytes=archived.size_bytes,
            sha256=archived.sha256,
            instance_number=header.instance_number,
            calling_ae_title=archived.calling_ae_title,
            received_at=archived.received_at,
            own_result=own,
        )
    )


def _is_own_result(connection: Connection, sop_instance_uid: str) -> bool:
    query = select(delivery.c.id).where(delivery.c.sop_instance_uid == sop_instance_uid).limit(1)
    return connection.execute(query).first() is not None


def _add_study(connection: Connection, archived: Archived, own: bool) -> None:
    header = archived.header
    key = study.c.study_instance_uid == header.study_instance_uid
    values = {
        "study_instance_uid": header.study_instance_uid,
        "patient_id": header.patient_id,
        "issuer_of_patient_id": header.issuer_of_patient_id,
        "patient_name": header.patient_name,
        "patient_birth_date": header.patient_birth_date,
        "patient_sex": header.patient_sex,
        "accession_number": header.accession_number,
        "study_date": header.study_date,
        "study_time": header.study_time,
        "study_description": header.study_description,
        "modalities": "" if own else header.modality,
        "created_at": archived.received_at,
        "last_received_at": archived.received_at,
        "due_at": None if own else archived.received_at,
        "state": "complete" if own else "receiving",
    }
    if insert_or_ignore(connection, study, values) or own:
        return
    present = connection.execute(
        select(study.c.modalities).where(key).with_for_update()
    ).scalar_one()
    modalities = {m for m in (*present.split(","), header.modality) if m}
    connection.execute(
        update(study)
        .where(key)
        .values(
            modalities=",".join(sorted(modalities)),
            last_received_at=archived.received_at,
            due_at=archived.received_at,
            state="receiving",
            completion_failures=0,
        )
    )


def find_sha256(connection: Connection, sop_instance_uid: str) -> str | None:
    """Return the digest of the archived instance; None if it is not archived."""
    query = select(instance.c.sha256).where(instance.c.sop_instance_uid == sop_instance_uid)
    return connection.execute(query).scalar_one_or_none()


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
    del values["completion_failures"]
    values["modalities"] = tuple(m for m in values["modalities"].split(",") if m)
    return StudyRecord(**values)


def _instance_record(row: Row[Any], root: Path) -> InstanceRecord:
    values = dict(row._mapping)
    values["path"] = root / values["path"]
    return InstanceRecord(**values)
