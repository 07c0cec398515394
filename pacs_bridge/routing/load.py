"""Read a rule file: every problem with its line and column, what is allowed, what was meant."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.errors import RoutingError
from pacs_bridge.routing.actions import Actions
from pacs_bridge.routing.located import MAX_BYTES, Entries, Node, Place, Problem, Scalar, read_yaml
from pacs_bridge.routing.read_actions import Known, read_actions
from pacs_bridge.routing.read_conditions import read_condition
from pacs_bridge.routing.reading import Sheet, shown
from pacs_bridge.routing.rules import Rule, RuleSet

VERSION = 1  # of the form of the file
TOP_KEYS = ("version", "rules", "default")
RULE_KEYS = ("name", "enabled", "when", "then")
MAX_NAME_CHARACTERS = 80
_DIGEST_CHARACTERS = 16


class RulesError(RoutingError):
    """A rule file cannot be used.

    Parameters
    ----------
    problems
        In the order of the file; at least one.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Loaded:
    """A rule file that can be used.

    Parameters
    ----------
    warnings
        What is allowed but hardly meant.
    """

    rules: RuleSet
    warnings: tuple[Problem, ...]


def load_rules(path: Path, known: Known) -> Loaded:
    """Read the rule file at `path`.

    Raises
    ------
    RulesError
        With every problem, if the file cannot be read or used.
    """
    return parse_rules(read_rule_file(path), str(path), known)


def read_rule_file(path: Path) -> bytes:
    """Return the content of a rule file, which `parse_rules` takes.

    Raises
    ------
    RulesError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        says = f"the file cannot be read: {error.strerror}"
        raise RulesError((Problem(str(path), Place(1, 1), says),)) from error


def parse_rules(data: bytes, file: str, known: Known) -> Loaded:
    """Make rules of the content of a file.

    Parameters
    ----------
    file
        Its name, for the problems.
    known
        Peers and readers that the rules may name.

    Raises
    ------
    RulesError
        With every problem.
    """
    root, problems = read_yaml(data, file)
    sheet = Sheet(file)
    sheet.problems.extend(problems)
    rules: tuple[Rule, ...] = ()
    default: Actions | None = None
    if root is not None:
        rules, default = _top(sheet, root, known)
    elif not problems:
        sheet.problem(Place(1, 1), "the file is empty; it needs the key rules, default or both")
    if sheet.problems:
        raise RulesError(tuple(sorted(sheet.problems, key=lambda p: p.place)))
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST_CHARACTERS]
    warnings = tuple(sorted(sheet.warnings, key=lambda p: p.place))
    return Loaded(RuleSet(rules, default or Actions(), digest), warnings)


def _top(sheet: Sheet, root: Node, known: Known) -> tuple[tuple[Rule, ...], Actions | None]:
    rules: tuple[Rule, ...] = ()
    default: Actions | None = None
    for key, value in sheet.entries(root, "the file", TOP_KEYS):
        if key.text == "version":
            sheet.whole_number(value, "version", VERSION, VERSION)
        elif key.text == "rules":
            rules = _rules(sheet, value, known)
        else:
            default = read_actions(sheet, value, "default", known)
    if isinstance(root, Entries) and not {k.text for k, _ in root.entries} & {"rules", "default"}:
        sheet.problem(root.place, "the file has neither the key rules nor the key default")
    return rules, default


def _rules(sheet: Sheet, node: Node, known: Known) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    lines: dict[str, int] = {}
    for number, item in enumerate(sheet.items(node, "rules"), start=1):
        rule = _rule(sheet, item, number, known, lines)
        if rule is not None:
            rules.append(rule)
    _warn_unreachable(sheet, rules)
    return tuple(rules)


def _rule(
    sheet: Sheet, node: Node, number: int, known: Known, lines: dict[str, int]
) -> Rule | None:
    found = {key.text: value for key, value in sheet.entries(node, f"rule {number}", RULE_KEYS)}
    if not isinstance(node, Entries):
        return None
    name = _name(sheet, found.get("name"), node, number, lines)
    what = f"rule {shown(name)}" if name else f"rule {number}"
    enabled = sheet.flag(found["enabled"], f"enabled of {what}") if "enabled" in found else True
    when = read_condition(sheet, found["when"], f"when of {what}") if "when" in found else None
    then = None
    if "then" in found:
        then = read_actions(sheet, found["then"], f"then of {what}", known)
    else:
        sheet.problem(node.place, f"{what} lacks the key 'then': what to do with the study")
    if name is None or then is None or enabled is None:
        return None
    return Rule(name, when, then, enabled, node.place.line)


def _name(
    sheet: Sheet, node: Node | None, rule: Entries, number: int, lines: dict[str, int]
) -> str | None:
    if node is None:
        sheet.problem(rule.place, f"rule {number} lacks the key 'name'")
        return None
    name = sheet.text(node, f"name of rule {number}", longest=MAX_NAME_CHARACTERS)
    if name is None:
        return None
    assert isinstance(node, Scalar)
    if not name.isprintable():
        sheet.problem(node.place, f"name of rule {number} has control characters in it")
        return None
    if name in lines:
        sheet.problem(
            node.place, f"a second rule named {shown(name)}; the first is in line {lines[name]}"
        )
        return None
    lines[name] = node.place.line
    return name


def _warn_unreachable(sheet: Sheet, rules: list[Rule]) -> None:
    live = [rule for rule in rules if rule.enabled]
    for rule, later in itertools.pairwise(live):
        if rule.when is None:
            sheet.warn(
                Place(later.line, 1),
                f"rule {shown(later.name)} and those after it are never reached: rule "
                f"{shown(rule.name)} in line {rule.line} matches every study",
            )
            return
