"""What is told to a RIS of a reading: the model's own result, or what a clinician signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clinical_ai.assessment.after_review import after_review
from clinical_ai.findings import Reading
from clinical_ai.messages import Message
from clinical_ai.reports import statements
from clinical_ai.reports.signing import Signer, Verdicts

# OBR-25 and OBX-11, HL7 tables 0123 and 0085
Status = Literal["P", "F", "C"]


@dataclass(frozen=True, slots=True)
class Result:
    """What is reported.

    Parameters
    ----------
    reading
        For a signed report as it is after the review.
    status
        ``P`` preliminary, ``F`` final, ``C`` a correction of a final result.
    note
        Whether and how it was reviewed.
    made_at
        With its zone; all times of the message but the study's.
    sr_sop_instance_uid
        Of the report object in the PACS; empty when there is none.
    signer
        None while only the model has spoken.
    """

    reading: Reading
    status: Status
    note: Message
    made_at: datetime
    sr_sop_instance_uid: str
    signer: Signer | None


def preliminary(reading: Reading, sr_sop_instance_uid: str, made_at: datetime) -> Result:
    """Return the result of the model alone."""
    return Result(reading, "P", statements.NOT_REVIEWED, made_at, sr_sop_instance_uid, None)


def signed(
    reading: Reading,
    verdicts: Verdicts,
    signer: Signer,
    sr_sop_instance_uid: str,
    *,
    corrects: bool,
) -> Result:
    """Return the result that a clinician signed: the accepted findings only.

    Parameters
    ----------
    corrects
        An earlier result of the study was final.
    """
    accepted = {f.id for f in reading.findings if verdicts[f.id][0] == "accepted"}
    return Result(
        reading=after_review(reading, accepted),
        status="C" if corrects else "F",
        note=statements.reviewed(reading, accepted),
        made_at=datetime.fromtimestamp(signer.signed_at).astimezone(),
        sr_sop_instance_uid=sr_sop_instance_uid,
        signer=signer,
    )
