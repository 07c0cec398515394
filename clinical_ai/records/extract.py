"""From FHIR R4 resources of one patient to a `ClinicalRecord`; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from clinical_ai.records.elements import Resource, is_id, is_type, mappings, reference, text
from clinical_ai.records.imaging import report_facts, request_facts, study_facts
from clinical_ai.records.kinds import Vocabulary, vocabulary
from clinical_ai.records.observations import SmokingDetail, observation_facts
from clinical_ai.records.patients import demographics_of, replaced_by
from clinical_ai.records.record import (
    Allergy,
    ClinicalRecord,
    Demographics,
    FamilyCondition,
    ImagingFact,
    Measured,
    Medication,
    Problem,
    Procedure,
    Smoking,
    Source,
    Unused,
)
from clinical_ai.records.statements import (
    allergy_facts,
    condition_facts,
    family_facts,
    medication_facts,
    procedure_facts,
)

USED_TYPES = (
    "AllergyIntolerance",
    "Condition",
    "DiagnosticReport",
    "FamilyMemberHistory",
    "ImagingStudy",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "ServiceRequest",
)
"""Types of resource that a record is made of; a Medication is used where one refers to it."""

Fact = TypeVar("Fact")


def clinical_record(
    resources: Iterable[Mapping[str, Any]],
    *,
    origin: str,
    person: str | None = None,
    complete: bool = True,
) -> ClinicalRecord:
    """Make the record of one patient from FHIR R4 resources.

    The same resources give the same record, in whatever order they come. No content of a
    resource raises: what cannot be used is listed in `ClinicalRecord.unused`, with the reason
    and without the value.

    Parameters
    ----------
    resources
        Parsed JSON of the patient's resources. Resources about other patients are not used,
        except those of Patients that this one replaces (Patient.link).
    origin
        Name of their source, which every fact carries.
    person
        Id of the Patient that is meant. If None, the one Patient among the resources that no
        other one replaces; the first by id where there are several.
    complete
        False when a source did not answer.
    """
    known = [r for r in resources if isinstance(r, Mapping) and is_type(r.get("resourceType"))]
    known.sort(key=_order)
    patients = {
        str(r["id"]): r for r in known if r["resourceType"] == "Patient" and is_id(r.get("id"))
    }
    who = person if person is not None else _main(patients, known)
    reading = _Reading(origin, patients.get(who), known, vocabulary())
    same = _replaced(patients, who) | {who}
    for resource in known:
        reading.read(resource, same)
    return reading.record(who, complete=complete)


class _Reading:
    """Collects the facts of one patient, type by type."""

    def __init__(
        self,
        origin: str,
        patient: Resource | None,
        known: Sequence[Resource],
        terms: Vocabulary,
    ) -> None:
        self._origin, self._terms = origin, terms
        self._demographics = Demographics() if patient is None else demographics_of(patient)
        self._medications = {
            str(r["id"]): r
            for r in known
            if r["resourceType"] == "Medication" and is_id(r.get("id"))
        }
        self._facts: dict[type, list[Any]] = {}
        if patient is not None and self._demographics.birth_date is None:
            self._keep([Unused(_reference(patient), "no usable birth date")])

    def read(self, resource: Resource, same: set[str]) -> None:
        """Add what one resource states, if it is about one of the patient ids in `same`."""
        kind = str(resource["resourceType"])
        if kind not in USED_TYPES or kind == "Patient":
            return
        name = _reference(resource)
        subject = reference(resource.get("subject") or resource.get("patient"))
        if subject is None or subject[1] not in same:
            reason = "about nobody" if subject is None else "about another patient"
            self._keep([Unused(name, reason)])
            return
        self._keep(self._facts_of(kind, resource, Source(self._origin, name)))

    def _facts_of(self, kind: str, resource: Resource, source: Source) -> Iterable[object]:
        terms = self._terms
        match kind:
            case "Observation":
                return observation_facts(resource, source, terms)
            case "Condition":
                return condition_facts(resource, source, terms, self._demographics.birth_date)
            case "MedicationRequest" | "MedicationStatement":
                return medication_facts(resource, source, terms, self._medication_in(resource))
            case "AllergyIntolerance":
                return allergy_facts(resource, source)
            case "FamilyMemberHistory":
                return family_facts(resource, source, terms)
            case "Procedure":
                return procedure_facts(resource, source, terms)
            case "DiagnosticReport":
                return report_facts(resource, source, terms)
            case "ImagingStudy":
                return study_facts(resource, source, terms)
            case _:
                return request_facts(resource, source, terms)

    def _medication_in(self, resource: Resource) -> Callable[[object], Resource]:
        def referred(value: object) -> Resource:
            written = text(value.get("reference")) if isinstance(value, Mapping) else ""
            if written.startswith("#"):
                contained = mappings(resource.get("contained"))
                return next((c for c in contained if c.get("id") == written[1:]), {})
            found = reference(value)
            return {} if found is None else self._medications.get(found[1], {})

        return referred

    def _keep(self, facts: Iterable[object]) -> None:
        for fact in facts:
            self._facts.setdefault(type(fact), []).append(fact)

    def _of(self, kind: type[Fact], day_of: Callable[[Fact], date | None]) -> tuple[Fact, ...]:
        """Facts of a kind, the oldest first, those without a date before all others.

        They were read in the order of their resources, which the sort keeps among equals.
        """
        found: list[Fact] = self._facts.get(kind, [])
        return tuple(sorted(found, key=lambda fact: day_of(fact) or date.min))

    def record(self, who: str, *, complete: bool) -> ClinicalRecord:
        """The record of all facts kept."""
        measured: list[Measured] = self._facts.get(Measured, [])
        return ClinicalRecord(
            person=who,
            demographics=self._demographics,
            problems=self._of(Problem, lambda p: p.onset),
            medications=self._of(Medication, lambda m: m.since),
            allergies=self._of(Allergy, lambda _: None),
            measurements=tuple(sorted(measured, key=_when)),
            smoking=self._smoking(),
            family_history=self._of(FamilyCondition, lambda _: None),
            procedures=self._of(Procedure, lambda p: p.on),
            imaging=_said_once(self._of(ImagingFact, lambda i: i.on)),
            unused=self._of(Unused, lambda _: None),
            complete=complete,
        )

    def _smoking(self) -> Smoking | None:
        statuses = self._of(Smoking, lambda s: s.at)
        details = self._of(SmokingDetail, lambda d: d.at)
        if not statuses:
            self._keep(
                Unused(detail.reference, "smoking: a detail without a status of smoking")
                for detail in details
            )
            return None
        newest = statuses[-1]
        packs = [d.pack_years for d in details if d.pack_years is not None]
        quits = [d.quit_on for d in details if d.quit_on is not None]
        return Smoking(
            newest.status,
            newest.at,
            newest.source,
            pack_years=packs[-1] if packs else None,
            quit_on=quits[-1] if quits and newest.status == "former" else None,
        )


def _said_once(facts: Sequence[ImagingFact]) -> tuple[ImagingFact, ...]:
    """Without the conclusions of reports that an Observation of the same day states too."""
    observed = {(f.kind, f.value, f.on) for f in facts if not _of_report(f)}
    return tuple(f for f in facts if not (_of_report(f) and (f.kind, f.value, f.on) in observed))


def _of_report(fact: ImagingFact) -> bool:
    return fact.source.reference.startswith("DiagnosticReport/")


def _when(measured: Measured) -> datetime:
    return measured.at


def _order(resource: Resource) -> tuple[str, str]:
    return str(resource["resourceType"]), text(resource.get("id"))


def _reference(resource: Resource) -> str:
    """``Type/id``, with a question mark where the id is none, which may hold anything."""
    found = resource.get("id")
    return f"{resource['resourceType']}/{found if is_id(found) else '?'}"


def _main(patients: Mapping[str, Resource], known: Sequence[Resource]) -> str:
    """The Patient that is meant: one that no other one here replaces."""
    kept = [name for name, patient in patients.items() if replaced_by(patient) not in patients]
    if kept or patients:
        return min(kept or patients)
    subjects = {
        found[1]
        for r in known
        if (found := reference(r.get("subject") or r.get("patient"))) is not None
        and found[0] in ("Patient", "")
    }
    return min(subjects, default="")


def _replaced(patients: Mapping[str, Resource], who: str) -> set[str]:
    """Ids of the Patients that `who` stands in for, directly or by others."""
    by = {name: replaced_by(patient) for name, patient in patients.items()}
    found: set[str] = set()
    waiting = [who]
    while waiting:
        one = waiting.pop()
        new = {name for name, other in by.items() if other == one and name not in found} - {who}
        found |= new
        waiting.extend(new)
    return found
