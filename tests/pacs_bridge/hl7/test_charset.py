import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.errors import MessageError
from pacs_bridge.hl7.charset import CODECS, GB_18030, UTF_8, decode, encode, known_name

# Letters whose second byte in GB 18030 is a delimiter to the eye that reads bytes.
TRAPS = "".join(bytes([0x82, mark]).decode("gb18030") for mark in b"|^~\\")


def message(declared: str, facility: str = "HOSP", name: str = "王^小明") -> str:
    head = f"MSH|^~\\&|RIS|{facility}|AI|H|20260102||ORM^O01|1|P|2.4||||||{declared}"
    return f"{head}\rPID|1||P1||{name}"


@pytest.mark.parametrize("declared", [UTF_8, GB_18030, "GB18030", "utf-8", f"{GB_18030}~ASCII"])
@pytest.mark.parametrize("facility", ["HOSP", "市第一医院", TRAPS])
def test_the_declared_character_set_is_used(declared, facility):
    codec = "gb18030" if "18030" in declared else "utf-8"
    text = message(declared, facility)
    assert decode(text.encode(codec), "ASCII") == (
        text,
        GB_18030 if codec == "gb18030" else UTF_8,
    )


def test_a_message_that_names_none_is_read_as_the_site_says():
    text = message("")
    assert decode(text.encode("gb18030"), GB_18030) == (text, GB_18030)
    with pytest.raises(MessageError, match="not valid UNICODE UTF-8"):
        decode(text.encode("gb18030"), UTF_8)


def test_wrong_bytes_are_refused_not_replaced():
    with pytest.raises(MessageError, match="not valid ASCII"):
        decode(message("ASCII").encode(), UTF_8)
    assert decode(message("8859/1", name="Müller").encode("latin-1"), UTF_8)[0].endswith("Müller")


def test_an_unknown_character_set_is_named_only_if_it_looks_like_one():
    with pytest.raises(MessageError, match="'ISO IR87' is not supported"):
        decode(message("ISO IR87").encode(), UTF_8)
    with pytest.raises(MessageError) as caught:
        known_name("王小明")
    assert "王" not in str(caught.value)


def test_a_letter_that_the_character_set_lacks_becomes_a_question_mark():
    assert encode("肺 x", "ASCII") == b"? x"


@given(st.binary(max_size=200), st.sampled_from(sorted(CODECS)))
def test_any_bytes_are_text_or_refused(raw, default):
    try:
        text, name = decode(raw, default)
    except MessageError:
        return
    assert text.encode(CODECS[name]) == raw or name == GB_18030
