"""The vocabulary of the record: which code means which kind of fact, in which unit.

Builds on the code tables of `risk_models.cohort` (fields, units, LOINC, conditions, drugs) and
adds what a record needs beside risk. Every table names its source.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from clinical_ai.records.record import SmokingStatus
from risk_models.cohort.fields import FIELDS, Kind, load_table
from risk_models.cohort.words import unit_key, unit_of
from risk_models.units import Conversion

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
RADLEX = "http://radlex.org"

_SYSTEMS = {
    "urn:oid:2.16.840.1.113883.6.1": LOINC,
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.3": ICD10,
    "urn:oid:2.16.840.1.113883.6.90": ICD10,
    "urn:oid:2.16.840.1.113883.6.73": ATC,
    "urn:oid:2.16.840.1.113883.6.256": RADLEX,
}
"""OIDs of the HL7 registry and their URIs (terminology.hl7.org)."""
_LOINC_SHAPE = re.compile(r"\d{1,6}-\d|LA\d{1,6}-\d")
_ICD10_SHAPE = re.compile(r"[A-TV-Z]\d[0-9A-B](\.[0-9A-Zx+]{1,8})?", re.IGNORECASE)
_SNOMED_SHAPE = re.compile(r"\d{6,18}")


@dataclass(frozen=True, slots=True)
class Measure:
    """A kind of number.

    Parameters
    ----------
    name
        For example ``"systolic_bp"``.
    unit
        UCUM code of the unit that values are kept in.
    low, high
        Plausible range in `unit`, both ends included; values outside are not used.
    conversions
        Other accepted units (UCUM) and how they become `unit`.
    field
        Name of the same measure in `risk_models.cohort.fields.FIELDS`, or empty.
    home
        Only devices that a patient wears or keeps at home take it.
    count
        A whole number that needs no unit.
    """

    name: str
    unit: str
    low: float
    high: float
    conversions: Mapping[str, Conversion]
    field: str = ""
    home: bool = False
    count: bool = False

    def convert(self, value: float, unit: str) -> float | None:
        """Return `value` in the measure's own unit, None where `unit` (UCUM) is not accepted."""
        if unit == self.unit:
            return value
        change = self.conversions.get(unit)
        return None if change is None else change.factor * value + change.offset


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Code tables, ready for look-up.

    Parameters
    ----------
    measures
        By name.
    observations
        Measure by ``(system, code)``.
    problems
        Kinds by SNOMED CT code, or by the beginning of an ICD-10 code.
    drug_names
        Class and the pattern that finds its names.
    drug_groups
        Class by the beginning of an ATC code.
    procedures
        Kinds by code, SNOMED CT or LOINC.
    smoking
        Status by answer code.
    modalities
        Kinds of procedure by DICOM modality, where it alone tells.
    follow_up
        Codes of examinations that a finding may have to be controlled by.
    imaging
        Kind and value by answer code.
    schemes
        Kind of a category by the beginning of its guideline's name.
    """

    measures: Mapping[str, Measure]
    observations: Mapping[tuple[str, str], Measure]
    problems: Mapping[str, tuple[str, ...]]
    drug_names: Mapping[str, re.Pattern[str]]
    drug_groups: Mapping[str, str]
    drug_parents: Mapping[str, tuple[str, ...]]
    procedures: Mapping[str, tuple[str, ...]]
    modalities: Mapping[str, tuple[str, ...]]
    follow_up: frozenset[str]
    smoking_questions: frozenset[str]
    smoking: Mapping[str, SmokingStatus]
    pack_years: frozenset[str]
    quit_date: frozenset[str]
    imaging: Mapping[str, tuple[str, str]]
    category_questions: frozenset[str]
    schemes: Mapping[str, str]
    question_sides: Mapping[str, str]
    sides: Mapping[str, str]
    relations: Mapping[str, str]
    family_history: Mapping[str, tuple[str, ...]]
    home_settings: frozenset[str]
    home_profiles: tuple[str, ...]
    unit_spellings: Mapping[str, str]
    _units: dict[str, str | None] = field(default_factory=dict)

    def measure_of(self, system: str, code: str) -> Measure | None:
        """The measure that an observation code stands for."""
        return self.observations.get((system, code))

    def unit_named(self, written: str, measure: Measure) -> str | None:
        """UCUM code of a unit as written, None if no table knows it for this measure."""
        known = self._unit(written)
        if known is not None and (known == measure.unit or known in measure.conversions):
            return known
        # The same word can be two units ("c" is a temperature only where one is measured).
        other = self.unit_spellings.get(f"{measure.unit}|{unit_key(written)}")
        if other is not None:
            return other
        return next(
            (
                unit
                for unit in measure.conversions
                if f"{unit}|{unit_key(written)}" in self.unit_spellings
            ),
            None,
        )

    def _unit(self, written: str) -> str | None:
        if written not in self._units:
            if len(self._units) > _UNITS_REMEMBERED:
                self._units.clear()
            self._units[written] = unit_of(written)
        return self._units[written]

    def problem_kinds(self, codings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Kinds of problem that any of the codings (system, code) stands for, sorted."""
        found: set[str] = set()
        for system, code in codings:
            if system == SNOMED and code.isdigit():
                found.update(self.problems.get(code, ()))
            elif system == ICD10:
                plain = code.upper()
                for length in range(2, len(plain) + 1):
                    found.update(self.problems.get(plain[:length], ()))
        return tuple(sorted(found))

    def procedure_kinds(self, codings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Kinds of procedure that any of the codings stands for, sorted."""
        found: set[str] = set()
        for _, code in codings:
            found.update(self.procedures.get(code, ()))
        return tuple(sorted(found))

    def drug_kinds(self, text: str, codings: Iterable[tuple[str, str]] = ()) -> tuple[str, ...]:
        """Classes of a drug by its names as written and its ATC codes, sorted."""
        found = set(_classes_named(text.lower()))
        for system, code in codings:
            if system == ATC:
                plain = code.upper()
                found.update(
                    name for prefix, name in self.drug_groups.items() if plain.startswith(prefix)
                )
        for name in tuple(found):
            found.update(self.drug_parents.get(name, ()))
        return tuple(sorted(found))


_UNITS_REMEMBERED = 10_000
"""Bounds what a hostile source can make us keep."""


def system_of(system: str, code: str) -> str:
    """Return one URI for each code system, however a source names it.

    Where the source names none, the shape of the code decides between LOINC, SNOMED CT and
    ICD-10; a named system that is not known is returned as it is, and never guessed at.
    """
    if system in (LOINC, SNOMED):
        return system
    if not system:
        if _LOINC_SHAPE.fullmatch(code):
            return LOINC
        if _SNOMED_SHAPE.fullmatch(code):
            return SNOMED
        return ICD10 if _ICD10_SHAPE.fullmatch(code) else ""
    plain = system.rstrip("/").lower()
    known = _SYSTEMS.get(plain)
    if known is not None:
        return known
    if "icd-10" in plain or "icd10" in plain:
        return ICD10
    if plain.endswith("loinc.org"):
        return LOINC
    if plain.endswith("snomed.info/sct") or "snomed.info/sct" in plain:
        return SNOMED
    if "radlex" in plain:
        return RADLEX
    if "whocc.no" in plain:
        return ATC
    return system


@cache
def vocabulary() -> Vocabulary:
    """The code tables of this package and of `risk_models.cohort`."""
    measures, observations = _measures()
    answers = _table("answers")
    classes = _table("drugs")["classes"]
    procedures = _table("procedures")
    return Vocabulary(
        measures=MappingProxyType(measures),
        observations=MappingProxyType(observations),
        problems=MappingProxyType(_problems()),
        drug_names=MappingProxyType(_drug_patterns(classes)),
        drug_groups=MappingProxyType(
            {prefix: name for name, said in classes.items() for prefix in said["atc"]}
        ),
        drug_parents=MappingProxyType(
            {name: tuple(said.get("of", ())) for name, said in classes.items()}
        ),
        procedures=MappingProxyType(_procedures(procedures["kinds"])),
        modalities=MappingProxyType(
            {
                modality: (kind, *procedures["kinds"][kind].get("of", ()))
                for modality, kind in procedures["modalities"].items()
            }
        ),
        follow_up=frozenset(procedures["follow_up"]),
        smoking_questions=frozenset(answers["smoking_questions"]),
        smoking=MappingProxyType(
            {code: status for status, codes in answers["smoking"].items() for code in codes}
        ),
        pack_years=frozenset(answers["pack_years"]),
        quit_date=frozenset(answers["quit_date"]),
        imaging=MappingProxyType(
            {
                code: (kind, value)
                for kind, values in answers["imaging"].items()
                for code, value in values.items()
            }
        ),
        category_questions=frozenset(answers["category_questions"]),
        schemes=MappingProxyType(answers["schemes"]),
        question_sides=MappingProxyType(answers["imaging_sides"]),
        sides=MappingProxyType(
            {code: side for side, codes in answers["sides"].items() for code in codes}
        ),
        relations=MappingProxyType(answers["relations"]),
        family_history=MappingProxyType(
            {code: tuple(kinds) for code, kinds in answers["family_history"].items()}
        ),
        home_settings=frozenset(answers["home_setting"]),
        home_profiles=tuple(answers["home_profiles"]),
        unit_spellings=MappingProxyType(
            {
                f"{unit}|{unit_key(spelling)}": unit
                for unit, spellings in _table("measures")["unit_spellings"].items()
                for spelling in (unit, *spellings)
            }
        ),
    )


def _table(name: str) -> Any:
    text = resources.files("clinical_ai.records.data").joinpath(f"{name}.json").read_text("utf-8")
    return json.loads(text)


def _measures() -> tuple[dict[str, Measure], dict[tuple[str, str], Measure]]:
    cohort_codes = load_table("loinc")["codes"]
    own = _table("measures")["measures"]
    names = dict.fromkeys((*cohort_codes.values(), *own))
    measures = {name: _measure(name, own.get(name, {"field": name})) for name in names}
    codes = {(LOINC, code): measures[name] for code, name in cohort_codes.items()}
    codes |= {(LOINC, code): measures[name] for name, said in own.items() for code in said["loinc"]}
    return measures, codes


def _measure(name: str, said: Mapping[str, Any]) -> Measure:
    if "field" in said:
        found = FIELDS[said["field"]]
        assert found.kind is Kind.MEASURE
        return Measure(
            name,
            found.unit,
            # A record is of children too; the cohort's limits are those of adults.
            said.get("low", found.low),
            said.get("high", found.high),
            found.conversions,
            field=said["field"],
        )
    conversions = {unit: Conversion(*change) for unit, change in said.get("units", {}).items()}
    if "units_of" in said:
        conversions |= FIELDS[said["units_of"]].conversions
    return Measure(
        name,
        said["unit"],
        said["low"],
        said["high"],
        conversions,
        home=said.get("home", False),
        count=said.get("count", False),
    )


def _problems() -> dict[str, tuple[str, ...]]:
    own = _table("problems")
    cohort = load_table("conditions")["fields"]
    parents: dict[str, set[str]] = {kind: set(kinds) for kind, kinds in own["also"].items()}
    for kind, said in own["kinds"].items():
        parents.setdefault(kind, set()).update(said.get("of", ()))
    found: dict[str, set[str]] = {}
    for table in (cohort, own["kinds"]):
        for kind, said in table.items():
            for code in (*said["snomed"], *said["icd10"]):
                found.setdefault(code.upper(), set()).update({kind} | parents.get(kind, set()))
    return {code: tuple(sorted(kinds)) for code, kinds in found.items()}


def _procedures(kinds: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for kind, said in kinds.items():
        for code in (*said["snomed"], *said["loinc"]):
            found.setdefault(code, set()).update({kind, *said.get("of", ())})
    return {code: tuple(sorted(kinds)) for code, kinds in found.items()}


def _drug_patterns(classes: Mapping[str, Any]) -> dict[str, re.Pattern[str]]:
    names: dict[str, list[str]] = {
        kind: list(drugs) for kind, drugs in load_table("medications")["ingredients"].items()
    }
    for kind, said in classes.items():
        names.setdefault(kind, []).extend(said.get("names", ()))
    return {
        kind: re.compile("|".join(map(_whole_word, dict.fromkeys(drugs))))
        for kind, drugs in names.items()
        if drugs
    }


@lru_cache(maxsize=10_000)
def _classes_named(text: str) -> tuple[str, ...]:
    """Remembered: a hospital writes the same few hundred drugs over and over."""
    return tuple(name for name, pattern in vocabulary().drug_names.items() if pattern.search(text))


def _whole_word(drug: str) -> str:
    return rf"\b{re.escape(drug)}\b" if drug.isascii() else re.escape(drug)
