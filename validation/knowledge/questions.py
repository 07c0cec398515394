"""Accuracy of answers from the knowledge graph over the questions of the tests.

``python -m validation.knowledge.questions [FILE...] [--wrong]``: for the questions that were tuned
on and for those held out, the share answered rightly with its 95 % interval (Wilson).
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from clinical_ai.knowledge.answer import Answer, KnowledgeIndex, ask, knowledge_index
from clinical_ai.knowledge.graph import load_graph

FOLDER = Path(__file__).parents[2] / "tests" / "clinical_ai" / "knowledge"
FIRST = 10
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, whether it was answered rightly, and how long that took in seconds."""

    question: str
    expected: tuple[str, ...]
    right: bool
    seconds: float
    answer: Answer


def right(answer: Answer, expected: Sequence[str]) -> bool:
    """Whether the statements shown name every expected node; or none was expected and none came."""
    if not expected:
        return not answer.found
    named = {name for statement in answer.statements[:FIRST] for name in statement.nodes}
    return set(expected) <= named


def judge(index: KnowledgeIndex, questions: Sequence[dict[str, Any]]) -> list[Judged]:
    """Ask every question."""
    judged = []
    for item in questions:
        start = time.perf_counter()
        answer = ask(index, item["question"])
        seconds = time.perf_counter() - start
        expected = tuple(item["expected"])
        judged.append(Judged(item["question"], expected, right(answer, expected), seconds, answer))
    return judged


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % confidence interval of a share (Wilson, J Am Stat Assoc 1927;22:209-212)."""
    if trials == 0:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z * _Z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return middle - half, middle + half


def read_questions(files: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Questions by part: ``tuned``, ``held_out``; a plain list is ``listed``."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, list):
            content = {"listed": content}
        for part, questions in content.items():
            if isinstance(questions, list):
                parts.setdefault(f"{file.stem}: {part}", []).extend(questions)
    return parts


def main() -> None:
    """Print accuracy for every part of every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "files", nargs="*", type=Path, default=sorted(FOLDER.glob("questions*.json"))
    )
    parser.add_argument("--wrong", action="store_true", help="List what was answered wrongly.")
    options = parser.parse_args()
    start = time.perf_counter()
    index = knowledge_index(load_graph())
    print(f"start-up {time.perf_counter() - start:.2f} s")
    for part, questions in read_questions(options.files).items():
        judged = judge(index, questions)
        _print_part(part, judged)
        for item in judged if options.wrong else ():
            if not item.right:
                _print_wrong(item)


def _print_part(part: str, judged: Sequence[Judged]) -> None:
    print(part)
    slowest = max((item.seconds for item in judged), default=0) * 1000
    for name, chosen in (
        ("all", judged),
        ("with an answer", [i for i in judged if i.expected]),
        ("not in the knowledge base", [i for i in judged if not i.expected]),
    ):
        hits = sum(item.right for item in chosen)
        low, high = wilson(hits, len(chosen))
        share = hits / len(chosen) if chosen else 0
        print(f"  {name}: {hits}/{len(chosen)} = {share:.3f} (95 % CI {low:.3f} to {high:.3f})")
    print(f"  slowest question {slowest:.1f} ms")


def _print_wrong(item: Judged) -> None:
    answer = item.answer
    print(f"  WRONG {item.question} expected {list(item.expected) or 'nothing'}")
    print(f"    understood {answer.understood} {answer.intents} {answer.reason} {answer.detail}")
    for statement in answer.statements[:FIRST]:
        print(f"    {statement.score:.2f} {statement.text}")


if __name__ == "__main__":
    main()
