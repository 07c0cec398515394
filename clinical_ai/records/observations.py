"""What an Observation or DiagnosticReport states: numbers, smoking, categories of imaging."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from clinical_ai.records.elements import (
    Resource,
    codes,
    codings,
    day,
    mapping,
    mappings,
    moment,
    number,
    reference,
    text,
)
from clinical_ai.records.imaging import category_facts
from clinical_ai.records.kinds import Measure, Vocabulary
from clinical_ai.records.record import ImagingFact, Measured, Smoking, Source, Unused

USED_STATUS = frozenset({"final", "amended", "corrected"})
"""Observation.status and DiagnosticReport.status of what a person stands behind."""
_SETTING = "MeasurementSettingExt"
"""Extension of HL7's vital signs guide: where a measurement was made."""


@dataclass(frozen=True, slots=True)
class SmokingDetail:
    """Pack-years or the day of quitting, stated apart from the status."""

    at: date | None
    reference: str
    pack_years: float | None = None
    quit_on: date | None = None


ObservationFact = Measured | Smoking | SmokingDetail | ImagingFact | Unused


def observation_facts(
    resource: Resource, source: Source, terms: Vocabulary
) -> Iterator[ObservationFact]:
    """Everything that one Observation states and the vocabulary knows.

    Numbers count only when `USED_STATUS`; categories of imaging also when preliminary.
    """
    status = text(resource.get("status"))
    at = _measured_at(resource)
    home: bool | None = None
    for part in (resource, *mappings(resource.get("component"))):
        for system, code in codings(part.get("code")):
            measure = terms.measure_of(system, code)
            if measure is not None:
                if home is None:
                    home = _at_home(resource, terms)
                yield _measured(part, measure, status, at, source, terms, home)
                break
            if code in terms.smoking_questions or code in terms.pack_years | terms.quit_date:
                yield from _smoking(part, code, status, at, source, terms)
                break
        if "valueCodeableConcept" in part:
            yield from category_facts(part, resource, source, terms)


def _measured(
    part: Resource,
    measure: Measure,
    status: str,
    at: datetime | None,
    source: Source,
    terms: Vocabulary,
    home: bool,
) -> Measured | Unused:
    def refuse(reason: str) -> Unused:
        return Unused(source.reference, f"{measure.name}: {reason}")

    if status not in USED_STATUS:
        return refuse(f"status is {_known_status(status)}")
    if at is None:
        return refuse("no usable date")
    quantity = mapping(part.get("valueQuantity"))
    value, written = number(quantity.get("value")), ""
    if value is None and measure.count:
        value = number(part.get("valueInteger"))
    if value is None:
        return refuse("no number")
    if quantity.get("comparator"):
        return refuse("a limit, not a value")
    unit: str | None = measure.unit
    written = text(quantity.get("code")) or text(quantity.get("unit"))
    if written or not measure.count:
        unit = terms.unit_named(written, measure)
        if unit is None:
            unit = terms.unit_named(text(quantity.get("unit")), measure)
    if unit is None:
        return refuse("the unit is not one of this measure" if written else "no unit")
    kept = measure.convert(value, unit)
    if kept is None or not measure.low <= kept <= measure.high:
        return refuse(f"outside {measure.low:g} to {measure.high:g} {measure.unit}")
    return Measured(
        measure.name,
        kept,
        measure.unit,
        at,
        source,
        home=home or measure.home,
        stated=f"{value!r} {unit}".strip().replace(".0 ", " "),
    )


def _smoking(
    part: Resource,
    code: str,
    status: str,
    at: datetime | None,
    source: Source,
    terms: Vocabulary,
) -> Iterator[Smoking | SmokingDetail | Unused]:
    if status not in USED_STATUS:
        yield Unused(source.reference, f"smoking: status is {_known_status(status)}")
        return
    on = None if at is None else at.date()
    if code in terms.pack_years:
        value = number(mapping(part.get("valueQuantity")).get("value"))
        if value is None or not 0 <= value <= _MOST_PACK_YEARS:
            yield Unused(source.reference, f"pack-years: no number from 0 to {_MOST_PACK_YEARS}")
        else:
            yield SmokingDetail(on, source.reference, pack_years=value)
        return
    if code in terms.quit_date:
        quit_on = day(part.get("valueDateTime"), partial=True)
        if quit_on is None:
            yield Unused(source.reference, "date quit smoking: no usable date")
        else:
            yield SmokingDetail(on, source.reference, quit_on=quit_on)
        return
    yield from smoking_statuses(codings(part.get("valueCodeableConcept")), on, source, terms)


_MOST_PACK_YEARS = 300
"""Ten packs a day for thirty years."""


def smoking_statuses(
    answers: Iterable[tuple[str, str]], on: date | None, source: Source, terms: Vocabulary
) -> Iterator[Smoking]:
    """The smoking status that the first known answer stands for; nothing for "unknown"."""
    for _, code in answers:
        status = terms.smoking.get(code)
        if status is not None:
            yield Smoking(status, on, source)
            return


def _measured_at(resource: Resource) -> datetime | None:
    found = moment(resource.get("effectiveDateTime")) or moment(resource.get("effectiveInstant"))
    if found is None:
        period = mapping(resource.get("effectivePeriod"))
        found = moment(period.get("end")) or moment(period.get("start"))
    return found or moment(resource.get("issued"))


def _at_home(resource: Resource, terms: Vocabulary) -> bool:
    """Whether the patient measured it, in HL7's three ways of saying so.

    The performer is the patient or a relative (Observation.performer, and the self-measured
    blood pressure profile); the setting is "home"; or the profile is one of personal health
    devices.
    """
    for performer in mappings(resource.get("performer")):
        found = reference(performer)
        if found is not None and found[0] in ("Patient", "RelatedPerson"):
            return True
    for extension in mappings(resource.get("extension")):
        if text(extension.get("url")).endswith(_SETTING) and (
            codes(extension.get("valueCodeableConcept")) & terms.home_settings
        ):
            return True
    profiles = mapping(resource.get("meta")).get("profile")
    return isinstance(profiles, list) and any(
        text(profile).startswith(terms.home_profiles) for profile in profiles
    )


_STATUSES = frozenset({"registered", "preliminary", "cancelled", "entered-in-error", "unknown"})


def _known_status(status: str) -> str:
    """The status if it is one of FHIR's; any other text may be anything at all."""
    return status if status in _STATUSES else "not one of FHIR's"
