"""Which archived instances a C-MOVE or C-GET identifier names (PS3.4 C.4.2.2.1)."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select

from pacs_bridge.errors import QueryError
from pacs_bridge.header import is_uid
from pacs_bridge.query import Level
from pacs_bridge.query_retrieve.identifier import Identifier
from pacs_bridge.query_retrieve.models import UNIQUE_KEYS, Model
from pacs_bridge.tables import instance, series, study

_MAX_VALUES = 10_000
_COLUMNS = {
    Level.PATIENT: study.c.patient_id,
    Level.STUDY: instance.c.study_instance_uid,
    Level.SERIES: instance.c.series_instance_uid,
    Level.IMAGE: instance.c.sop_instance_uid,
}


@dataclass(frozen=True, slots=True)
class Selected:
    """An instance to send; `path` is absolute."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    path: Path


def select_instances(
    engine: Engine, root: Path, identifier: Identifier, model: Model, *, own_results: bool
) -> list[Selected]:
    """Return the instances that the unique keys name, by series and instance number.

    Parameters
    ----------
    root
        The archive's folder.
    identifier
        Its unique keys have been checked.

    Raises
    ------
    QueryError
        If a value is no UID, or there are too many.
    """
    query = (
        select(
            instance.c.sop_class_uid,
            instance.c.sop_instance_uid,
            instance.c.transfer_syntax_uid,
            instance.c.path,
        )
        .join(study, study.c.study_instance_uid == instance.c.study_instance_uid)
        .join(series, series.c.series_instance_uid == instance.c.series_instance_uid)
        .order_by(
            instance.c.study_instance_uid,
            series.c.series_number,
            instance.c.series_instance_uid,
            instance.c.instance_number,
            instance.c.sop_instance_uid,
        )
    )
    for level in model.levels:
        if level.depth <= identifier.level.depth:
            query = query.where(_COLUMNS[level].in_(_values(identifier, level)))
    if not own_results:
        query = query.where(instance.c.own_result.is_(False))
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        Selected(r.sop_class_uid, r.sop_instance_uid, r.transfer_syntax_uid, root / r.path)
        for r in rows
    ]


def _values(identifier: Identifier, level: Level) -> list[str]:
    keyword = UNIQUE_KEYS[level]
    values = [v for v in (v.strip() for v in identifier.keys[keyword].split("\\")) if v]
    if len(values) > _MAX_VALUES:
        raise QueryError(f"{keyword} has more than {_MAX_VALUES} values", keyword=keyword)
    if level is not Level.PATIENT and not all(is_uid(v) for v in values):
        raise QueryError(f"{keyword} must be UIDs: 1 to 64 digits and dots each", keyword=keyword)
    return values
