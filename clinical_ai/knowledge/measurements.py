"""Measured values in a question, and the categories of the graph into which they fall."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clinical_ai.knowledge.graph import KnowledgeGraph
from clinical_ai.knowledge.lexicon import Mention
from clinical_ai.knowledge.nodes import Node, Range

_PRESSURE = re.compile(r"(?<![\d.])(\d{2,3}) ?/ ?(\d{2,3})(?!\d)(?: ?(mmhg|mm hg|毫米汞柱))?")
_AGE = re.compile(
    r"(?<![\d.])(\d{1,3}) ?(?:岁|周岁|years? old|y/?o\b|year olds?)|\baged? (?:of )?(\d{1,3})\b"
)
_LENGTH = re.compile(r"(?<![\d./])(\d+(?:\.\d+)?) ?(mm(?![a-z])|cm(?![a-z])|毫米|厘米)")
_VALUE = re.compile(
    r"^(?:水平|值|结果)? ?(?:为|是|在|达|到|升至|降至|of|is|at|was|=|:)? ?"
    r"(>=|<=|>|<|≥|≤|大于|小于|超过|低于|above|over|below|under)? ?(\d+(?:\.\d+)?)"
    r" ?(%|mmol/l|mg/dl|umol/l|μmol/l|mg/g|mg/l|ml/min(?:/1\.73 ?m2)?|ng/l|pg/ml|mm\b|cm\b"
    r"|kg/m2|分|次/分|/min|mmhg)?"
)
_TO_GRAPH = {
    ("mg/dl", "total-cholesterol"): 1 / 38.67,
    ("mg/dl", "ldl-cholesterol"): 1 / 38.67,
    ("mg/dl", "hdl-cholesterol"): 1 / 38.67,
    ("mg/dl", "non-hdl-cholesterol"): 1 / 38.67,
    ("mg/dl", "triglycerides"): 1 / 88.57,
    ("mg/dl", "fasting-glucose"): 1 / 18.016,
    ("mg/dl", "glucose-2h"): 1 / 18.016,
    ("mg/dl", "random-glucose"): 1 / 18.016,
    ("cm", ""): 10.0,
}
"""To mmol/L by molar mass (cholesterol 386.7, triglycerides 885.7, glucose 180.16 g/mol); mm."""
_BELOW_ALL = 1e-6


@dataclass(frozen=True, slots=True)
class Measured:
    """Values that stand together: one test, or both blood pressures.

    Parameters
    ----------
    values
        By id of the test, in the unit of the graph.
    """

    start: int
    end: int
    values: tuple[tuple[str, float], ...]


def measured(
    text: str, mentions: Sequence[Mention], tests: frozenset[str], length_test: str = ""
) -> list[Measured]:
    """Find the values of a normalised question.

    A number counts only beside the name of a test, as a pair of blood pressures, as an age or,
    if `length_test` says of what, as a length.
    """
    found = []
    for match in _PRESSURE.finditer(text):
        high, low = float(match[1]), float(match[2])
        if high > low and 60 <= high <= 300 and 30 <= low <= 200:
            found.append(Measured(*match.span(), (("systolic-bp", high), ("diastolic-bp", low))))
    found.extend(
        Measured(*match.span(), (("age", float(match[1] or match[2])),))
        for match in _AGE.finditer(text)
    )
    for mention in mentions:
        test = next((node for node in mention.nodes if node in tests), None)
        number = _VALUE.match(text[mention.end :])
        if test is None or number is None:
            continue
        start, end = mention.start, mention.end + number.end()
        if any(start < m.end and m.start < end for m in found):
            continue
        found.append(Measured(start, end, ((test, _value(test, number)),)))
    for match in _LENGTH.finditer(text) if length_test else ():
        if not any(match.start() < m.end and m.start < match.end() for m in found):
            scale = 10.0 if match[2] in ("cm", "厘米") else 1.0
            found.append(Measured(*match.span(), ((length_test, float(match[1]) * scale),)))
    return found


def _value(test: str, match: re.Match[str]) -> float:
    unit = match[3] or ""
    value = float(match[2]) * _TO_GRAPH.get((unit, test), _TO_GRAPH.get((unit, ""), 1.0))
    if match[1] in (">", "大于", "超过", "above", "over"):
        return value + _BELOW_ALL
    if match[1] in ("<", "小于", "低于", "below", "under"):
        return value - _BELOW_ALL
    return value


def categories_of(graph: KnowledgeGraph, values: Iterable[tuple[str, float]]) -> tuple[str, ...]:
    """Ids of the categories and populations into which values fall.

    Of two blood pressures, the higher grade counts: of one scheme, only the last in order of its
    limits is kept. Categories that need a value which is not known are left out.
    """
    known = dict(values)
    holding = [n for n in graph.nodes.values() if n.ranges and holds(n, known)]
    best: dict[str, Node] = {}
    for node in holding:
        rival = best.get(node.scheme or node.id)
        if rival is None or _low(node) > _low(rival):
            best[node.scheme or node.id] = node
    return tuple(node.id for node in best.values() if not node.scheme.endswith("target"))


def holds(node: Node, known: dict[str, float]) -> bool:
    """Whether known values put a person into a category."""
    tested = [known.get(limit.of) for limit in node.ranges]
    if not any(value is not None for value in tested):
        return False
    results = [
        limit.holds(value)
        for limit, value in zip(node.ranges, tested, strict=True)
        if value is not None
    ]
    return all(results) and len(results) == len(node.ranges) if node.needs_all else any(results)


def contradicts(node: Node, known: dict[str, float]) -> bool:
    """Whether known values exclude a category: every limit that can be tried fails."""
    results = [limit.holds(known[limit.of]) for limit in node.ranges if limit.of in known]
    if not results:
        return False
    return not all(results) if node.needs_all else not any(results)


def overlap(one: Node, other: Node) -> bool:
    """Whether two populations share an age."""
    return any(
        a.of == b.of and _from(a) < _to(b) and _from(b) < _to(a)
        for a in one.ranges
        for b in other.ranges
    )


def _low(node: Node) -> float:
    return max(_from(limit) for limit in node.ranges)


def _from(limit: Range) -> float:
    return limit.from_ if limit.from_ is not None else limit.over if limit.over is not None else 0.0


def _to(limit: Range) -> float:
    if limit.below is not None:
        return limit.below
    return limit.up_to if limit.up_to is not None else float("inf")
