"""The words of a report in Chinese and English."""

from collections.abc import Mapping
from functools import cache

from risk_models.cohort.report.texts import Translator
from risk_models.surveillance.groups import DiseaseGroup
from risk_models.surveillance.tables import load_data


@cache
def _chinese() -> Mapping[str, str]:
    table: Mapping[str, str] = load_data("texts_zh")
    return table


class Words(Translator):
    """Translates the English templates of reports of surveillance."""

    def __init__(self, language: str) -> None:
        super().__init__(language, _chinese())

    def group(self, group: DiseaseGroup) -> str:
        """A group's title."""
        return group.title_zh if self.language == "zh" else group.title
