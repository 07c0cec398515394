"""Statements ranked by how well they answer a question; what must not answer it is left out."""

from collections.abc import Mapping

from clinical_ai.knowledge.intents import Asked
from clinical_ai.knowledge.measurements import contradicts
from clinical_ai.knowledge.nodes import Node
from clinical_ai.knowledge.statements import Statement
from clinical_ai.knowledge.topics import WIDER, KnowledgeIndex, Topic

_MIN_SCORE = 0.55
_MIN_COVER = 0.5
_MIN_COVER_UNASKED = 0.7
_OF_BEST = 0.62
_TOGETHER = {"recommends": "treatedWith"}
_ABOUT_OBJECT = frozenset({"targetOf", "screeningFor"})


def ranked(
    index: KnowledgeIndex, topics: list[Topic], asked: Asked, known: Mapping[str, float]
) -> list[tuple[float, Statement]]:
    """Statements that answer, best first; only those that concern every topic."""
    places = {p for topic in topics for name in topic.weights for p in index.by_node.get(name, ())}
    scored = []
    for place in places:
        statement = index.statements[place]
        if (
            _contradicted(index, statement, topics, known)
            or _harmful(index, statement, topics)
            or _other_system(index, statement, topics)
        ):
            continue
        fit = _intent_fit(index, statement, topics, asked)
        covered = [max((t.weights.get(n, 0.0) for n in statement.nodes), default=0) for t in topics]
        needed = [c for c, t in zip(covered, topics, strict=True) if not t.optional]
        if not fit or not any(needed):
            continue
        coverage = sum(needed) / len(needed)
        extra = sum(c for c, t in zip(covered, topics, strict=True) if t.optional) * 0.15
        score = coverage * fit + extra - 0.12 * _not_asked(statement, topics)
        score -= 0.3 * _foreign(index, statement, topics)
        if asked.first_line and getattr(statement.said, "line", None) == 1:
            score += 0.08
        least = _MIN_COVER if asked.intents else _MIN_COVER_UNASKED
        if min(needed) >= least and score >= _MIN_SCORE:
            scored.append((score, statement))
    if not scored:
        return []
    least = max(score for score, _ in scored) * _OF_BEST
    kept = _most_exact([(score, s) for score, s in scored if score >= least], topics)
    return sorted(kept, key=_order)


def _most_exact(
    scored: list[tuple[float, Statement]], topics: list[Topic]
) -> list[tuple[float, Statement]]:
    """Leave out what is said of a wider disease where the same is said of the one named.

    The drugs of hypertension are not those of hypertension in pregnancy.
    """
    exact = {
        (_TOGETHER.get(statement.predicate, statement.predicate), place)
        for _, statement in scored
        for place, topic in enumerate(topics)
        if statement.nodes & set(topic.named)
    }
    return [
        (score, statement)
        for score, statement in scored
        if all(
            topic.optional
            or (_TOGETHER.get(statement.predicate, statement.predicate), place) not in exact
            or any(topic.weights.get(n, 0) != WIDER for n in statement.nodes & set(topic.weights))
            for place, topic in enumerate(topics)
        )
    ]


def _harmful(index: KnowledgeIndex, statement: Statement, topics: list[Topic]) -> bool:
    """Whether a treatment is contraindicated in something that the question names."""
    if statement.predicate not in ("treatedWith", "recommends", "combinedWith"):
        return False
    if statement.against:
        return False
    named = {n for topic in topics for n, weight in topic.weights.items() if weight >= WIDER}
    drugs = {wide for name in statement.object for wide in (name, *index.broader[name])}
    return any(
        edge.object in named
        for drug in drugs
        for edge in index.graph.outgoing.get(drug, ())
        if edge.predicate == "contraindicatedIn"
    )


def _other_system(index: KnowledgeIndex, statement: Statement, topics: list[Topic]) -> bool:
    """Whether a recommendation is by another score than that whose category is asked about.

    The sizes of ACR TI-RADS answer no question about a category of C-TIRADS.
    """
    if not isinstance(statement.said, Node):
        return False
    by = index.systems.get(statement.said.id)
    asked = {
        edge.object
        for topic in topics
        for name in topic.named
        for edge in index.graph.outgoing.get(name, ())
        if edge.predicate == "categoryOf" and index.graph.node(edge.object).kind == "RiskEquation"
    }
    return bool(by and asked and not by & asked)


def _order(scored: tuple[float, Statement]) -> tuple[float, int, int, list[str]]:
    """Best first; of equals, first line before second, then what more sources say."""
    score, statement = scored
    line = getattr(statement.said, "line", None) or 3
    return -round(score, 3), line, -len(statement.citations), sorted(statement.nodes)


def _intent_fit(
    index: KnowledgeIndex, statement: Statement, topics: list[Topic], asked: Asked
) -> float:
    """How well the kind of a statement fits what is asked, 0 to 1.15."""
    if not asked.intents:
        return 0.9
    best = 0.0
    for intent in asked.intents:
        if statement.predicate == "recommends":
            kinds = {index.graph.node(name).kind for name in statement.object}
            if statement.against and not intent.against:
                share = 0.6 if kinds & intent.recommends else 0.0
            elif intent.against:
                share = 0.95 if statement.against else 0.55
                share = share if kinds & intent.recommends else 0.0
            else:
                share = 0.95 if kinds & intent.recommends else 0.0
        else:
            share = intent.predicates.get(statement.predicate, 0.0)
        if share and intent.asked and statement.predicate != "recommends":
            side = statement.subject if intent.asked == "subject" else statement.object
            own = side | statement.conditions
            if any(topic.weights.get(name, 0) >= 0.7 for topic in topics for name in own):
                share += 0.15
        best = max(best, share)
    return best


def _contradicted(
    index: KnowledgeIndex, statement: Statement, topics: list[Topic], known: Mapping[str, float]
) -> bool:
    """Whether a value of the question lies outside what the statement applies to."""
    sides: set[str] = set()
    if statement.predicate not in ("targetOf", "usesInput"):
        sides |= statement.subject
    if statement.predicate in ("contraindicatedIn", "usedWithCautionIn", "targetOf", "validFor"):
        sides |= statement.object
    # A recommendation may be about two grades, of which the question names one.
    if any(sides & set(topic.named) for topic in topics):
        sides = set()
    return any(
        contradicts(node, dict(known)) or _rival(index, node, topics)
        for node in map(index.graph.node, statement.conditions | sides)
    )


def _rival(index: KnowledgeIndex, node: Node, topics: list[Topic]) -> bool:
    """Whether the question names, or a value falls into, another category of the same scheme."""
    named = [index.graph.node(name) for topic in topics for name in topic.named]
    return node not in named and any(n.scheme == node.scheme != "" for n in named)


def _not_asked(statement: Statement, topics: list[Topic]) -> int:
    """How many conditions of a statement the question does not name."""
    return sum(not any(name in topic.weights for topic in topics) for name in statement.conditions)


def _foreign(index: KnowledgeIndex, statement: Statement, topics: list[Topic]) -> bool:
    """Whether a statement is about a disease that the question does not name."""
    about = statement.object if statement.predicate in _ABOUT_OBJECT else statement.subject
    diseases = [name for name in about if index.graph.node(name).kind == "Disease"]
    named = {name for topic in topics for name in topic.weights}
    return bool(diseases) and not named & set(diseases)
