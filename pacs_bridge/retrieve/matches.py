"""Questions to another archive, and its answers, whatever the protocol.

Texts of an answer are decoded, never escaped; UIDs of an answer have the form of a UID.
"""

import re
from dataclasses import dataclass, fields

from pacs_bridge.errors import QueryError
from pacs_bridge.header import is_uid

_DATE = re.compile(r"[0-9]{8}")
_MAX_CHARACTERS = 324  # PN: three groups of 64 with delimiters, and room for wildcards


@dataclass(frozen=True, slots=True)
class StudyQuery:
    """Which studies are wanted; what is empty does not restrict.

    ``*`` and ``?`` are wildcards for the peer in every field but the UID and the dates
    (PS3.4 C.2.2.2.4), so that an answer must still be compared where equality matters.

    Parameters
    ----------
    date_from, date_to
        First and last study date, YYYYMMDD.

    Raises
    ------
    QueryError
        If a value cannot stand in a query.
    """

    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_name: str = ""
    accession_number: str = ""
    study_uid: str = ""
    date_from: str = ""
    date_to: str = ""
    modality: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            check_text(field.name, getattr(self, field.name))
        check_date("date_from", self.date_from)
        check_date("date_to", self.date_to)
        if self.study_uid:
            checked_uid(self.study_uid)

    @property
    def dates(self) -> str:
        """The value of Study Date for range matching (PS3.4 C.2.2.2.5); empty for any."""
        if not (self.date_from or self.date_to):
            return ""
        return f"{self.date_from}-{self.date_to}"


def check_text(name: str, value: str) -> None:
    """Check a value to be matched.

    Raises
    ------
    QueryError
        If it cannot be one value of a query: a backslash makes several of it (PS3.5 6.4).
    """
    if "\\" in value or not value.isprintable() or len(value) > _MAX_CHARACTERS:
        raise QueryError(
            f"{name} of a query must be at most {_MAX_CHARACTERS} printable characters without "
            "a backslash"
        )


def check_date(name: str, value: str) -> None:
    """Check a date to be matched; empty for any.

    Raises
    ------
    QueryError
        If it is not of the form YYYYMMDD.
    """
    if value and not _DATE.fullmatch(value):
        raise QueryError(f"{name} is {value!r}; write it as YYYYMMDD")


def checked_uid(uid: str) -> str:
    """Return `uid`, which somebody typed or a peer gave.

    Raises
    ------
    QueryError
        If it is no UID.
    """
    if not is_uid(uid):
        raise QueryError(f"{uid!r} is no UID: 1 to 64 digits and dots (PS3.5 9.1)")
    return uid


@dataclass(frozen=True, slots=True)
class StudyMatch:
    """A study that a peer has.

    Parameters
    ----------
    peer
        Name of the peer that answered.
    modalities
        Sorted; empty if the peer does not say.
    series_count, instance_count
        None if the peer does not say.
    """

    peer: str
    study_uid: str
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    patient_birth_date: str
    patient_sex: str
    accession_number: str
    study_date: str
    study_time: str
    study_description: str
    modalities: tuple[str, ...]
    series_count: int | None
    instance_count: int | None


@dataclass(frozen=True, slots=True)
class SeriesMatch:
    """A series that a peer has; `instance_count` is None if the peer does not say."""

    study_uid: str
    series_uid: str
    modality: str
    body_part_examined: str
    series_description: str
    series_number: int | None
    laterality: str
    instance_count: int | None


@dataclass(frozen=True, slots=True)
class InstanceMatch:
    """An instance that a peer has; `sop_class_uid` is empty if the peer does not say."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int | None
