"""Lung nodules on CT: Lung-RADS v2022 and Fleischner 2017 for each finding and the study.

Both are given, because the study rarely says whether it was a screening (Lung-RADS) or the
nodule was found by chance (Fleischner); the clinician knows.
"""

from collections.abc import Sequence

from clinical_ai import codes
from clinical_ai.assessment import fleischner, lung_rads
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.assessment.lung_screening import screening_criteria
from clinical_ai.assessment.nodule_probability import probabilities
from clinical_ai.findings import Assessment, Finding, Reading, Urgency
from clinical_ai.messages import N_, Message

_URGENCY: dict[str, Urgency] = {"4A": "soon", "4B": "urgent", "4X": "urgent"}
_LUNG_RADS_TYPES: dict[codes.Code, lung_rads.NoduleType] = {
    codes.SOLID: "solid",
    codes.PART_SOLID: "part_solid",
    codes.GROUND_GLASS: "nonsolid",
}
_FLEISCHNER_TYPES: dict[lung_rads.NoduleType, fleischner.NoduleType] = {
    "solid": "solid",
    "part_solid": "part_solid",
    "nonsolid": "ground_glass",
}
LOW_RISK = N_("low risk")
HIGH_RISK = N_("high risk")
ANY_RISK = N_("any risk")
NOT_APPLICABLE = N_("not applicable")
# By the risk groups that are shown: False = low, True = high
RISK_NOTES: dict[tuple[bool, ...], Message] = {
    (False, True): Message(N_("Smoking unknown: low risk assumed; the advice for both is shown.")),
    (False,): Message(N_("Never smoked: low risk; other risk factors were not looked at.")),
    (True,): Message(N_("Smoker, now or formerly: high risk.")),
}
NO_OTHER_RISK = Message(
    N_("Never smoked, neither emphysema nor lung cancer in the family listed: low risk.")
)
EMPHYSEMA = Message(N_("Emphysema listed in the record: high risk."))
LUNG_CANCER_IN_FAMILY = Message(N_("Lung cancer of a first-degree relative: high risk."))
RISK_REASONS: tuple[Message, ...] = (
    *RISK_NOTES.values(),
    NO_OTHER_RISK,
    EMPHYSEMA,
    LUNG_CANCER_IN_FAMILY,
)
NO_MARK = Message(N_("The model marked no nodule. That is not a negative reading by a person."))


def assess_lung(
    reading: Reading, context: AssessmentContext
) -> tuple[tuple[Assessment, ...], Urgency]:
    """Judge every nodule of `reading`, then the study by its most suspicious nodule.

    Study-level assessments come first, Lung-RADS before Fleischner. A finding without a size
    is not judged, and the study says so. With a record of the patient, each finding also has
    its probability by published equations.

    Returns
    -------
    assessments
        In the order in which they are to be shown.
    urgency
        ``"urgent"`` for Lung-RADS 4B and 4X, ``"soon"`` for 4A and for a part-solid nodule whose
        solid part was not measured, else ``"routine"``.
    """
    sized = [f for f in reading.findings if mean_diameter_mm(f) is not None]
    unsized = tuple(
        Message(N_("Finding {id} has no size and was not judged."), {"id": f.id})
        for f in reading.findings
        if mean_diameter_mm(f) is None
    )
    judged = [(f, *_lung_rads(f, context)) for f in sized]
    results = [result for _, result, _ in judged]
    exam = lung_rads.assess_exam(results)
    if not sized and unsized:
        exam = lung_rads.assess_exam((), lungs_evaluable=False)
    scope = _exam_caveats(has_findings=bool(reading.findings), context=context) + unsized
    whole = _as_assessment(exam, None, scope)
    of_findings = tuple(_as_assessment(result, f.id, notes) for f, result, notes in judged)
    by_fleischner = _fleischner(sized, context)
    by_equation = (
        [a for f in sized for a in probabilities(f, len(reading.findings), context)]
        if context.has_record
        else []
    )
    assessments = (
        whole,
        *(a for a in by_fleischner if a.finding_id is None),
        *of_findings,
        *(a for a in by_fleischner if a.finding_id is not None),
        *by_equation,
    )
    return assessments, urgency_of(exam.category, sized)


def urgency_of(category: str, findings: Sequence[Finding]) -> Urgency:
    """Return how soon the study should be reviewed, from its Lung-RADS category."""
    urgency = _URGENCY.get(category, "routine")
    if urgency == "routine" and any(_solid_part_missing(f) for f in findings):
        return "soon"
    return urgency


def mean_diameter_mm(finding: Finding) -> float | None:
    """Return the mean of long and short axis in mm; None when the finding has no size."""
    mean = finding.measurement(codes.MEAN_DIAMETER)
    if mean is not None:
        return mean
    long_axis = finding.measurement(codes.LONG_AXIS)
    short_axis = finding.measurement(codes.SHORT_AXIS)
    if long_axis is None or short_axis is None:
        return None
    return (long_axis + short_axis) / 2


def _composition(finding: Finding) -> lung_rads.NoduleType | None:
    quality = finding.quality(codes.NODULE_COMPOSITION)
    return None if quality is None else _LUNG_RADS_TYPES.get(quality)


def _solid_part_missing(finding: Finding) -> bool:
    return (
        _composition(finding) == "part_solid"
        and finding.measurement(codes.SOLID_COMPONENT_DIAMETER) is None
        and lung_rads.tenth(mean_diameter_mm(finding) or 0) >= 6
    )


def _exam_caveats(*, has_findings: bool, context: AssessmentContext) -> tuple[Message, ...]:
    caveats = [Message(N_("Lung-RADS is made for screening CT; use Fleischner otherwise."))]
    if context.has_record:
        caveats += screening_criteria(context)
    if context.known_cancer:
        caveats.append(Message(N_("Known cancer: Lung-RADS is made for people without it.")))
    if not has_findings:
        caveats.append(NO_MARK)
    if context.prior_studies:
        caveats.append(
            Message(
                N_("Baseline assumed: {count} earlier studies are at hand but were not compared."),
                {"count": context.prior_studies},
            )
        )
    else:
        caveats.append(Message(N_("Baseline assumed: no earlier CT was found.")))
    return tuple(caveats)


def _lung_rads(
    finding: Finding, context: AssessmentContext
) -> tuple[lung_rads.LungRadsResult, tuple[Message, ...]]:
    mean_mm = mean_diameter_mm(finding)
    assert mean_mm is not None  # assess_lung passes sized findings only
    kind = _composition(finding)
    assumed: list[Message] = []
    if kind is None:
        assumed.append(Message(N_("Composition unknown: assumed solid.")))
    if context.prior_studies == 0:
        assumed.append(Message(N_("Baseline assumed: no earlier CT was found.")))
    else:
        assumed.append(Message(N_("Baseline assumed: earlier studies were not compared.")))
    solid_mm = finding.measurement(codes.SOLID_COMPONENT_DIAMETER)
    result = lung_rads.assess_nodule(
        lung_rads.ScreenedNodule(
            type=kind or "solid",
            mean_mm=mean_mm,
            solid_mm=None if solid_mm is None else min(solid_mm, mean_mm),
        )
    )
    return result, tuple(assumed)


def _as_assessment(
    result: lung_rads.LungRadsResult, finding_id: str | None, assumptions: tuple[Message, ...]
) -> Assessment:
    return Assessment(
        scheme=lung_rads.SCHEME,
        category=result.label,
        code=lung_rads.CATEGORY_CODES[result.category],
        recommendation=result.recommendation,
        branch=result.branch,
        assumptions=assumptions + result.notes,
        citation=lung_rads.CITATION,
        finding_id=finding_id,
    )


def _fleischner(findings: list[Finding], context: AssessmentContext) -> tuple[Assessment, ...]:
    """Return the study's advice first (low, then high risk), then that of each finding."""
    if not findings:
        return ()
    may = fleischner.applicability(
        context.age_years, context.known_cancer, context.immunosuppressed
    )
    if may.excluded:
        return (
            Assessment(
                scheme=fleischner.SCHEME,
                category=NOT_APPLICABLE,
                code=None,
                recommendation=may.excluded[0],
                branch=may.excluded[0],
                assumptions=may.excluded[1:] + may.unknown,
                citation=fleischner.CITATION,
                finding_id=None,
            ),
        )
    risks, why = _risk_group(context)
    absent = tuple(
        Message(N_("Not listed in the record, taken as absent: {input}."), {"input": name})
        for field, name in _ABSENT_NAMES.items()
        if field in context.taken_as_absent
    )
    return advise(findings, risks, may.unknown + absent, why)


_ABSENT_NAMES = {
    "known_cancer": N_("cancer"),
    "immunosuppressed": N_("immunosuppression"),
}


def _risk_group(context: AssessmentContext) -> tuple[tuple[bool, ...], Message]:
    """Return low or high risk, or both when unknown, and why.

    Smoking, emphysema and lung cancer in the family raise it; the guideline names more, which
    no record tells surely.
    """
    if context.smoking in ("former", "current"):
        return (True,), RISK_NOTES[True,]
    if context.emphysema:
        return (True,), EMPHYSEMA
    if context.lung_cancer_in_family:
        return (True,), LUNG_CANCER_IN_FAMILY
    if context.smoking is None:
        return (False, True), RISK_NOTES[False, True]
    none_listed = context.emphysema is False and context.lung_cancer_in_family is False
    return (False,), NO_OTHER_RISK if none_listed else RISK_NOTES[False,]


def advise(
    findings: Sequence[Finding],
    risks: tuple[bool, ...],
    notes: tuple[Message, ...],
    why: Message,
) -> tuple[Assessment, ...]:
    """Return Fleischner's advice for the study, then for each finding.

    Parameters
    ----------
    findings
        At least one, each with a size.
    risks
        High risk or not; both when unknown.
    notes
        What was assumed of the patient.
    why
        Why the patient is in that group, one of `RISK_REASONS`.
    """
    solid = [f for f in findings if _fleischner_type(f) == "solid"]
    counts = {True: len(solid), False: len(findings) - len(solid)}  # rows of the table
    by_finding = {
        f.id: [
            _advice(f, multiple=counts[f in solid] > 1, high_risk=high_risk) for high_risk in risks
        ]
        for f in findings
    }
    of_study = [
        max(of_risk, key=lambda r: fleischner.INTENSITY.index(r.advice))
        for of_risk in zip(*by_finding.values(), strict=True)
    ]
    return _for_each_risk(risks, of_study, notes, why, None) + tuple(
        assessment
        for finding_id, results in by_finding.items()
        for assessment in _for_each_risk(risks, results, (), why, finding_id)
    )


def _for_each_risk(
    risks: tuple[bool, ...],
    results: list[fleischner.FleischnerResult],
    notes: tuple[Message, ...],
    why: Message,
    finding_id: str | None,
) -> tuple[Assessment, ...]:
    """Return one assessment a risk group, or a single one when the advice is the same."""
    labels = [HIGH_RISK if high_risk else LOW_RISK for high_risk in risks]
    if len(results) == 2 and results[0].advice == results[1].advice:
        labels, results = [ANY_RISK], results[:1]
    else:
        notes = (*notes, why)
    return tuple(
        Assessment(
            scheme=fleischner.SCHEME,
            category=label,
            code=None,
            recommendation=result.recommendation,
            branch=result.branch,
            assumptions=notes,
            citation=fleischner.CITATION,
            finding_id=finding_id,
        )
        for label, result in zip(labels, results, strict=True)
    )


def _fleischner_type(finding: Finding) -> fleischner.NoduleType:
    return _FLEISCHNER_TYPES[_composition(finding) or "solid"]


def _advice(finding: Finding, *, multiple: bool, high_risk: bool) -> fleischner.FleischnerResult:
    mean_mm = mean_diameter_mm(finding)
    assert mean_mm is not None  # assess_lung passes sized findings only
    return fleischner.assess_nodule(
        fleischner.IncidentalNodule(
            type=_fleischner_type(finding),
            size_mm=mean_mm,
            multiple=multiple,
            high_risk=high_risk,
        )
    )
