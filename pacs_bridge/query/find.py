"""Build the one statement of a query, run it, and return records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, func, select, true

from pacs_bridge.query.attributes import ATTRIBUTES, Attribute, Level, known
from pacs_bridge.query.matching import condition, values_of
from pacs_bridge.tables import instance, series, study

Value = str | int | tuple[str, ...] | None
_SEPARATOR = "\\"  # of values, as in DICOM (PS3.5 6.4)


@dataclass(frozen=True, slots=True)
class Match:
    """One patient, study, series or instance.

    Parameters
    ----------
    level
        What it is.
    values
        By keyword: the attributes of the index at its level and above, and of the computed ones
        those that the keys asked for. Text is as received, not escaped; an attribute with
        several values is a sorted tuple.
    """

    level: Level
    values: Mapping[str, Value]


def find(
    engine: Engine,
    level: Level,
    keys: Mapping[str, str | Sequence[str]],
    *,
    limit: int | None = None,
    offset: int = 0,
    own_results: bool = True,
) -> list[Match]:
    """Return what matches all keys, newest study first, then by series and instance number.

    Parameters
    ----------
    engine
        The archive's database.
    level
        What to look for.
    keys
        Value by keyword, several values in a sequence or with backslashes; an empty one matches
        everything and asks for the attribute. Keywords not in `known` are ignored, and so is the
        value of a count.
    limit, offset
        At most how many, after how many.
    own_results
        Also our own results that came back from a peer; False hides them, and what consists of
        them only.

    Raises
    ------
    QueryError
        If a value is malformed.
    """
    wanted = [ATTRIBUTES[k] for k in keys if k in known(level)]
    columns = _columns(level, wanted, own_results)
    conditions = _conditions(keys, wanted, engine.dialect.name, own_results)
    if not own_results:
        conditions.append(_has_source(level))
    query = _patients(columns, conditions) if level is Level.PATIENT else _rows(level, columns)
    if level is not Level.PATIENT:
        query = query.where(and_(true(), *conditions))
    with engine.connect() as connection:
        rows = connection.execute(query.limit(limit).offset(offset)).all()
    return [_match(level, list(columns), row) for row in rows]


def _columns(
    level: Level, wanted: Sequence[Attribute], own_results: bool
) -> dict[str, ColumnElement[Any]]:
    columns: dict[str, ColumnElement[Any]] = {}
    for keyword, attribute in ATTRIBUTES.items():
        if attribute.level.depth > level.depth:
            continue
        if attribute.column is not None and not attribute.several:
            columns[keyword] = attribute.column
        elif attribute in wanted:
            columns[keyword] = _COMPUTED[keyword](own_results)
    return columns


def _conditions(
    keys: Mapping[str, str | Sequence[str]],
    wanted: Sequence[Attribute],
    dialect: str,
    own_results: bool,
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for attribute in wanted:
        values = values_of(attribute, keys[attribute.keyword])
        if not values or attribute.column is None:
            continue
        column = attribute.column if attribute.folded is None else attribute.folded
        if attribute.several:
            below = _SEVERAL[attribute.keyword](own_results).subquery()
            is_one = condition(attribute, below.c[0], values, dialect)
            conditions.append(select(below).where(is_one).exists())
        else:
            conditions.append(condition(attribute, column, values, dialect))
    return conditions


def _rows(level: Level, columns: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    query = select(*columns.values())
    newest_first = (study.c.study_date.desc(), study.c.study_time.desc())
    order: list[ColumnElement[Any]] = [*newest_first, study.c.study_instance_uid]
    if level is Level.STUDY:
        return query.select_from(study).order_by(*order)
    order += [series.c.series_number, series.c.series_instance_uid]
    if level is Level.SERIES:
        joined = series.join(study, study.c.study_instance_uid == series.c.study_instance_uid)
        return query.select_from(joined).order_by(*order)
    joined = instance.join(study, study.c.study_instance_uid == instance.c.study_instance_uid)
    joined = joined.join(series, series.c.series_instance_uid == instance.c.series_instance_uid)
    order += [instance.c.instance_number, instance.c.sop_instance_uid]
    return query.select_from(joined).order_by(*order)


def _patients(
    columns: Mapping[str, ColumnElement[Any]], conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    """One row a patient, with the attributes of the matching study received last."""
    key = (study.c.patient_id, study.c.issuer_of_patient_id)
    newest = (study.c.last_received_at.desc(), study.c.study_instance_uid)
    labelled = [column.label(keyword) for keyword, column in columns.items()]
    rank = func.row_number().over(partition_by=key, order_by=newest).label("rank")
    ranked = select(*labelled, rank).where(study.c.patient_id != "", *conditions).subquery()
    return (
        select(*[ranked.c[keyword] for keyword in columns])
        .where(ranked.c.rank == 1)
        .order_by(ranked.c.PatientID, ranked.c.IssuerOfPatientID)
    )


def _has_source(level: Level) -> ColumnElement[bool]:
    """Not made of our own results alone."""
    if level is Level.IMAGE:
        return instance.c.own_result.is_(False)
    below = instance.alias()
    if level is Level.SERIES:
        key = below.c.series_instance_uid == series.c.series_instance_uid
    else:
        key = below.c.study_instance_uid == study.c.study_instance_uid
    return select(below.c.sop_instance_uid).where(key, below.c.own_result.is_(False)).exists()


def _modalities(own_results: bool) -> Select[Any]:
    """Modalities of the series of the study that the outer query is at."""
    of, below = series.alias(), instance.alias()
    query = select(of.c.modality).where(of.c.study_instance_uid == study.c.study_instance_uid)
    if not own_results:
        key = below.c.series_instance_uid == of.c.series_instance_uid
        query = query.where(select(below).where(key, below.c.own_result.is_(False)).exists())
    return query.correlate(study)


def _sop_classes(own_results: bool) -> Select[Any]:
    """SOP classes of the instances of the study that the outer query is at."""
    below = instance.alias()
    key = below.c.study_instance_uid == study.c.study_instance_uid
    query = select(below.c.sop_class_uid).where(key).correlate(study)
    return query if own_results else query.where(below.c.own_result.is_(False))


_SEVERAL = {"ModalitiesInStudy": _modalities, "SOPClassesInStudy": _sop_classes}


def _distinct(keyword: str) -> Callable[[bool], ColumnElement[Any]]:
    def values(own_results: bool) -> ColumnElement[Any]:
        once = _SEVERAL[keyword](own_results).distinct().subquery()
        return select(func.aggregate_strings(once.c[0], _SEPARATOR)).scalar_subquery()

    return values


def _count_in_study(column: str) -> Callable[[bool], ColumnElement[Any]]:
    def count(own_results: bool) -> ColumnElement[Any]:
        below = instance.alias()
        query = (
            select(func.count(below.c[column].distinct()))
            .where(below.c.study_instance_uid == study.c.study_instance_uid)
            .correlate(study)
        )
        return _visible(query, below, own_results)

    return count


def _count_in_series(own_results: bool) -> ColumnElement[Any]:
    below = instance.alias()
    query = (
        select(func.count())
        .select_from(below)
        .where(below.c.series_instance_uid == series.c.series_instance_uid)
        .correlate(series)
    )
    return _visible(query, below, own_results)


def _count_of_patient(column: str) -> Callable[[bool], ColumnElement[Any]]:
    def count(own_results: bool) -> ColumnElement[Any]:
        below, other = instance.alias(), study.alias()
        query = (
            select(func.count(below.c[column].distinct()))
            .join_from(below, other, other.c.study_instance_uid == below.c.study_instance_uid)
            .where(
                other.c.patient_id == study.c.patient_id,
                other.c.issuer_of_patient_id == study.c.issuer_of_patient_id,
            )
            .correlate(study)
        )
        return _visible(query, below, own_results)

    return count


def _visible(query: Select[Any], below: Any, own_results: bool) -> ColumnElement[Any]:
    if not own_results:
        query = query.where(below.c.own_result.is_(False))
    return query.scalar_subquery()


_COMPUTED: dict[str, Callable[[bool], ColumnElement[Any]]] = {
    "ModalitiesInStudy": _distinct("ModalitiesInStudy"),
    "SOPClassesInStudy": _distinct("SOPClassesInStudy"),
    "NumberOfPatientRelatedStudies": _count_of_patient("study_instance_uid"),
    "NumberOfPatientRelatedSeries": _count_of_patient("series_instance_uid"),
    "NumberOfPatientRelatedInstances": _count_of_patient("sop_instance_uid"),
    "NumberOfStudyRelatedSeries": _count_in_study("series_instance_uid"),
    "NumberOfStudyRelatedInstances": _count_in_study("sop_instance_uid"),
    "NumberOfSeriesRelatedInstances": _count_in_series,
}


def _match(level: Level, keywords: Sequence[str], row: Row[Any]) -> Match:
    values: dict[str, Value] = dict(zip(keywords, row, strict=True))
    for keyword, value in values.items():
        if ATTRIBUTES[keyword].several:
            values[keyword] = tuple(sorted({v for v in str(value or "").split(_SEPARATOR) if v}))
    return Match(level, values)
