"""What became of cards (CDS Hooks 2.0, "Feedback")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from clinical_ai.decision_support.advice import REASONS
from clinical_ai.decision_support.cards import REASON_SYSTEM
from clinical_ai.errors import DecisionSupportError

MAX_ENTRIES = 100
OTHER_REASON = "other"
"""A reason that is none of ours; its text is not kept, for it may name the patient."""


class _Suggestion(BaseModel):
    id: UUID


class _Coding(BaseModel):
    code: str
    system: str | None = None


class _Override(BaseModel):
    reason: _Coding | None = None
    userComment: str | None = None  # noqa: N815 - the specification's name


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore")

    card: UUID
    outcome: Literal["accepted", "overridden"]
    outcomeTimestamp: AwareDatetime  # noqa: N815
    acceptedSuggestions: Annotated[list[_Suggestion], Field(max_length=50)] = []  # noqa: N815
    overrideReason: _Override | None = None  # noqa: N815

    @model_validator(mode="after")
    def _is_consistent(self) -> "_Entry":
        if self.outcome == "accepted" and not self.acceptedSuggestions:
            raise ValueError("accepted needs acceptedSuggestions")
        return self


class _Body(BaseModel):
    feedback: Annotated[list[_Entry], Field(min_length=1, max_length=MAX_ENTRIES)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a clinician did with one card.

    Parameters
    ----------
    reason
        One of `clinical_ai.decision_support.advice.REASONS`, `OTHER_REASON`, or empty.
    has_comment
        A comment came along; its text may name the patient and is not kept.
    """

    card: UUID
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[UUID, ...]
    reason: str
    has_comment: bool

    @property
    def detail(self) -> str:
        """One line for the audit trail, without patient data."""
        parts = [f"card {self.card}", f"at {self.at.isoformat(timespec='seconds')}"]
        parts += [f"suggestion {suggestion}" for suggestion in self.suggestions]
        if self.reason:
            parts.append(f"reason {self.reason}")
        if self.has_comment:
            parts.append("with a comment, not kept")
        return "; ".join(parts)


def parse_feedback(body: bytes) -> tuple[Outcome, ...]:
    """Read the body of a feedback call.

    Raises
    ------
    DecisionSupportError
        When it is not as the specification has it; quotes no value.
    """
    try:
        content: Any = orjson.loads(body)
        parsed = _Body.model_validate(content)
    except orjson.JSONDecodeError as error:
        raise DecisionSupportError("the body is not JSON") from error
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)[:5]
        where = ", ".join(f"{'.'.join(map(str, f['loc']))} ({f['type']})" for f in faults)
        raise DecisionSupportError(
            f"the feedback is not as CDS Hooks 2.0 has it: {where}"
        ) from error
    return tuple(map(_outcome, parsed.feedback))


def _outcome(entry: _Entry) -> Outcome:
    override = entry.overrideReason
    coding = override.reason if override is not None else None
    reason = ""
    if coding is not None:
        is_ours = coding.system in (None, REASON_SYSTEM) and coding.code in REASONS
        reason = coding.code if is_ours else OTHER_REASON
    return Outcome(
        card=entry.card,
        outcome=entry.outcome,
        at=entry.outcomeTimestamp,
        suggestions=tuple(s.id for s in entry.acceptedSuggestions),
        reason=reason,
        has_comment=override is not None and bool(override.userComment),
    )
