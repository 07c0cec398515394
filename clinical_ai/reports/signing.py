"""Who made a reading final, and what is left of it then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from clinical_ai.assessment.after_review import after_review
from clinical_ai.errors import ReportError
from clinical_ai.findings import Reading

Verdict = tuple[Literal["accepted", "rejected"], str]  # and the reason
Verdicts = Mapping[str, Verdict]  # by finding id


@dataclass(frozen=True, slots=True)
class Signer:
    """The person who makes a reading final.

    Parameters
    ----------
    signed_at
        Seconds since the epoch.
    """

    username: str
    full_name: str
    organization: str
    signed_at: float

    @property
    def moment(self) -> datetime:
        """When, in UTC."""
        return datetime.fromtimestamp(self.signed_at, UTC)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes the objects of this signature others than those of any other."""
        return self.username, repr(self.signed_at)


def reviewed(reading: Reading, verdicts: Verdicts) -> Reading:
    """Return what stands after the review: the accepted findings, the study judged by these.

    Raises
    ------
    ReportError
        When a finding is undecided.
    """
    undecided = [f.id for f in reading.findings if f.id not in verdicts]
    if undecided:
        raise ReportError(f"finding {undecided[0]} has no verdict; decide it before signing")
    return after_review(reading, {f.id for f in reading.findings if _accepted(verdicts[f.id])})


def _accepted(verdict: Verdict) -> bool:
    return verdict[0] == "accepted"
