"""Which reader takes a study, or why none does."""

from collections.abc import Sequence

from clinical_ai.messages import N_, Message
from clinical_ai.readers.base import Reader, StudyInput
from pacs_bridge.routing.actions import READ_DEFAULT, READ_NONE


def choose_reader(
    readers: Sequence[Reader], study: StudyInput, wanted: str = READ_DEFAULT
) -> Reader | Message:
    """Return the first reader that accepts the study, or the reason that none does.

    When readers of the study's modality refuse it, the first refusal is the reason: it says
    more than "no reader for this modality".

    Parameters
    ----------
    wanted
        What routing asks for: the name of a reader, which is then the only one asked,
        `READ_DEFAULT` or `READ_NONE`.
    """
    if wanted == READ_NONE:
        return Message(N_("Not read: routing asks for no reading."))
    if wanted != READ_DEFAULT:
        readers = [reader for reader in readers if reader.name == wanted]
        if not readers:
            return Message(
                N_("Not read: the reader {reader} that routing names is not installed."),
                {"reader": wanted},
            )
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
    shown = ", ".join(sorted(m for m in modalities if m)) or "?"
    if wanted != READ_DEFAULT:
        return Message(
            N_("Not read: the reader {reader} that routing names does not read {modality}."),
            {"reader": wanted, "modality": shown},
        )
    return Message(N_("Not read: there is no reader for modality {modality}."), {"modality": shown})
