"""The words of a report in Chinese and English."""

from collections.abc import Mapping
from functools import cache

from risk_models.cohort.fields import load_table
from risk_models.cohort.standardise import Rate
from risk_models.text import N_
from risk_models.translation import chinese

LANGUAGES = ("zh", "en")
HIDDEN = "*"
"""What a hidden cell shows."""

_NAMES: Mapping[str, str] = {
    "district": N_("district"),
    "sex": N_("sex"),
    "age_group": N_("age"),
    "risk_class": N_("risk class"),
}


@cache
def _chinese() -> Mapping[str, str]:
    own: Mapping[str, str] = load_table("texts_zh")
    return {**chinese(), **own}


class Translator:
    """Translates English templates; `chinese` holds the Chinese of each."""

    def __init__(self, language: str, chinese: Mapping[str, str]) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}; there are: {', '.join(LANGUAGES)}")
        self.language = language
        self._words = chinese if language == "zh" else {}

    def __call__(self, template: str, **values: object) -> str:
        """The template in this language, filled in; English where there is no translation."""
        template = self._words.get(template, template)
        return template.format(**values) if values else template

    def pair(self, name: str, text: str) -> str:
        """``name: text`` with the language's colon."""
        return f"{name}：{text}" if self.language == "zh" else f"{name}: {text}"

    def list(self, items: object) -> str:
        """Items with the language's comma."""
        separator = "、" if self.language == "zh" else ", "
        return separator.join(str(item) for item in items)  # type: ignore[attr-defined]


class Texts(Translator):
    """Translates the English templates of reports of cohorts."""

    def __init__(self, language: str) -> None:
        super().__init__(language, _chinese())

    def name(self, word: str) -> str:
        """A stratum, a class, a field or an equation's title in this language."""
        return self(_NAMES.get(word, word))

    def field(self, name: str) -> str:
        """A field's name as people read it."""
        return self(name) if self.language == "zh" else name.replace("_", " ")

    def problem(self, text: str) -> str:
        """A problem of an equation, ``field: kind (valid)``, in this language."""
        head, colon, rest = text.partition(": ")
        if not colon:
            return self(text)
        kind, bracket, valid = rest.partition(" (")
        if self.language != "zh":
            return f"{self.field(head)}: {kind}" + (f" ({valid}" if bracket else "")
        whole = _chinese().get(rest)
        if whole is not None:
            return f"{self.field(head)}：{whole}"
        valid = valid.removesuffix(")").replace(" to below ", "–<").replace(" to ", "–")
        valid = valid.replace(" years", " 岁").replace("true or false –1 or 0", "")
        return f"{self.field(head)}：{self(kind)}" + (f"（{self(valid)}）" if bracket else "")


def number(value: int | None) -> str:
    """A count with thin groups, or the mark of a hidden one."""
    return HIDDEN if value is None else f"{value:,}"


def percent(value: float, digits: int = 1) -> str:
    """A share in per cent."""
    return f"{100 * value:.{digits}f}"


def percent_with_interval(rate: Rate | None) -> str:
    """``12.3 (11.0-13.7)``, or the mark of a hidden one."""
    if rate is None:
        return HIDDEN
    return f"{percent(rate.value)} ({percent(rate.low)}–{percent(rate.high)})"
