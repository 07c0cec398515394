"""A cohort's rates as FHIR R4 MeasureReport and its people as Group; counts only.

Hidden counts are absent with the reason "masked". The Group has a size and no members.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from risk_models.cohort.indicators import INDICATORS, Indicator
from risk_models.cohort.report.content import Cohort
from risk_models.cohort.strata import Line
from risk_models.cohort.suppression import SMALLEST_SHOWN

MEASURE = "urn:clinical-ai:measure:cardiovascular-population"
_POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

Resource = dict[str, Any]


def measure_report(cohort: Cohort, made_on: date) -> Resource:
    """A summary MeasureReport: one group per indicator, stratified as the report is."""
    as_of = cohort.manifest.as_of
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "date": made_on.isoformat(),
        "period": {"end": as_of},
        "group": [
            _group(cohort, indicator)
            for indicator in INDICATORS
            if cohort.tables.overall(indicator).asked != 0
        ],
    }


def group(cohort: Cohort) -> Resource:
    """The people scored, as a Group without members: nobody is named."""
    people = cohort.people
    resource: Resource = {
        "resourceType": "Group",
        "active": True,
        "type": "person",
        "actual": True,
        "name": f"{cohort.manifest.source}, as of {cohort.manifest.as_of}",
    }
    if 0 < people < SMALLEST_SHOWN:
        return {**resource, "_quantity": _masked()}
    return {**resource, "quantity": people}


def _group(cohort: Cohort, indicator: Indicator) -> Resource:
    overall = cohort.tables.overall(indicator)
    return {
        "id": indicator.name.replace("_", "-"),
        "code": {"text": indicator.title},
        **_populations(overall),
        "stratifier": [
            {
                "code": [{"text": by.replace("_", " ")}],
                "stratum": list(_strata(cohort, indicator, by)),
            }
            for by in cohort.tables.by
        ],
    }


def _strata(cohort: Cohort, indicator: Indicator, by: str) -> Iterator[Resource]:
    for line in cohort.tables.lines(indicator, by):
        if line.asked != 0:
            yield {"value": {"text": line.label}, **_populations(line)}


def _populations(line: Line) -> Resource:
    populations = [
        {
            "code": {"coding": [{"system": _POPULATION, "code": code}]},
            **({"_count": _masked()} if count is None else {"count": count}),
        }
        for code, count in (("denominator", line.asked), ("numerator", line.yes))
    ]
    resource: Resource = {"population": populations}
    if line.rate is not None:
        share = round(100 * line.rate.value, 1)
        resource["measureScore"] = {
            "value": share,
            "unit": "%",
            "system": "http://unitsofmeasure.org",
            "code": "%",
        }
    return resource


def _masked() -> Resource:
    return {"extension": [{"url": _ABSENT, "valueCode": "masked"}]}
