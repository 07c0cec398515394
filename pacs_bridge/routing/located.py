"""YAML as a tree that knows the line and column of everything, and refuses what is not plain.

PyYAML's safe composer gives the marks. Anchors, tags and duplicate keys are refused: they make
a file mean other than what it shows. Scalars stay text, because each key of a rule file knows
which type it wants; so ``NO`` stays a text and ``22:00`` a time of day.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

MAX_BYTES = 128 * 1024  # some hundred rules; a second or two to read
_MAX_DEPTH = 40


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a file, and what is allowed."""

    file: str
    place: Place
    says: str

    def __str__(self) -> str:
        """As compilers write it, so that editors can jump there."""
        return f"{self.file}:{self.place.line}:{self.place.column}: {self.says}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; `is_null` when nothing, ``~`` or ``null`` stands there unquoted."""

    place: Place
    text: str
    is_null: bool


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping, in the order of the file."""

    place: Place
    entries: tuple[tuple[Scalar, "Node"], ...]


Node = Scalar | Items | Entries


def read_yaml(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """Return the tree of a file and what is wrong with it.

    Parameters
    ----------
    data
        UTF-8 text.
    file
        Name for the problems.

    Returns
    -------
    node
        None when there is nothing in the file, or it is no YAML.
    problems
        Empty when the whole file could be read.
    """
    if len(data) > MAX_BYTES:
        says = f"the file has {len(data)} bytes; at most {MAX_BYTES} are allowed"
        return None, [Problem(file, Place(1, 1), says)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        says = f"the file is not UTF-8 ({error.reason}); save it as UTF-8"
        return None, [Problem(file, _place_in(data[: error.start].decode("utf-8")), says)]
    try:
        found = next(_refused(text, file), None)
        if found is not None:
            return None, [found]
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        says = ", ".join(filter(None, (error.context, error.problem)))
        return None, [Problem(file, _place(mark), f"this is not YAML: {says}")]
    except yaml.reader.ReaderError as error:
        says = f"the character U+{error.character:04X} is not allowed in YAML"
        return None, [Problem(file, _place_in(text[: error.position]), says)]
    except (ValueError, OverflowError) as error:
        # PyYAML lets through what int() and chr() say of a wrong version or escape.
        return None, [Problem(file, Place(1, 1), f"this is not YAML: {error}")]
    problems: list[Problem] = []
    return (None if root is None else _node(root, file, problems)), problems


def _refused(text: str, file: str) -> Iterator[Problem]:
    """Yield what may not stand in the file; looks at events only, so depth costs no stack."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        says = ""
        if depth > _MAX_DEPTH:
            says = f"lists and mappings are nested more than {_MAX_DEPTH} deep"
        elif documents > 1:
            says = "a second document starts here; one file holds one document"
        elif getattr(event, "anchor", None) is not None:
            says = "anchors and aliases are not allowed; write the value out"
        elif getattr(event, "tag", None) is not None:
            says = f"the tag {event.tag!r} is not allowed; write the value without it"
        if says:
            yield Problem(file, _place(event.start_mark), says)


def _node(node: yaml.Node, file: str, problems: list[Problem]) -> Node:
    place = _place(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return Items(place, tuple(_node(item, file, problems) for item in node.value))
    if isinstance(node, yaml.MappingNode):
        return _entries(node, file, problems)
    assert isinstance(node, yaml.ScalarNode)
    return Scalar(place, node.value, node.tag == "tag:yaml.org,2002:null")


def _entries(node: yaml.MappingNode, file: str, problems: list[Problem]) -> Entries:
    entries: list[tuple[Scalar, Node]] = []
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        value = _node(value_node, file, problems)
        place = _place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(file, place, "a key must be a word, not a list or mapping"))
            continue
        key = Scalar(place, key_node.value, False)
        if key.text in lines:
            says = f"the key {key.text!r} stands here a second time; see line {lines[key.text]}"
            problems.append(Problem(file, place, says))
            continue
        lines[key.text] = place.line
        entries.append((key, value))
    return Entries(_place(node.start_mark), tuple(entries))


def _place(mark: yaml.Mark | None) -> Place:
    return Place(1, 1) if mark is None else Place(mark.line + 1, mark.column + 1)


def _place_in(before: str) -> Place:
    """Return the place of what follows `before`."""
    return Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
