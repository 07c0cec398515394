"""Names of the graph's nodes found in plain text: longest match, Chinese and English."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from clinical_ai.knowledge.graph import KnowledgeGraph

_SPELLING = (("ae", "e"), ("oe", "e"), ("tumour", "tumor"), ("programme", "program"))


@dataclass(frozen=True, slots=True)
class Mention:
    """A name in a text: `start` and `end` are offsets in the normalised text."""

    start: int
    end: int
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Every label and synonym, by its first character, longest first."""

    names: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """Find names in a text that `normalised` has made; at each place the longest."""
        found = []
        place = 0
        while place < len(text):
            match = self._at(text, place)
            if match is None:
                place += 1
                continue
            found.append(match)
            place = match.end
        return tuple(found)

    def _at(self, text: str, place: int) -> Mention | None:
        for name, nodes in self.names.get(text[place], ()):
            end = place + len(name)
            if not text.startswith(name, place):
                continue
            if _latin(name[-1]) and text[end : end + 1] == "s":
                end += 1
            if _inside_word(text, place, end):
                continue
            return Mention(place, end, nodes)
        return None


def lexicon_of(graph: KnowledgeGraph) -> Lexicon:
    """Collect the names of all nodes but recommendations, which are found by what they concern."""
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for node in graph.nodes.values():
        if node.kind == "Recommendation":
            continue
        for language in ("zh", "en"):
            for name in (node.labels[language], *node.synonyms[language]):
                form = normalised(name)
                if form and node.id not in owners[form]:
                    owners[form].append(node.id)
    by_first: defaultdict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for form, nodes in owners.items():
        by_first[form[0]].append((form, tuple(nodes)))
    return Lexicon(
        {first: tuple(sorted(n, key=lambda x: -len(x[0]))) for first, n in by_first.items()}
    )


def normalised(text: str) -> str:
    """One way of writing: NFKC, lower case, American spelling, hyphens as spaces."""
    text = unicodedata.normalize("NFKC", text).casefold()
    for british, american in _SPELLING:
        text = text.replace(british, american)
    for hyphen in "-‐‑–—_":
        text = text.replace(hyphen, " ")
    return " ".join(text.replace("～", "~").split())


def _latin(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _inside_word(text: str, start: int, end: int) -> bool:
    """Whether a match cuts through a word or a number of Latin characters."""
    return any(
        0 < place < len(text)
        and text[place - 1].isascii()
        and text[place].isascii()
        and text[place - 1].isalnum()
        and text[place].isalnum()
        for place in (start, end)
    )
