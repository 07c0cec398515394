"""What remains of a reading when a clinician has rejected some of its findings."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from clinical_ai.assessment import fleischner, lung_nodules, lung_rads, nodule_probability
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.messages import N_, Message

ALL_REJECTED = Message(
    N_("No finding of the model was accepted. That is not a reading of the whole study.")
)


def after_review(reading: Reading, accepted: Collection[str]) -> Reading:
    """Return `reading` with its accepted findings only, and the study judged by these alone.

    Findings keep their ids. What had been assumed of the patient stays as the reading says it.

    Parameters
    ----------
    accepted
        Ids of the findings that the clinician accepted.
    """
    kept = tuple(f for f in reading.findings if f.id in accepted)
    if len(kept) == len(reading.findings):
        return reading
    left = [a for a in reading.assessments if a.finding_id is None or a.finding_id in accepted]
    again = replace(reading, findings=kept, assessments=tuple(left))
    by_lung_rads = [a for a in left if a.scheme == lung_rads.SCHEME]
    if not by_lung_rads:
        return again
    whole = _lung_rads_again(by_lung_rads, kept)
    by_fleischner = _fleischner_again(kept, reading.assessments)
    by_equation = (
        nodule_probability.counted_again(a, len(kept))
        for a in left
        if a.scheme in nodule_probability.SCHEMES
    )
    return replace(
        again,
        assessments=(
            whole,
            *(a for a in by_fleischner if a.finding_id is None),
            *(a for a in by_lung_rads if a.finding_id is not None),
            *(a for a in by_fleischner if a.finding_id is not None),
            *(a for a in by_equation if a is not None),
        ),
        urgency=lung_nodules.urgency_of(whole.category, kept),
    )


def _lung_rads_again(assessments: Sequence[Assessment], kept: Sequence[Finding]) -> Assessment:
    """Return the study's category: that of the most suspicious finding that is left."""
    old = next(a for a in assessments if a.finding_id is None)
    of_findings = [a for a in assessments if a.finding_id is not None]
    if not of_findings:
        none = lung_rads.assess_exam((), lungs_evaluable=not kept)  # what is left has no size
        return replace(
            old,
            category=none.label,
            code=lung_rads.CATEGORY_CODES[none.category],
            recommendation=none.recommendation,
            branch=none.branch,
            assumptions=(*old.assumptions, *([] if kept else [ALL_REJECTED])),
        )
    most = max(of_findings, key=lambda a: lung_rads.SEVERITY.index(a.category))
    return replace(most, assumptions=old.assumptions, finding_id=None)


def _fleischner_again(
    kept: Sequence[Finding], assessments: Sequence[Assessment]
) -> tuple[Assessment, ...]:
    of_study = [a for a in assessments if a.scheme == fleischner.SCHEME and a.finding_id is None]
    sized = [f for f in kept if lung_nodules.mean_diameter_mm(f) is not None]
    if not of_study or not sized:
        return ()
    groups = {a.category for a in of_study}
    if lung_nodules.NOT_APPLICABLE in groups:
        return tuple(of_study)
    risks: tuple[bool, ...] = (False, True)
    if groups == {lung_nodules.LOW_RISK}:
        risks = (False,)
    elif groups == {lung_nodules.HIGH_RISK}:
        risks = (True,)
    reasons = lung_nodules.RISK_REASONS
    said = of_study[0].assumptions
    why = next((note for note in said if note in reasons), lung_nodules.RISK_NOTES[risks])
    notes = tuple(note for note in said if note not in reasons)
    return lung_nodules.advise(sized, risks, notes, why)
