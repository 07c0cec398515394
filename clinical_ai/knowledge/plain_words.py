"""Words of a question that carry no medical meaning of their own.

Whatever is left when these, the names of the graph's nodes, the measured values and the words of
the intents are taken away was not understood, and the question is not answered.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

from clinical_ai.knowledge.lexicon import normalised

_OUT_OF_SCOPE = {
    "doses": re.compile(
        r"剂量|用量|多少(毫克|片|粒|单位|mg)|几(片|粒|毫克|支)|每日几次|一天几次|吃多少"
        r"|每次多少|\bdos(e|es|age|ing)\b|\bhow (many|much) (mg|milligrams?|tablets?|pills?"
        r"|units?)\b"
        r"|\bmilligrams?\b|\btablets?\b|\bpills?\b|\d ?mg\b(?!/)|毫克|\btitrat\w+|滴速"
    ),
    "children": re.compile(
        r"儿童|小儿|婴儿|婴幼儿|新生儿|幼儿|孩子|青少年|患儿|宝宝|\bchild(ren)?\b"
        r"|\bpediatric\w*|\binfants?\b|\bnewborns?\b|\bneonat\w+"
        r"|\badolescents?\b|\bteenagers?\b|\bkids?\b|\btoddlers?\b|\b(boy|girl)s?\b"
    ),
}
_HAN = re.compile(r"[\u3400-\u9fff]+")
_LATIN_WORD = re.compile(r"[a-zα-ωà-ÿ][a-z0-9α-ωà-ÿ'’/.+]*")


def out_of_scope(text: str) -> str:
    """What the graph does not cover in a question: ``doses``, ``children`` or nothing."""
    return next((name for name, words in _OUT_OF_SCOPE.items() if words.search(text)), "")


@dataclass(frozen=True, slots=True)
class PlainWords:
    """Chinese words as one pattern, longest first; English words as a set."""

    chinese: re.Pattern[str]
    english: frozenset[str]

    def not_understood(self, masked: str) -> tuple[str, ...]:
        """Words that are neither known names nor plain, in a text with the known ones blanked."""
        left = self.chinese.sub(" ", masked)
        unknown = _HAN.findall(left)
        for word in _LATIN_WORD.findall(masked):
            bare = word.strip("'’./+").removesuffix("'s").removesuffix("’s")
            single = len(bare) == 1 and bare.isascii()
            if bare and bare not in self.english and not single:
                unknown.append(bare)
        return tuple(dict.fromkeys(unknown))


def plain_words() -> PlainWords:
    """Read the list of the package."""
    file = files("clinical_ai.knowledge") / "data" / "plain_words.txt"
    text = file.read_text(encoding="utf-8").partition("\n")[2]
    chinese = sorted((w for w in text.split() if _HAN.match(w)), key=len, reverse=True)
    english = (w for w in text.split() if not _HAN.match(w))
    return PlainWords(
        re.compile("|".join(map(re.escape, chinese))),
        frozenset(normalised(" ".join(english)).split()),
    )
