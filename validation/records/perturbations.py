"""What befalls a patient's data on the way from a record to the header of an image."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from clinical_ai.records.birth_dates import SPREADSHEET_SHIFT
from clinical_ai.records.matching import PatientQuery
from clinical_ai.records.person_names import readings
from clinical_ai.records.record import Identifier
from validation.records.patients import (
    COMPOUND,
    FAMILY_CHARACTERS,
    FAMILY_LETTERS,
    GIVEN_CHARACTERS,
    ISSUER,
    RESIDENT_SYSTEM,
    Person,
    pinyin_of,
)

_DICOM_SEX = {"male": "M", "female": "F", "other": "O"}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A patient as an image names them, and what was done."""

    query: PatientQuery
    changes: tuple[str, ...]


def perturb(person: Person, random_: random.Random, *, neighbour: Person | None) -> Perturbed:
    """Return the patient with at least one change that is more than one of format.

    Parameters
    ----------
    neighbour
        A twin or namesake, whose number is taken by mistake now and then.
    """
    while True:
        changes: list[str] = []
        name = _name(person, random_, changes)
        patient_id, issuer = _number(person, random_, changes, neighbour)
        other: tuple[Identifier, ...] = ()
        if person.resident and random_.random() < 0.15:
            other = (Identifier(person.resident, RESIDENT_SYSTEM),)
        query = PatientQuery(
            patient_id=patient_id,
            issuer=issuer,
            name=name,
            birth_date=_birth_date(person.born, random_, changes),
            sex=_sex(person, random_, changes),
            other_ids=other,
        )
        if changes:
            return Perturbed(query, tuple(changes))


def _name(person: Person, random_: random.Random, changes: list[str]) -> str:
    return (_chinese if person.is_chinese else _western)(person, random_, changes)


def _chinese(person: Person, random_: random.Random, changes: list[str]) -> str:
    family, given = person.family, person.given
    kind = random_.choices(
        ["plain", "homophone", "typo", "swapped", "initials", "missing"],
        weights=[76, 5, 5, 8, 4, 2],
    )[0]
    if kind != "plain":
        changes.append(f"name {kind}")
    if kind == "missing":
        return random_.choice(["", "无名氏", "UNKNOWN"])
    if kind == "homophone":
        family, given = _homophone(family, random_, FAMILY_CHARACTERS), given
        given = _homophone(given, random_, GIVEN_CHARACTERS)
    script = random_.choices(["both", "characters", "pinyin"], weights=[25, 30, 45])[0]
    latin = [pinyin_of(person.family), pinyin_of(person.given)]
    if script == "pinyin":
        changes.append("pinyin")
    if kind == "typo":
        latin[1] = _typo(latin[1], random_)
        if script == "characters":
            given = given[:-1] + random_.choice(GIVEN_CHARACTERS)
    if kind == "initials":
        latin[1] = "".join(syllable[0] for syllable in min(readings(person.given)))
    elif random_.random() < 0.4 and len(person.given) > 1:
        latin[1] = " ".join(min(readings(person.given))) if kind == "plain" else latin[1]
    if kind == "swapped":
        latin.reverse()
        family, given = given, family
    written = "^".join(latin)
    written = random_.choice([written.upper(), written.title(), written])
    if family in COMPOUND and random_.random() < 0.3:
        changes.append("compound family name parted")
        written = written.replace("^", " ").replace(" ", "^", 1)
    characters = random_.choice([f"{family}^{given}", f"{family}{given}"])
    return {"both": f"{written}={characters}", "characters": characters, "pinyin": written}[script]


def _western(person: Person, random_: random.Random, changes: list[str]) -> str:
    family, given = person.family, person.given
    kind = random_.choices(
        ["plain", "typo", "swapped", "initials", "married", "middle", "missing"],
        weights=[70, 9, 6, 4, 4, 5, 2],
    )[0]
    if kind != "plain":
        changes.append(f"name {kind}")
    if kind == "missing":
        return ""
    if kind == "typo":
        family, given = random_.choice(
            [(_typo(family, random_), given), (family, _typo(given, random_))]
        )
    elif kind == "swapped":
        family, given = given, family
    elif kind == "initials":
        given = given[0]
    elif kind == "married":
        other = random_.choice(FAMILY_LETTERS.split())
        family = random_.choice([other, f"{family}-{other}"])
    elif kind == "middle":
        given = f"{given}^{random_.choice(_LETTERS)}"
    return random_.choice([f"{family}^{given}", f"{family}^{given}".upper(), f"{given} {family}"])


def _number(
    person: Person, random_: random.Random, changes: list[str], neighbour: Person | None
) -> tuple[str, str]:
    issuer = random_.choice([ISSUER, "", "HIS"])
    kind = random_.choices(
        ["right", "missing", "typo", "elsewhere", "neighbour"], weights=[70, 16, 5, 6, 3]
    )[0]
    if kind == "right" or (kind == "neighbour" and neighbour is None):
        return person.mrn, issuer
    changes.append(f"number {kind}")
    if kind == "missing":
        return "", ""
    if kind == "typo":
        place = random_.randrange(1, len(person.mrn))
        wrong = str((int(person.mrn[place]) + random_.randrange(1, 10)) % 10)
        return person.mrn[:place] + wrong + person.mrn[place + 1 :], issuer
    if kind == "elsewhere":
        return f"{random_.randrange(10_000_000, 10_200_000)}", "OTHER HOSPITAL"
    assert neighbour is not None
    return neighbour.mrn, issuer


def _birth_date(born: date, random_: random.Random, changes: list[str]) -> str:
    kinds: dict[str, Callable[[], str]] = {
        "plain": lambda: f"{born:%Y%m%d}",
        "iso": lambda: born.isoformat(),
        "serial": lambda: str((born - date(1899, 12, 30)).days),
        "missing": lambda: "",
        "swapped": lambda: f"{born:%Y%d%m}",
        "digit": lambda: _digit(born, random_),
        "shift": lambda: f"{born - SPREADSHEET_SHIFT:%Y%m%d}",
        "year": lambda: f"{born:%Y}",
        "wrong": lambda: f"{born + timedelta(days=random_.randrange(30, 5000)):%Y%m%d}",
    }
    kind = random_.choices(list(kinds), weights=[73, 4, 2, 6, 5, 4, 1, 2, 3])[0]
    if kind not in ("plain", "iso", "serial"):
        changes.append(f"birth date {kind}")
    return kinds[kind]()


def _digit(born: date, random_: random.Random) -> str:
    return f"{born.replace(year=born.year + random_.choice([-10, -1, 1, 10]), day=1):%Y%m}" + (
        f"{born.day:02}"
    )


def _sex(person: Person, random_: random.Random, changes: list[str]) -> str:
    kind = random_.choices(["plain", "missing", "wrong"], weights=[95, 4, 1])[0]
    if kind == "plain":
        return _DICOM_SEX[person.sex]
    changes.append(f"sex {kind}")
    return "" if kind == "missing" else {"male": "F", "female": "M", "other": "O"}[person.sex]


def _typo(word: str, random_: random.Random) -> str:
    """Swap two letters, drop one, double one or replace one."""
    if len(word) < 3:
        return word + word[-1]
    place = random_.randrange(1, len(word) - 1)
    return random_.choice(
        [
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + random_.choice(_LETTERS) + word[place + 1 :],
        ]
    )


def _homophone(characters: str, random_: random.Random, pool: str) -> str:
    """Replace one character by another with the same sound, if the pool has one."""
    options = [
        characters[:i] + other + characters[i + 1 :]
        for i, one in enumerate(characters)
        for other in pool
        if other != one and readings(other) == readings(one)
    ]
    return random_.choice(options) if options else characters


def as_registered(person: Person) -> Perturbed:
    """Return the patient as the hospital's own image headers name them."""
    name = f"{person.family}^{person.given}"
    if person.is_chinese:
        name = f"{pinyin_of(person.family)}^{pinyin_of(person.given)}={name}"
    query = PatientQuery(
        patient_id=person.mrn,
        name=name,
        birth_date=f"{person.born:%Y%m%d}",
        sex=_DICOM_SEX[person.sex],
    )
    return Perturbed(query, ())


def without_number(perturbed: Perturbed) -> Perturbed:
    """Return the same patient without any number."""
    query = replace(perturbed.query, patient_id="", issuer="", other_ids=())
    return Perturbed(query, (*perturbed.changes, "number missing"))
