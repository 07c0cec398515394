"""Keys by which a database finds every person that may be a patient, without comparing all.

Two persons that share no key cannot match well enough to be shown: a key is a number, a birth
date (also with day and month swapped), the letters of a name in any order, or a family name
with the year of birth.
"""

from datetime import date

from clinical_ai.records.birth_dates import BirthDate, parse_birth_date
from clinical_ai.records.matching import (
    MatchPolicy,
    PatientQuery,
    name_forms,
    query_identifiers,
)
from clinical_ai.records.patient_identifiers import fold_identifier
from clinical_ai.records.person_names import NameForm, forms_of_dicom, readings
from clinical_ai.records.record import Demographics

_MAX_KEY = 96


def person_keys(one: Demographics) -> frozenset[str]:
    """Return the keys of a person of the record."""
    keys = {_number_key(i.value) for i in one.identifiers if i.value.strip()}
    born = BirthDate() if one.birth_date is None else BirthDate(frozenset({one.birth_date}))
    return frozenset(_cut(keys | _name_keys(name_forms(one), born) | _date_keys(born)))


def query_keys(query: PatientQuery) -> frozenset[str]:
    """Return the keys of persons that may be the patient."""
    keys = {_number_key(value) for _, value in query_identifiers(query, MatchPolicy())}
    born = parse_birth_date(query.birth_date)
    swapped = {s for d in born.days for s in [_swapped(d)] if s is not None}
    keys |= _date_keys(born) | _date_keys(BirthDate(frozenset(swapped)))
    return frozenset(_cut(keys | _name_keys(forms_of_dicom(query.name), born)))


def _number_key(value: str) -> str:
    return "number:" + fold_identifier(value).lstrip("0")


def _date_keys(born: BirthDate) -> set[str]:
    return {f"born:{d:%Y%m%d}" for d in born.days}


def _name_keys(forms: frozenset[NameForm], born: BirthDate) -> set[str]:
    years = {d.year for d in born.days} | ({born.year} if born.year is not None else set())
    keys = set()
    for form in forms:
        wholes = _sounds(form.whole) if form.is_han else {form.whole}
        keys |= {"letters:" + "".join(sorted(whole)) for whole in wholes}
        families = _sounds(form.family) if form.is_han else {form.family, form.given}
        keys |= {f"family:{family}:{year}" for family in families if family for year in years}
    return keys


def _sounds(characters: str) -> set[str]:
    return {"".join(reading) for reading in readings(characters)}


def _swapped(day: date) -> date | None:
    return day.replace(month=day.day, day=day.month) if day.day <= 12 else None


def _cut(keys: set[str]) -> set[str]:
    """Keep keys within the width of their column."""
    return {key[:_MAX_KEY] for key in keys}
