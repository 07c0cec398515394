"""Read typed values out of a located YAML tree; collects every problem instead of the first."""

import difflib
from collections.abc import Collection, Iterable, Iterator

from pacs_bridge.routing.located import Entries, Items, Node, Place, Problem, Scalar

_MAX_SHOWN_CHARACTERS = 60
_MAX_ALLOWED_SHOWN = 20


class Sheet:
    """A file being read: gathers problems and warnings with their places.

    Parameters
    ----------
    file
        Its name, for the problems.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, place: Place, says: str) -> None:
        """Note something that makes the file unusable."""
        self.problems.append(Problem(self._file, place, says))

    def warn(self, place: Place, says: str) -> None:
        """Note something that is allowed but hardly meant."""
        self.warnings.append(Problem(self._file, place, says))

    def entries(
        self, node: Node, what: str, allowed: Collection[str]
    ) -> Iterator[tuple[Scalar, Node]]:
        """Yield the entries of a mapping whose keys are allowed; the others are problems."""
        if not isinstance(node, Entries):
            self.problem(
                node.place,
                f"{what} must be a mapping with the keys {listed(allowed)}, not {kind(node)}",
            )
            return
        for key, value in node.entries:
            if key.text in allowed:
                yield key, value
            else:
                self.problem(key.place, unknown(f"key {shown(key.text)} in {what}", key, allowed))

    def items(self, node: Node, what: str) -> tuple[Node, ...]:
        """Return the items of a list; anything else is a problem."""
        if isinstance(node, Items):
            return node.items
        self.problem(node.place, f"{what} must be a list, not {kind(node)}")
        return ()

    def text(self, node: Node, what: str, *, longest: int = 1000) -> str | None:
        """Return a text that is not empty; None, and a problem, for anything else."""
        if not isinstance(node, Scalar) or node.is_null or not node.text.strip():
            self.problem(node.place, f"{what} must be a text, not {kind(node)}")
            return None
        if len(node.text) > longest:
            self.problem(
                node.place, f"{what} has {len(node.text)} characters; at most {longest} are allowed"
            )
            return None
        return node.text.strip()

    def texts(self, node: Node, what: str) -> tuple[tuple[str, Place], ...]:
        """Return one text, or the texts of a list, with their places; each text once."""
        nodes = node.items if isinstance(node, Items) else (node,)
        if not nodes:
            self.problem(node.place, f"{what} is an empty list; name at least one value")
        found: dict[str, Place] = {}
        for one in nodes:
            text = self.text(one, what)
            if text is not None:
                found.setdefault(text, one.place)
        return tuple(found.items())

    def flag(self, node: Node, what: str) -> bool | None:
        """Return true or false; None, and a problem, for anything else."""
        text = node.text.lower() if isinstance(node, Scalar) else ""
        if text in {"true", "false"}:
            return text == "true"
        self.problem(node.place, f"{what} must be true or false, not {kind(node)}")
        return None

    def whole_number(self, node: Node, what: str, low: int, high: int) -> int | None:
        """Return a whole number between two limits; None, and a problem, for anything else."""
        text = node.text.strip() if isinstance(node, Scalar) else ""
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 10:
            value = int(text)
            if low <= value <= high:
                return value
        wanted = str(low) if low == high else f"a whole number from {low} to {high}"
        self.problem(node.place, f"{what} must be {wanted}, not {kind(node)}")
        return None

    def choice(self, node: Node, what: str, allowed: Collection[str]) -> str | None:
        """Return one of the allowed texts; None, and a problem, for anything else."""
        text = self.text(node, what)
        if text is None or text in allowed:
            return text
        assert isinstance(node, Scalar)
        self.problem(node.place, unknown(f"{what} {shown(text)}", node, allowed))
        return None


def unknown(subject: str, found: Scalar, allowed: Iterable[str]) -> str:
    """Return the sentence about a word that is none of those allowed."""
    names = list(allowed)
    return f"unknown {subject}{suggestion(found.text, names)}; allowed: {listed(names)}"


def suggestion(text: str, allowed: Iterable[str]) -> str:
    """Return a question that names what `text` looks like; nothing when it looks like nothing."""
    by_folded = {name.casefold(): name for name in allowed}
    folded = text.strip().casefold()[:_MAX_SHOWN_CHARACTERS]
    near = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    return f" (did you mean {by_folded[near[0]]!r}?)" if near else ""


def listed(allowed: Iterable[str]) -> str:
    """Return the allowed values, not endlessly many."""
    names = list(allowed)
    more = len(names) - _MAX_ALLOWED_SHOWN
    text = ", ".join(names[:_MAX_ALLOWED_SHOWN]) or "none"
    return f"{text} and {more} more" if more > 0 else text


def kind(node: Node) -> str:
    """Return what stands there, in words."""
    if isinstance(node, Items):
        return "a list"
    if isinstance(node, Entries):
        return "a mapping"
    if node.is_null or not node.text.strip():
        return "nothing"
    return shown(node.text)


def shown(text: str) -> str:
    """Return a value of the file as it can be shown."""
    short = text if len(text) <= _MAX_SHOWN_CHARACTERS else f"{text[:_MAX_SHOWN_CHARACTERS]}..."
    return repr(short)
