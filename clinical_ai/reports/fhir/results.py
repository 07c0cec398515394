"""The resources that tell of a reading: preliminary, final or corrected, and what they replace."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clinical_ai.findings import Reading
from clinical_ai.messages import N_, Message
from clinical_ai.reports import identity, statements
from clinical_ai.reports.fhir.audit import Audited, audit_event, signing
from clinical_ai.reports.fhir.communication import urgent_communication
from clinical_ai.reports.fhir.devices import model_device, software_device
from clinical_ai.reports.fhir.elements import Resource, annotation, resource_id
from clinical_ai.reports.fhir.finished import finished
from clinical_ai.reports.fhir.follow_up import follow_up
from clinical_ai.reports.fhir.imaging_study import imaging_study
from clinical_ai.reports.fhir.observations import category_observations, finding_observation
from clinical_ai.reports.fhir.provenance import provenance
from clinical_ai.reports.fhir.report import diagnostic_report
from clinical_ai.reports.fhir.told import Told
from clinical_ai.reports.signing import Signer, Verdicts, reviewed

# Kinds that a later reading or a rejection takes back. A report is never taken back: the next
# one has its id.
_TAKEN_BACK = ("Observation", "ServiceRequest", "Task", "Communication")

REJECTED = N_("Rejected by the physician who reviewed the AI result.")
CHANGED = N_("Taken back: the review changed the result.")
REPLACED = N_("Taken back: a newer reading of the study replaces this one.")


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far a reading has come: the status of its Observations and of its report."""

    observations: str
    report: str
    note: Message
    signer: Signer | None


def preliminary_resources(
    told: Told, reading: Reading, *, earlier: Sequence[Reading] = (), report: bool = True
) -> tuple[Resource, ...]:
    """Return the resources of a reading that nobody has signed.

    Of a study that was not read, that is the study itself with the reason.

    Parameters
    ----------
    earlier
        Unsigned readings of the study that this one replaces.
    report
        False keeps the report as it is: an earlier reading is signed, and its final report
        must not become a preliminary one.

    Raises
    ------
    ReportError
        When the patient is not known at all, the reading names no model, or a number is not
        finite.
    """
    if reading.status != "read":
        reason = "" if reading.reason is None else told.texts.message(reading.reason)
        return finished([imaging_study(told, reason)])
    made = list(_of_reading(told, reading, _preliminary(report)))
    return finished([*made, *_replaced(told, earlier, made)])


def final_resources(
    told: Told,
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    *,
    corrects: bool,
    earlier: Sequence[Reading] = (),
    audited: Sequence[Audited] = (),
) -> tuple[Resource, ...]:
    """Return the resources of a signed reading, and take back what was rejected or replaced.

    Parameters
    ----------
    reading
        As the model made it, with every finding.
    corrects
        An earlier report of the study was final.
    earlier
        Readings of the study that this one replaces, signed or not.
    audited
        What the audit trail says of the study; the signature is added.

    Raises
    ------
    ReportError
        As `preliminary_resources`, and when a finding is undecided.
    """
    after = reviewed(reading, verdicts)
    note = statements.reviewed(reading, {f.id for f in after.findings})
    standing = _Standing("final", "corrected" if corrects else "final", note, signer)
    made = list(_of_reading(told, after, standing))
    gone = _rejected(told, reading, verdicts, made)
    trail = [audit_event(told, event) for event in (*audited, signing(signer))]
    return finished([*made, *gone, *_replaced(told, earlier, made), *trail])


def _preliminary(report: bool) -> _Standing:
    status = "preliminary" if report else ""
    return _Standing("preliminary", status, statements.NOT_REVIEWED, None)


def _of_reading(told: Told, reading: Reading, standing: _Standing) -> Iterator[Resource]:
    signer = standing.signer
    found = [finding_observation(told, reading, f, standing.observations) for f in reading.findings]
    categories = category_observations(told, reading, standing.observations)
    results = [*categories, *found]
    made: list[Resource] = [*results]
    if standing.report:
        made.append(
            diagnostic_report(told, reading, results, standing.report, standing.note, signer)
        )
    made += follow_up(told, reading, categories, signer)
    if reading.urgency == "urgent":
        about = made[len(results) : len(results) + 1] if standing.report else results
        lines = statements.impression(reading, standing.note, told.texts)
        made.append(urgent_communication(told, reading, about, lines, signer))
    yield software_device()
    yield model_device(identity.model_of(reading), told.texts)
    yield imaging_study(told)
    yield from made
    if made:
        yield provenance(told, reading, made, signer)


def _rejected(
    told: Told, reading: Reading, verdicts: Verdicts, made: Sequence[Resource]
) -> Iterator[Resource]:
    """Yield what the preliminary result held and the signed one does not."""
    texts = told.texts
    reasons: Mapping[str, str] = {
        resource_id("Observation", reading.id, "finding", finding): " ".join(
            [texts(REJECTED), reason]
        )
        for finding, (verdict, reason) in verdicts.items()
        if verdict == "rejected"
    }
    for resource in _gone(_of_reading(told, reading, _preliminary(report=False)), made):
        yield withdrawn(resource, reasons.get(resource["id"], texts(CHANGED)))


def _replaced(
    told: Told, earlier: Sequence[Reading], made: Sequence[Resource]
) -> Iterator[Resource]:
    for old in earlier:
        if old.status == "read":
            for resource in _gone(_of_reading(told, old, _preliminary(report=False)), made):
                yield withdrawn(resource, told.texts(REPLACED))


def _gone(before: Iterator[Resource], made: Sequence[Resource]) -> Iterator[Resource]:
    left = {r["id"] for r in made}
    for resource in before:
        if resource["resourceType"] in _TAKEN_BACK and resource["id"] not in left:
            yield resource


def withdrawn(resource: Resource, why: str) -> Resource:
    """Return a resource as taken back: void, with the reason."""
    void = {**resource, "status": "entered-in-error"}
    if resource["resourceType"] == "Task":
        return {**void, "statusReason": {"text": why}}
    return {**void, "note": [*resource.get("note", []), annotation(why)]}
