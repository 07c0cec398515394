"""Apply the guidelines that belong to a reader's findings."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.assessment.lung_nodules import assess_lung
from clinical_ai.findings import Assessment, Reading, Urgency

Rule = Callable[[Reading, AssessmentContext], tuple[tuple[Assessment, ...], Urgency]]

# By `Reading.reader`
RULES: Mapping[str, Rule] = {"lung_nodule": assess_lung}


def assess(reading: Reading, context: AssessmentContext) -> Reading:
    """Return `reading` with its assessments and urgency filled in.

    A reading that was not read, and one whose reader has no guideline here, comes back as it is.
    """
    rule = RULES.get(reading.reader)
    if reading.status != "read" or rule is None:
        return reading
    assessments, urgency = rule(reading, context)
    return replace(reading, assessments=assessments, urgency=urgency)
