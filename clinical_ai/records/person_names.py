"""Names of persons in forms that can be compared: Chinese characters, pinyin, other letters.

A DICOM name has up to three groups (alphabetic, ideographic, phonetic; PS3.5 6.2.1), a FHIR
name a family name, given names and perhaps a text alone. Each becomes one or more `NameForm`.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from pypinyin import Style, pinyin
from pypinyin.constants import PINYIN_DICT
from pypinyin.style import convert

from clinical_ai.records.record import PersonName

# Readings of one name that are tried at most; names of two to four characters have fewer.
_MAX_READINGS = 64
_MAX_CHARACTERS = 64  # of one group (DICOM PS3.5 table 6.2-1, VR PN)
_HAN = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_UMLAUT = re.compile("(?<=[ln])ü")  # elsewhere it is no pinyin
# Passports write LYU and NYU for what keyboards and bank cards write LV and NV (GB/T 28039).
_UMLAUTS = (("lyu", "lv"), ("nyu", "nv"), ("lue", "lve"), ("nue", "nve"))

_COMPOUND = (
    "欧阳歐陽司马司馬上官诸葛諸葛东方東方皇甫尉迟尉遲公孙公孫慕容令狐夏侯长孙長孫"
    "宇文司徒端木轩辕軒轅南宫南宮百里东郭東郭西门西門呼延赫连赫連澹台澹臺公冶宗政"
    "濮阳濮陽淳于单于單于太叔申屠仲孙仲孫钟离鍾離鲜于鮮于闾丘司空亓官万俟萬俟拓跋"
    "独孤獨孤纳兰納蘭第五梁丘左丘"
)
COMPOUND_FAMILY_NAMES = frozenset(_COMPOUND[i : i + 2] for i in range(0, len(_COMPOUND), 2))
"""Family names of two characters in use today; any other Chinese family name has one."""

_PLACEHOLDERS = frozenset(
    {"unknown", "anonymous", "anonymized", "none", "null", "noname", "test", "unnamed"}
    | {"无名氏", "無名氏", "未知", "不详", "不詳", "无名", "佚名", "匿名", "测试"}
)


@dataclass(frozen=True, slots=True)
class NameForm:
    """One way of writing a name.

    Parameters
    ----------
    is_han
        Whether it is in Chinese characters.
    family, given
        Folded: without case, accents and punctuation; words parted by one space.
    is_parted
        False where it was guessed which word is the family name.
    """

    is_han: bool
    family: str
    given: str
    is_parted: bool = True

    @property
    def whole(self) -> str:
        """Family and given name without any space."""
        return (self.family + self.given).replace(" ", "")

    @property
    def swapped(self) -> str:
        """Given and family name without any space."""
        return (self.given + self.family).replace(" ", "")


def forms_of_dicom(value: str) -> frozenset[NameForm]:
    """Return the forms of a value of VR PN; empty for an empty or placeholder name.

    Parameters
    ----------
    value
        As in the data set: groups parted by ``=``, components by ``^``; of several names the
        first counts.
    """
    forms: set[NameForm] = set()
    for group in value.split("\\")[0].split("=")[:3]:
        family, _, rest = group[:_MAX_CHARACTERS].partition("^")
        given = " ".join(rest.split("^")[:2])
        forms |= _forms(family, given) if given.strip() else _forms_of_text(family)
    return frozenset(forms)


def forms_of_record(name: PersonName) -> frozenset[NameForm]:
    """Return the forms of a name of a record."""
    family, given = name.family[:_MAX_CHARACTERS], name.given[:_MAX_CHARACTERS]
    if family.strip() and given.strip():
        return frozenset(_forms(family, given))
    return frozenset(_forms_of_text(name.text[:_MAX_CHARACTERS] or family or given))


def _forms(family: str, given: str) -> set[NameForm]:
    if _HAN.search(family + given):
        form = NameForm(True, _han(family), _han(given))
    else:
        form = NameForm(False, fold(family), fold(given))
    is_name = form.whole and form.whole not in _PLACEHOLDERS and form.family not in _PLACEHOLDERS
    return {form} if is_name else set()


def _forms_of_text(text: str) -> set[NameForm]:
    """Part a name that its source did not part, in every way that it may be meant."""
    if _HAN.search(text):
        letters = _han(text)
        length = 2 if letters[:2] in COMPOUND_FAMILY_NAMES and len(letters) > 2 else 1
        return _forms(letters[:length], letters[length:])
    if "," in text:
        family, _, given = text.partition(",")
        return _forms(family, given)
    words = fold(text).split()
    if len(words) < 2:
        return _forms(text, "")
    guesses = _forms(words[0], " ".join(words[1:])) | _forms(words[-1], " ".join(words[:-1]))
    return {replace(guess, is_parted=False) for guess in guesses}


def _han(text: str) -> str:
    """Return letters and digits of a Chinese name, width variants unified."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def fold(text: str) -> str:
    """Return a name in letters without case, accents and punctuation.

    The umlaut of pinyin (after l and n) becomes ``v``; apostrophes vanish (``Xi'an``,
    ``O'Brien``), hyphens part words.
    """
    plain = _UMLAUT.sub("v", unicodedata.normalize("NFKC", text).casefold())
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", plain))
    plain = re.sub(r"['’`ʼ]", "", plain)
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    joined = " ".join(words)
    for written, keyed in _UMLAUTS:
        joined = joined.replace(written, keyed)
    return joined


@lru_cache(maxsize=4096)
def readings(characters: str) -> frozenset[tuple[str, ...]]:
    """Return the toneless pinyin of Chinese characters, one syllable each, in every reading."""
    per_character = (pinyin(c, style=Style.NORMAL, heteronym=True)[0] for c in characters)
    unified = [sorted({fold(s).replace(" ", "") for s in one}) for one in per_character]
    found = product(*unified)
    return frozenset(reading for _, reading in zip(range(_MAX_READINGS), found, strict=False))


@lru_cache(maxsize=1)
def _syllables() -> frozenset[str]:
    """Every toneless syllable of pinyin."""
    toned = {one for value in PINYIN_DICT.values() for one in value.split(",")}
    plain = {fold(convert(one, Style.NORMAL, strict=False)) for one in toned}
    return frozenset(s for s in plain if s.isascii() and s.isalpha() and set(s) & set("aeiouv"))


@lru_cache(maxsize=4096)
def pinyin_syllables(letters: str) -> tuple[str, ...] | None:
    """Part letters into syllables of pinyin, the longest first; None if they are none."""
    if not letters:
        return ()
    for length in range(min(6, len(letters)), 0, -1):
        if letters[:length] in _syllables():
            rest = pinyin_syllables(letters[length:])
            if rest is not None:
                return (letters[:length], *rest)
    return None


def is_pinyin(form: NameForm) -> bool:
    """Whether a name in letters may be pinyin: one to four syllables and nothing else."""
    parts = [pinyin_syllables(word) for word in f"{form.family} {form.given}".split()]
    syllables = [s for part in parts if part is not None for s in part]
    return None not in parts and 1 <= len(syllables) <= 4
