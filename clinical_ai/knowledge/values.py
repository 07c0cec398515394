"""Values of RDF terms: local names, texts by language, numbers."""

from collections.abc import Mapping, Sequence

import pyoxigraph as ox

from clinical_ai.errors import KnowledgeError
from clinical_ai.knowledge.nodes import LANGUAGES, Language

BASE = "urn:clinical-ai:knowledge:"
"""Prefix of the nodes."""
ONTOLOGY = "urn:clinical-ai:ontology:"
"""Prefix of classes, kinds of edge and annotations."""

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Values = Mapping[str, Sequence[Term]]


def local_name(term: object) -> str:
    """Name of a node without its prefix; the text of a literal; the label of a blank node."""
    if isinstance(term, ox.NamedNode):
        value: str = term.value
        for prefix in (BASE, ONTOLOGY):
            if value.startswith(prefix):
                return value.removeprefix(prefix)
        return value.rpartition("#")[2]
    if isinstance(term, ox.BlankNode):
        return f"_:{term.value}"
    if isinstance(term, ox.Literal):
        return str(term.value)
    return str(term)


def by_language(values: Values, name: str) -> dict[Language, str]:
    """One text in each language; a second of the same language is an error."""
    found: dict[Language, str] = {}
    for language, texts in texts_by_language(values, name).items():
        if len(texts) > 1:
            raise KnowledgeError(f"k:{name} is given twice in {language}: {texts[0]!r}")
        if texts:
            found[language] = texts[0]
    return found


def texts_by_language(values: Values, name: str) -> dict[Language, tuple[str, ...]]:
    """All texts of a property by language; a text without zh or en is an error."""
    found: dict[Language, list[str]] = {language: [] for language in LANGUAGES}
    for value in values.get(name, ()):
        if not isinstance(value, ox.Literal) or value.language not in LANGUAGES:
            raise KnowledgeError(f'k:{name} {value} needs a language: "..."@zh or "..."@en')
        found["zh" if value.language == "zh" else "en"].append(value.value)
    return {language: tuple(sorted(texts)) for language, texts in found.items()}


def one_text(values: Values, name: str) -> str:
    """The only text of a property, or nothing."""
    found = values.get(name, ())
    if len(found) > 1:
        raise KnowledgeError(f"k:{name} is given more than once: {found[0]}")
    return local_name(found[0]) if found else ""


def one_number(values: Values, name: str) -> float | None:
    """The only number of a property, or None."""
    text = one_text(values, name)
    try:
        return float(text) if text else None
    except ValueError as error:
        raise KnowledgeError(f"k:{name} {text!r} is no number") from error


def resource_values(values: Values, name: str) -> tuple[str, ...]:
    """Names of the nodes that a property points at."""
    return tuple(local_name(value) for value in values.get(name, ()))
