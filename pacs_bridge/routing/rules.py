"""Rules in order; the first that matches decides."""

from dataclasses import dataclass, field

from pacs_bridge.routing.actions import Actions
from pacs_bridge.routing.conditions import Condition
from pacs_bridge.routing.decision import Attempt, Decision
from pacs_bridge.routing.facts import StudyFacts

NO_CONDITIONS = "matches every study"
DISABLED = "disabled in the file"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name
        Different from that of every other rule.
    when
        None matches every study.
    line
        Where it stands in its file, from 1.
    """

    name: str
    when: Condition | None
    then: Actions
    enabled: bool = True
    line: int = 0


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of one file; without arguments, the behaviour where there is no file.

    Parameters
    ----------
    default
        For studies that no rule matches.
    digest
        First 16 hexadecimal digits of the SHA-256 of the file; None without one.
    """

    rules: tuple[Rule, ...] = ()
    default: Actions = field(default_factory=Actions)
    digest: str | None = None

    def tags(self) -> frozenset[int]:
        """Return the data elements that the facts of a study must hold for these rules."""
        return frozenset(
            tag
            for rule in self.rules
            if rule.enabled and rule.when is not None
            for tag in rule.when.tags()
        )


def decide(rules: RuleSet, facts: StudyFacts) -> Decision:
    """Return what the first matching rule says, with all that was tried before it.

    Every condition of a rule is examined, also where one alone would settle it, so that the
    record holds every value seen.
    """
    tried: list[Attempt] = []
    for rule in rules.rules:
        attempt = _try(rule, facts)
        tried.append(attempt)
        if attempt.matched:
            return Decision(rule.name, rule.then, tuple(tried), rules.digest, facts.at.timestamp())
    return Decision(None, rules.default, tuple(tried), rules.digest, facts.at.timestamp())


def _try(rule: Rule, facts: StudyFacts) -> Attempt:
    if not rule.enabled:
        return Attempt(rule.name, False, None, DISABLED)
    if rule.when is None:
        return Attempt(rule.name, True, None, NO_CONDITIONS)
    trace = rule.when.examine(facts)
    return Attempt(rule.name, trace.met, trace)
