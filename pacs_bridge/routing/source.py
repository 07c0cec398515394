"""The rules in force: the rule file, read again when it changes, or its last good content."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from pacs_bridge.files import write_durably
from pacs_bridge.routing.load import RulesError, parse_rules, read_rule_file
from pacs_bridge.routing.located import Problem
from pacs_bridge.routing.read_actions import Known
from pacs_bridge.routing.rules import RuleSet

_log = structlog.get_logger(__name__)

_FRESH_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class InForce:
    """What holds now.

    Parameters
    ----------
    rules
        Those that decide.
    problems
        Why the present content of the file is not what decides; empty when it is.
    """

    rules: RuleSet
    problems: tuple[Problem, ...] = ()


class RuleSource:
    """Gives the rules of a file; a change of the file counts from the next call on.

    A file that cannot be used leaves the rules as they were. So that this holds over a
    restart too, the last good content is kept in `last_good`.

    Parameters
    ----------
    path
        The rule file; None means that there is none, and the rules are `RuleSet()`.
    known
        Peers and readers that rules may name.
    last_good
        File for the last content that could be used.
    applies
        This process applies the rules: it writes `last_good` and logs what changes. Others
        only look.
    """

    def __init__(
        self, path: Path | None, known: Known, last_good: Path, *, applies: bool = True
    ) -> None:
        self._path = path
        self._known = known
        self._last_good = last_good
        self._applies = applies
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._in_force: InForce | None = None

    def current(self) -> InForce:
        """Return what is in force, after a look at the file.

        Raises
        ------
        RulesError
            If the file cannot be used and never could.
        """
        if self._path is None:
            return InForce(RuleSet())
        with self._lock:
            stamp = _stamp(self._path)
            if self._in_force is None or stamp is None or stamp != self._seen:
                self._in_force = self._read(self._path, self._in_force)
                # A file changed a moment ago may change again within the same clock tick.
                fresh = stamp is not None and time.time_ns() - stamp[0] < _FRESH_NS
                self._seen = None if fresh else stamp
            return self._in_force

    def _read(self, path: Path, before: InForce | None) -> InForce:
        try:
            data = read_rule_file(path)
            loaded = parse_rules(data, str(path), self._known)
        except RulesError as error:
            return self._keep(before, error)
        if self._applies and (before is None or loaded.rules.digest != before.rules.digest):
            _log.info("routing.rules_in_force", digest=loaded.rules.digest)
        self._remember(data)
        return InForce(loaded.rules)

    def _keep(self, before: InForce | None, error: RulesError) -> InForce:
        if before is not None:
            rules = before.rules
        else:
            try:
                data = read_rule_file(self._last_good)
                rules = parse_rules(data, str(self._last_good), self._known).rules
            except RulesError:
                raise error from None
        if self._applies and (before is None or before.problems != error.problems):
            _log.error(
                "routing.rules_refused",
                problems=[str(p) for p in error.problems],
                in_force=rules.digest,
            )
        return InForce(rules, error.problems)

    def _remember(self, data: bytes) -> None:
        if not self._applies:
            return
        try:
            if not self._last_good.exists() or self._last_good.read_bytes() != data:
                write_durably(self._last_good, self._last_good.parent, data)
        except OSError as error:
            # The rules count all the same; only a restart with a bad file would miss them.
            _log.error("routing.last_good_not_kept", error=type(error).__name__)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does: a file written anew has another inode or time."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
