"""What was decided about one version of a study, and why: the record that is stored."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pacs_bridge.errors import RoutingError
from pacs_bridge.routing.actions import Actions, PriorsWish


@dataclass(frozen=True, slots=True)
class Trace:
    """One condition as it was found.

    Parameters
    ----------
    condition
        In words, for example ``modality is CT or MR``.
    seen
        The value of the study in words; empty for a combination of conditions.
    met
        Whether the condition holds.
    parts
        The conditions of a combination.
    """

    condition: str
    seen: str
    met: bool
    parts: tuple["Trace", ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rule as it was tried.

    Parameters
    ----------
    trace
        None for a rule that was not looked at, or that has no conditions.
    note
        Why there is no trace; else empty.
    """

    rule: str
    matched: bool
    trace: Trace | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which rule decided, on what, and which rules were tried before it.

    Parameters
    ----------
    rule
        Name of the deciding rule; None when no rule matched and the default counts.
    tried
        In order; the last one is the deciding rule, if there is one.
    rules_digest
        First 16 hexadecimal digits of the SHA-256 of the rule file; None without a file.
    decided_at
        Seconds since 1970 UTC.
    """

    rule: str | None
    actions: Actions
    tried: tuple[Attempt, ...]
    rules_digest: str | None
    decided_at: float

    @property
    def priors(self) -> PriorsWish | None:
        """The earlier studies to fetch."""
        return self.actions.priors


_adapter = TypeAdapter(Decision)


def decision_to_json(decision: Decision) -> str:
    """Return `decision` as JSON text."""
    return _adapter.dump_json(decision).decode()


def decision_from_json(text: str) -> Decision:
    """Return the decision written by `decision_to_json`.

    Raises
    ------
    RoutingError
        If the text is not such a decision.
    """
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        raise RoutingError(f"a stored routing decision cannot be read: {error}") from error
