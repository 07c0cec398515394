"""What a report of a reading says in words, whatever object or message carries it."""

import re
from collections.abc import Collection

from clinical_ai.findings import Assessment, Reading
from clinical_ai.messages import N_, Message
from clinical_ai.reports import identity
from clinical_ai.texts import Texts

_DECIMALS = 3

NOT_REVIEWED = Message(N_("Made by an AI model and not yet reviewed by a physician."))


def reviewed(reading: Reading, accepted: Collection[str]) -> Message:
    """Return what a signed report says of the review.

    Parameters
    ----------
    reading
        As the model made it, with every finding.
    accepted
        Ids of the findings that were accepted.
    """
    return Message(
        N_(
            "Reviewed and signed by a physician. Rejected and left out of this report: "
            "{rejected} of {total} findings of the AI model."
        ),
        {"total": len(reading.findings), "rejected": len(reading.findings) - len(accepted)},
    )


def about_model(reading: Reading) -> tuple[Message, ...]:
    """Return the cautions of a reading, what its model is for, and how good it is known to be."""
    model = identity.model_of(reading)
    return (*reading.cautions, model.intended_use, *model.accuracy)


def impression(reading: Reading, note: Message, texts: Texts) -> list[str]:
    """Return a reading in words, a line each: its standing, the study, then each finding.

    Parameters
    ----------
    note
        Whether and how it was reviewed.
    """
    lines = [texts.message(note)]
    for assessment in reading.assessments:
        if assessment.finding_id is None:
            lines += [_of_study(assessment, texts)]
            lines += [texts.message(assumption) for assumption in assessment.assumptions]
    for finding in reading.findings:
        site = [] if finding.site is None else [texts.code(finding.site)]
        sizes = [
            f"{texts.code(m.name)} {number(m.value)} {m.unit.value}" for m in finding.measurements
        ]
        lines.append(f"{finding.id}. " + ", ".join([texts.code(finding.code), *site, *sizes]))
    return [*lines, *of_equations(reading, texts)]


def of_equations(reading: Reading, texts: Texts) -> list[str]:
    """Return what published equations say of each finding, with what is not known; a line each."""
    return [
        " ".join(
            (
                f"{a.finding_id}. {one_line(texts(a.scheme))}: {texts(a.category)}.",
                texts.message(a.recommendation),
                *(texts.message(assumption) for assumption in a.assumptions),
                f"{a.citation}.",
            )
        )
        for a in reading.assessments
        if a.inputs is not None and a.finding_id is not None
    ]


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space."""
    return re.sub(r"\s+", " ", text).strip()


def number(value: float) -> str:
    """Return a value in digits, with three decimals at most and no exponent."""
    text = f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _of_study(assessment: Assessment, texts: Texts) -> str:
    scheme = one_line(texts(assessment.scheme))
    return f"{scheme}: {texts(assessment.category)}. {texts.message(assessment.branch)}."
