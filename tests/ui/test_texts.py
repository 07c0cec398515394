"""Every text a person may see has a Chinese translation, and catalogues agree with it."""

import re
import string

import pytest

from clinical_ai.codes import LUNG_NODULE
from clinical_ai.errors import ReviewError
from clinical_ai.messages import Message
from clinical_ai.texts import DOMAIN, LOCALES_DIR, Texts

pytest.importorskip("babel", reason="the catalogues are checked where Babel is installed")

from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from ui.catalogues import extract, po_path

# Units and names that are the same in both languages.
SAME = re.compile(r"mm|Lung-RADS.*")


def fields(template: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def catalogue(locale: str) -> dict[str, str]:
    with po_path(locale).open("rb") as source:
        return {str(m.id): str(m.string) for m in read_po(source, charset="utf-8") if m.id}


def test_extraction_sees_screens_deep_code_and_codes():
    found = dict(extract())
    assert found["Sign the report"] == "ui/screens/review.py"  # inside an f-string
    assert found["User name or password is wrong."] == "clinical_ai/accounts.py"
    assert found["Nodule of lung"] == "clinical_ai/codes.py"


def test_every_text_is_translated_with_the_same_fields():
    chinese = catalogue("zh_CN")
    texts = {text for text, _ in extract()}
    missing = sorted(t for t in texts if not chinese.get(t))
    assert not missing, (
        f"add to clinical_ai/locales/zh_CN, then run python -m ui.catalogues: {missing}"
    )
    different = {t for t in texts if fields(t) != fields(chinese[t])}
    assert not different
    untranslated = {t for t in texts if chinese[t] == t and not SAME.fullmatch(t)}
    assert not untranslated


def test_compiled_catalogues_hold_what_the_sources_say():
    for locale in ("zh_CN", "en"):
        with (LOCALES_DIR / locale / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as source:
            compiled = {str(m.id): str(m.string) for m in read_mo(source) if m.id}
        assert compiled == {k: v for k, v in catalogue(locale).items() if v}


def test_catalogues_hold_no_dead_texts():
    assert set(catalogue("zh_CN")) == {text for text, _ in extract()}


def test_messages_are_translated_before_their_values_are_filled_in():
    message = Message("v{number}: late images", {"number": 2})
    assert Texts("zh").message(message) == "v2：后到图像"
    assert Texts("en").message(message) == "v2: late images"
    assert Texts("zh").code(LUNG_NODULE) == "肺结节"


def test_errors_reach_people_in_their_language():
    texts = Texts("zh")
    assert texts.error(ReviewError(message := "This reading is signed; it cannot be changed."))
    assert texts.error(ReviewError(message)) != message
    carried = ReviewError(Message("v{number}: late images", {"number": 3}))
    assert texts.error(carried) == "v3：后到图像"


def test_unknown_text_stays_as_it_is():
    assert Texts("zh")("no such text") == "no such text"
    assert Texts("zh")("") == ""
