"""What a report of a reading says in words, whatever object or message carries it."""

from collections.abc import Collection

from clinical_ai.findings import Reading
from clinical_ai.messages import N_, Message
from clinical_ai.reports import identity

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
