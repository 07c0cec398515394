"""Read a pathway file: every problem with file, line, column, what is wrong and the cure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from clinical_ai.errors import KnowledgeError
from clinical_ai.pathways.conditions import Strict
from clinical_ai.pathways.definition import AlarmRules, Pathway
from pacs_bridge.routing.located import (
    MAX_BYTES,
    Entries,
    Items,
    Node,
    Place,
    Problem,
    Scalar,
    read_yaml,
)

DATA = Path(__file__).parent / "data"
ALARMS_FILE = "alarms.yaml"
T = TypeVar("T", bound=Strict)


class PathwayFileError(KnowledgeError):
    """A pathway file cannot be used.

    Parameters
    ----------
    problems
        In the order of the file; at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def parse(data: bytes, file: str, model: type[T]) -> T:
    """Return what the content of a file declares.

    Parameters
    ----------
    data
        UTF-8 YAML.
    file
        Name for the problems.
    model
        `Pathway` or `AlarmRules`.

    Raises
    ------
    PathwayFileError
        With every problem.
    """
    root, problems = read_yaml(data, file)
    if problems:
        raise PathwayFileError(sorted(problems, key=lambda p: p.place))
    if not isinstance(root, Entries):
        says = "the file is empty or no mapping; see docs/pathways.md for its keys"
        raise PathwayFileError([Problem(file, Place(1, 1), says)])
    plain = _plain(root)
    try:
        return model.model_validate(plain, context=_defined(plain))
    except ValidationError as error:
        found = [_problem(file, root, one) for one in error.errors(include_url=False)]
        raise PathwayFileError(sorted(found, key=lambda p: p.place)) from None


def read_pathway_file(path: Path, model: type[T]) -> T:
    """Read the file at `path`; see `parse`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        says = f"the file cannot be read: {error.strerror}"
        raise PathwayFileError([Problem(str(path), Place(1, 1), says)]) from error
    return parse(data, str(path), model)


def load_pathways(site: Path | None = None) -> dict[str, Pathway]:
    """Return the pathways by name: ours, with those of the site in place of or beside them.

    Parameters
    ----------
    site
        Folder of the site's files (``*.yaml``); a file replaces the pathway whose name it
        declares.

    Raises
    ------
    PathwayFileError
        If any file cannot be used, or the folder is not there.
    """
    found: dict[str, Pathway] = {}
    for folder in (DATA, site):
        here: dict[str, Path] = {}
        for path in _files(folder):
            pathway = read_pathway_file(path, Pathway)
            if pathway.pathway in here:
                says = (
                    f"the pathway {pathway.pathway!r} stands in {here[pathway.pathway].name} too; "
                    "remove one of the files or rename its pathway"
                )
                raise PathwayFileError([Problem(str(path), Place(1, 1), says)])
            here[pathway.pathway] = path
            found[pathway.pathway] = pathway
    return dict(sorted(found.items()))


def load_alarm_rules(site: Path | None = None) -> AlarmRules:
    """Return the alarms on readings: the site's ``alarms.yaml`` if there is one, else ours."""
    own = site / ALARMS_FILE if site is not None else None
    return read_pathway_file(
        own if own is not None and own.exists() else DATA / ALARMS_FILE, AlarmRules
    )


def _files(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        says = "there is no such folder; correct pathways_dir in the settings"
        raise PathwayFileError([Problem(str(folder), Place(1, 1), says)])
    return sorted(p for p in folder.glob("*.yaml") if p.name != ALARMS_FILE)


def _plain(node: Node) -> object:
    if isinstance(node, Scalar):
        return None if node.is_null else node.text
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return {key.text: _plain(value) for key, value in node.entries}


def _defined(plain: object) -> dict[str, list[str]]:
    """Return what the file itself defines, for its own references."""
    root = plain if isinstance(plain, Mapping) else {}

    def fields(table: str, key: str) -> list[str]:
        rows = root.get(table)
        rows = rows if isinstance(rows, list) else []
        found = (row.get(key) for row in rows if isinstance(row, Mapping))
        return [value for value in found if isinstance(value, str)]

    sources = root.get("sources")
    return {
        "sources": list(sources) if isinstance(sources, Mapping) else [],
        "stages": fields("stages", "id"),
        "groups": fields("goals", "group"),
    }


def _problem(file: str, root: Node, error: ErrorDetails) -> Problem:
    at = tuple(error.get("ctx", {}).get("at", ()))
    path = (*error["loc"], *at)
    place, name = _place(root, path)
    kind, value = error["type"], error["input"]
    if kind == "pathway":
        says = error["msg"]
    elif kind == "missing":
        says = f"the key {path[-1]!r} is missing here; add it"
    elif kind == "value_error":
        says = error["msg"].removeprefix("Value error, ")
    else:
        shown = f", not {value!r}" if isinstance(value, str) else ""
        says = f"{error['msg'][:1].lower()}{error['msg'][1:]}{shown}"
    return Problem(file, place, f"{name}: {says}" if name else says)


def _place(root: Node, path: Sequence[str | int]) -> tuple[Place, str]:
    """Return the place of the deepest part of a path that is in the file, and the path in words."""
    node, place, words = root, root.place, ""
    for step in path:
        if isinstance(node, Entries):
            found = next(((k, v) for k, v in node.entries if k.text == step), None)
            if found is None:
                break
            key, node = found
            place, words = key.place, f"{words}.{step}" if words else str(step)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place, words = node.place, f"{words}[{step + 1}]"
        else:
            break
    return place, words
