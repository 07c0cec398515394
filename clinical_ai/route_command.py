"""What ``clinical-ai route`` does: check rules, explain a decision, try rules on studies."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from clinical_ai.errors import ReviewError
from clinical_ai.routing import NOT_LISTED, known_names, rule_source
from clinical_ai.services import Services
from clinical_ai.settings import Settings
from clinical_ai.store.routing import StoredDecision, find_stored
from pacs_bridge.intake import dicom_files
from pacs_bridge.routing.actions import Actions
from pacs_bridge.routing.decision import Attempt, Decision, Trace
from pacs_bridge.routing.facts import StudyFacts
from pacs_bridge.routing.gather import facts_of_archived, facts_of_files
from pacs_bridge.routing.load import Loaded, load_rules
from pacs_bridge.routing.rules import RuleSet, decide
from pacs_bridge.routing.source import InForce
from pacs_bridge.tables import study

BY_DEFAULT = "(default)"


def check_rules(settings: Settings, file: Path) -> Loaded:
    """Read a rule file as the listener would.

    Raises
    ------
    pacs_bridge.routing.load.RulesError
        With every problem of the file.
    """
    return load_rules(file, known_names(settings))


def rules_in_force(settings: Settings) -> InForce:
    """Return the rules that decide now.

    Raises
    ------
    pacs_bridge.routing.load.RulesError
        When the file of the settings cannot be used and never could be.
    """
    return rule_source(settings, applies=False).current()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a study was treated as it was, and how it would be treated now.

    Parameters
    ----------
    stored
        The decision made when the study was complete; None for a study that has not been
        complete since there is routing.
    now
        By the present rules, with the clock of the stored decision.
    problems
        Why the present content of the rule file is not what decides.
    """

    study_uid: str
    stored: StoredDecision | None
    now: Decision
    problems: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the present rules would do something else."""
        return self.stored is not None and self.stored.decision.actions != self.now.actions


def explain(services: Services, study_uid: str) -> Explanation:
    """Explain the decision about the newest version of a study.

    Raises
    ------
    ReviewError
        When the study is not in the archive.
    """
    in_force = rules_in_force(services.settings)
    with services.engine.connect() as connection:
        stored = find_stored(connection, study_uid)
    moment = datetime.now(UTC) if stored is None else _moment(stored.decision.decided_at)
    facts = facts_of_archived(
        services.archive, study_uid, in_force.rules.tags(), moment.astimezone()
    )
    if facts is None:
        raise ReviewError(NOT_LISTED.format(study_uid=study_uid))
    problems = tuple(str(p) for p in in_force.problems)
    return Explanation(study_uid, stored, decide(in_force.rules, facts), problems)


def _moment(epoch_seconds: float) -> datetime:
    return datetime.fromtimestamp(epoch_seconds, UTC)


def decision_lines(decision: Decision) -> Iterator[str]:
    """Yield a decision in lines of text: what is done, and each rule that was tried."""
    yield f"decided by: {decision.rule or BY_DEFAULT}"
    yield f"actions:    {decision.actions}"
    for attempt in decision.tried:
        yield f"{'[x]' if attempt.matched else '[ ]'} {attempt.rule}{_note(attempt)}"
        if attempt.trace is not None:
            yield from _trace_lines(attempt.trace, 1)


def _note(attempt: Attempt) -> str:
    return f": {attempt.note}" if attempt.note else ""


def _trace_lines(trace: Trace, depth: int) -> Iterator[str]:
    seen = f": found {trace.seen}" if trace.seen else ""
    yield f"{'    ' * depth}{'yes' if trace.met else 'no '} {trace.condition}{seen}"
    for part in trace.parts:
        yield from _trace_lines(part, depth + 1)


@dataclass(frozen=True, slots=True)
class Trial:
    """What the rules to be tried, and those in force, do with one study."""

    facts: StudyFacts
    tried: Decision
    in_force: Decision

    @property
    def differs(self) -> bool:
        """Whether the study would be treated differently."""
        return self.tried.actions != self.in_force.actions

    def row(self) -> dict[str, Any]:
        """Return what is shown of it; no names of patients."""
        return {
            "study_uid": self.facts.study_uid,
            "modalities": ",".join(self.facts.modality),
            "images": self.facts.images,
            "study_description": ", ".join(self.facts.study_description),
            "rule": self.tried.rule or BY_DEFAULT,
            "actions": str(self.tried.actions),
            "rule_in_force": self.in_force.rule or BY_DEFAULT,
            "actions_in_force": str(self.in_force.actions),
            "differs": self.differs,
        }


@dataclass(frozen=True, slots=True)
class Trials:
    """All that was tried.

    Parameters
    ----------
    skipped
        Files that could not be tried, with the reason.
    """

    trials: tuple[Trial, ...]
    skipped: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Pretend:
    """What files do not say of themselves.

    Parameters
    ----------
    calling_ae
        Who sent them; None takes it from the files or the index.
    called_ae
        Which of our titles was called.
    at
        When they were complete; None is now.
    """

    calling_ae: str | None = None
    called_ae: str | None = None
    at: datetime | None = None

    @property
    def moment(self) -> datetime:
        """The local time that the rules see."""
        return (self.at or datetime.now(UTC)).astimezone()


def try_on_files(rules: RuleSet, before: RuleSet, path: Path, pretend: Pretend) -> Trials:
    """Try rules on the DICOM files of a folder, file or zip.

    Raises
    ------
    pacs_bridge.errors.IntakeError
        When `path` cannot be read.
    """
    tags = rules.tags() | before.tags()
    with dicom_files(path) as found:
        loose = facts_of_files(
            found.files,
            tags,
            pretend.moment,
            calling_ae=pretend.calling_ae,
            called_ae=pretend.called_ae,
        )
    trials = tuple(_trial(facts, rules, before) for facts in loose.studies)
    return Trials(trials, (*found.skipped, *loose.skipped))


def try_on_archive(
    services: Services, rules: RuleSet, before: RuleSet, pretend: Pretend, *, limit: int
) -> Trials:
    """Try rules on the newest studies of the archive."""
    newest = (
        select(study.c.study_instance_uid)
        .where(study.c.modalities != "")
        .order_by(study.c.last_received_at.desc())
        .limit(limit)
    )
    with services.engine.connect() as connection:
        uids = list(connection.execute(newest).scalars())
    tags = rules.tags() | before.tags()
    trials = []
    for uid in uids:
        facts = facts_of_archived(services.archive, uid, tags, pretend.moment)
        if facts is not None:
            trials.append(_trial(_pretended(facts, pretend), rules, before))
    return Trials(tuple(trials))


def _pretended(facts: StudyFacts, pretend: Pretend) -> StudyFacts:
    if pretend.calling_ae is not None:
        facts = replace(facts, calling_ae=(pretend.calling_ae,))
    if pretend.called_ae is not None:
        facts = replace(facts, called_ae=(pretend.called_ae,))
    return facts


def _trial(facts: StudyFacts, rules: RuleSet, before: RuleSet) -> Trial:
    return Trial(facts, decide(rules, facts), decide(before, facts))


def decision_row(decision: Decision) -> dict[str, Any]:
    """Return a decision as it is printed in JSON."""
    return {**asdict(decision), "decided_at": _moment(decision.decided_at).isoformat()}


def explanation_row(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as it is printed in JSON."""
    stored = explanation.stored
    return {
        "study_uid": explanation.study_uid,
        "content_version": stored.content_version if stored else None,
        "stored": decision_row(stored.decision) if stored else None,
        "released_by": stored.released_by if stored else None,
        "now": decision_row(explanation.now),
        "differs": explanation.differs,
        "problems": list(explanation.problems),
    }


def rule_rows(rules: RuleSet) -> Sequence[dict[str, Any]]:
    """Return one dictionary a rule, and one for the default."""
    rows = [
        {"line": r.line, "name": r.name, "enabled": r.enabled, "actions": str(r.then)}
        for r in rules.rules
    ]
    return [*rows, _default_row(rules.default)]


def _default_row(default: Actions) -> dict[str, Any]:
    return {"line": None, "name": BY_DEFAULT, "enabled": True, "actions": str(default)}
