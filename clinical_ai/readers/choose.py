"""Which reader takes a study, or why none does."""

from collections.abc import Sequence

from clinical_ai.messages import N_, Message
from clinical_ai.readers.base import Reader, StudyInput


def choose_reader(readers: Sequence[Reader], study: StudyInput) -> Reader | Message:
    """Return the first reader that accepts the study, or the reason that none does.

    When readers of the study's modality refuse it, the first refusal is the reason: it says
    more than "no reader for this modality".
    """
    modalities = {series.modality for series in study.series}
    reasons = []
    for reader in readers:
        if not modalities & reader.modalities:
            continue
        refusal = reader.accepts(study)
        if refusal is None:
            return reader
        reasons.append(refusal.reason)
    if reasons:
        return reasons[0]
    return Message(
        N_("Not read: there is no reader for modality {modality}."),
        {"modality": ", ".join(sorted(m for m in modalities if m)) or "?"},
    )
