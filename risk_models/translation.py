"""Risk results, refusals, cautions and guideline answers in Chinese or English.

The source is English; ``texts_zh.json`` holds the Chinese of every template and word.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from risk_models.results import Caution, Problem
from risk_models.text import N_, Message

LANGUAGES = ("zh", "en")
TO_BE_TYPED = frozenset({"field", "fields", "option"})
"""Values of messages that a record must hold letter by letter, so they stay as they are."""


@cache
def chinese() -> Mapping[str, str]:
    """Chinese by English template or word."""
    text = resources.files("risk_models").joinpath("texts_zh.json").read_text("utf-8")
    table: Mapping[str, str] = json.loads(text)
    return table


class RiskTexts:
    """Writes what this package says in one language; what has no translation stays English.

    Parameters
    ----------
    language
        ``"zh"`` or ``"en"``.
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}; there are: {', '.join(LANGUAGES)}")
        self._catalogue: Mapping[str, str] = chinese() if language == "zh" else {}
        self._comma = "、" if language == "zh" else ", "

    def word(self, text: str) -> str:
        """An input, outcome, class, category, rule, title or unit; a list of them by its parts."""
        whole = self._catalogue.get(text)
        if whole is not None:
            return whole
        return self._comma.join(self._catalogue.get(part, part) for part in text.split(", "))

    def message(self, message: Message) -> str:
        """A sentence, its words translated too."""
        template = self._catalogue.get(message.template, message.template)
        values = {
            name: self._value(name, value) if isinstance(value, str) else value
            for name, value in message.values.items()
        }
        return template.format(**values)

    def _value(self, name: str, value: str) -> str:
        if name in TO_BE_TYPED:
            return value
        if name == "options":
            return self._comma.join(self._option(option) for option in value.split(", "))
        return self.word(value)

    def _option(self, option: str) -> str:
        """The word that a record must hold, and what it means: ``male（男）``."""
        meaning = self._catalogue.get(option)
        return option if meaning is None else f"{option}（{meaning}）"

    def caution(self, caution: Caution) -> str:
        """What a reader must know before using a number."""
        return self.message(caution.message)

    def problem(self, problem: Problem) -> str:
        """What is wrong with an input, what is accepted, and the likely cure.

        Holds the patient's value where the problem does: for the screen, not for a log.
        """
        values = {
            "variable": problem.variable,
            "kind": str(problem.kind),
            "valid": self.message(problem.valid),
            "cure": "" if problem.cure is None else self.message(problem.cure),
        }
        if not problem.fields:
            return self.message(Message(N_("{variable}: {kind}. {valid}."), values))
        if problem.given is None:
            template = N_("{variable}: {kind}. Accepted: {valid}. {cure}")
            return self.message(Message(template, values)).rstrip()
        template = N_("{variable}: {kind}. Given: {given}; accepted: {valid}. {cure}")
        return self.message(
            Message(template, {**values, "given": self._given(problem.given)})
        ).rstrip()

    def _given(self, given: str) -> str:
        """A number with its unit translated; a quoted text stays as it is."""
        number, space, unit = given.partition(" ")
        return given if given.startswith('"') else f"{number}{space}{self.word(unit)}"

    def outcome(self, name: str, horizon_years: int | None) -> str:
        """An outcome with its horizon."""
        if horizon_years is None:
            return self.word(name)
        template = N_("{outcome}, {years} years")
        return self.message(Message(template, {"outcome": name, "years": horizon_years}))
