"""The words that people read, in their language: on screens and in result images.

English is the language of the source; ``clinical_ai/locales/<locale>/LC_MESSAGES/clinical_ai.mo``
hold the catalogues, which `ui.catalogues` makes from the ``.po`` files.
"""

import gettext
from functools import cache
from pathlib import Path
from typing import Literal

from clinical_ai.codes import Code
from clinical_ai.errors import ClinicalAIError
from clinical_ai.messages import Message

Language = Literal["zh", "en"]
LOCALES: dict[Language, str] = {"zh": "zh_CN", "en": "en"}
LANGUAGE_NAMES: dict[Language, str] = {"zh": "中文", "en": "English"}
LOCALES_DIR = Path(__file__).parent / "locales"
DOMAIN = "clinical_ai"


@cache
def _catalogue(language: Language) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, str(LOCALES_DIR), languages=[LOCALES[language]])


class Texts:
    """Translates into one language; what has no translation stays English.

    Screens bind it to the name ``_``, so that extraction tools find ``_("...")``.
    """

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._catalogue = _catalogue(language)

    def __call__(self, template: str) -> str:
        """Return the translation of one English text."""
        return self._catalogue.gettext(template) if template else ""

    def message(self, message: Message) -> str:
        """Return a message from deep code, its values filled in after the translation."""
        values = {k: self(v) if isinstance(v, str) else v for k, v in message.values.items()}
        return self(message.template).format(**values)

    def code(self, code: Code) -> str:
        """Return the meaning of a coded concept."""
        return self(code.meaning)

    def error(self, error: ClinicalAIError) -> str:
        """Return the sentence an error carries for its reader."""
        first = error.args[0] if error.args else ""
        return self.message(first) if isinstance(first, Message) else self(str(error))
