"""Collect the facts of a study: from the archive's index and files, or from loose files."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pacs_bridge.archive import Archive
from pacs_bridge.errors import EncodingError
from pacs_bridge.header import is_uid
from pacs_bridge.records import InstanceRecord, SeriesRecord, StudyRecord
from pacs_bridge.routing.conditions import IMAGE_LATERALITY, PATIENT_AGE
from pacs_bridge.routing.facts import StudyFacts, completed_years
from pacs_bridge.routing.headers import FileValues, distinct, read_values

FILES_A_SERIES = 16
"""Files of a series that are opened for data elements which the index does not hold."""

_SOP_CLASS = 0x00080016
_STUDY_DATE = 0x00080020
_MODALITY = 0x00080060
_STUDY_DESCRIPTION = 0x00081030
_SERIES_DESCRIPTION = 0x0008103E
_BIRTH_DATE = 0x00100030
_SEX = 0x00100040
_BODY_PART = 0x00180015
_STUDY_UID = 0x0020000D
_LATERALITY = 0x00200060
_OF_EVERY_FILE = frozenset(
    {
        _SOP_CLASS,
        _STUDY_DATE,
        _MODALITY,
        _STUDY_DESCRIPTION,
        _SERIES_DESCRIPTION,
        _BIRTH_DATE,
        _SEX,
        PATIENT_AGE,
        _BODY_PART,
        _STUDY_UID,
        _LATERALITY,
        IMAGE_LATERALITY,
    }
)


def facts_of_archived(
    archive: Archive, study_uid: str, tags: Collection[int], at: datetime
) -> StudyFacts | None:
    """Return the facts of a study in the archive; None if it is not there.

    Parameters
    ----------
    tags
        What the rules ask for, `RuleSet.tags`. Those are read from the first `FILES_A_SERIES`
        files of each series, in the order of their instance numbers.
    at
        The time that the rules see; with time zone.
    """
    study = archive.study(study_uid)
    if study is None:
        return None
    instances = archive.instances(study_uid)
    series = {s.series_instance_uid: s for s in archive.series(study_uid)}
    values = _merged(_readable(_sample(instances), tags)) if tags else {}
    return _facts(study, list(series.values()), instances, values, at)


def _facts(
    study: StudyRecord,
    series: Sequence[SeriesRecord],
    instances: Sequence[InstanceRecord],
    tags: Mapping[int, tuple[str, ...]],
    at: datetime,
) -> StudyFacts:
    stated_age = tags.get(PATIENT_AGE, ("",))[0]
    return StudyFacts(
        study_uid=study.study_instance_uid,
        at=at,
        images=len(instances),
        age_years=completed_years(study.patient_birth_date, study.study_date, stated_age),
        calling_ae=distinct(i.calling_ae_title.strip() for i in instances),
        called_ae=distinct(i.called_ae_title.strip() for i in instances),
        modality=distinct(s.modality for s in series),
        body_part=distinct(s.body_part_examined for s in series),
        laterality=distinct((*(s.laterality for s in series), *tags.get(IMAGE_LATERALITY, ()))),
        study_description=distinct((study.study_description,)),
        series_description=distinct(s.series_description for s in series),
        patient_sex=distinct((study.patient_sex,)),
        sop_class=distinct(i.sop_class_uid for i in instances),
        tags=tags,
    )


def _sample(instances: Iterable[InstanceRecord]) -> list[Path]:
    taken: defaultdict[str, list[Path]] = defaultdict(list)
    for one in instances:
        if len(taken[one.series_instance_uid]) < FILES_A_SERIES:
            taken[one.series_instance_uid].append(one.path)
    return [path for paths in taken.values() for path in paths]


def _readable(paths: Iterable[Path], tags: Collection[int]) -> Iterable[FileValues]:
    for path in paths:
        try:
            yield read_values(path, tags)
        except (EncodingError, OSError):
            continue  # an absent value; whoever reads the images will say what is wrong


def _merged(files: Iterable[FileValues]) -> dict[int, tuple[str, ...]]:
    merged: defaultdict[int, list[str]] = defaultdict(list)
    for file in files:
        for tag, values in file.values.items():
            merged[tag].extend(values)
    return {tag: distinct(values) for tag, values in merged.items()}


@dataclass(frozen=True, slots=True)
class LooseStudies:
    """Studies found among files.

    Parameters
    ----------
    studies
        By Study Instance UID.
    skipped
        Files that belong to none, with the reason.
    """

    studies: tuple[StudyFacts, ...]
    skipped: tuple[tuple[str, str], ...]


def facts_of_files(
    files: Iterable[Path],
    tags: Collection[int],
    at: datetime,
    *,
    calling_ae: str | None = None,
    called_ae: str | None = None,
) -> LooseStudies:
    """Return the facts of the studies that DICOM files belong to.

    Parameters
    ----------
    calling_ae
        Who is to have sent them; None takes what the file meta information says.
    called_ae
        Which of our AE titles they are to have called; None is none.
    """
    by_study: defaultdict[str, list[FileValues]] = defaultdict(list)
    skipped: list[tuple[str, str]] = []
    for path in files:
        try:
            found = read_values(path, {*tags, *_OF_EVERY_FILE})
        except (EncodingError, OSError) as error:
            skipped.append((path.name, str(error)))
            continue
        study_uid = found.first(_STUDY_UID)
        if is_uid(study_uid):
            by_study[study_uid].append(found)
        else:
            skipped.append((path.name, "it has no Study Instance UID"))
    studies = tuple(
        _loose(uid, members, at, calling_ae, called_ae) for uid, members in by_study.items()
    )
    return LooseStudies(studies, tuple(skipped))


def _loose(
    study_uid: str,
    files: Sequence[FileValues],
    at: datetime,
    calling_ae: str | None,
    called_ae: str | None,
) -> StudyFacts:
    merged = _merged(files)

    def all_of(*tags: int) -> tuple[str, ...]:
        return distinct(value for tag in tags for value in merged.get(tag, ()))

    def first(tag: int) -> str:
        return next(iter(merged.get(tag, ())), "")

    sources = [f.source_ae_title for f in files] if calling_ae is None else [calling_ae]
    return StudyFacts(
        study_uid=study_uid,
        at=at,
        images=len(files),
        age_years=completed_years(first(_BIRTH_DATE), first(_STUDY_DATE), first(PATIENT_AGE)),
        calling_ae=distinct(sources),
        called_ae=distinct([called_ae or ""]),
        modality=all_of(_MODALITY),
        body_part=all_of(_BODY_PART),
        laterality=all_of(_LATERALITY, IMAGE_LATERALITY),
        study_description=all_of(_STUDY_DESCRIPTION)[:1],
        series_description=all_of(_SERIES_DESCRIPTION),
        patient_sex=all_of(_SEX)[:1],
        sop_class=all_of(_SOP_CLASS),
        tags=merged,
    )
