"""Character sets of patient names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.text import decode, encodings


@pytest.mark.parametrize(
    ("character_set", "encoding"),
    [
        (b"ISO_IR 192", "utf-8"),
        (b"GB18030", "gb18030"),
        (b"GBK ", "gbk"),
        (b"", "utf-8"),
    ],
)
def test_chinese_names_survive_with_all_component_groups(character_set, encoding):
    name = "Wang^XiaoDong=王^小东="
    assert decode(name.encode(encoding), encodings(character_set)) == name


def test_a_gb18030_letter_with_a_backslash_byte_is_one_letter():
    # U+8A90 is 0xD55C, whose second byte is a backslash.
    assert decode("誠".encode("gb18030"), encodings(b"GB18030")) == "誠"
    assert decode(b"\xd5\x5c", encodings(b"GB18030")) == b"\xd5\x5c".decode("gb18030")


def test_code_extensions_of_the_standard_example():
    # PS3.5 annex K.2, example 1 (Chinese, ISO 2022 IR 58).
    value = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
    assert decode(value, encodings(b"\\ISO 2022 IR 58")) == "Zhang^XiaoDong=张^小东="


def test_western_european():
    assert decode("Müller^Jürgen".encode("latin-1"), encodings(b"ISO_IR 100")) == "Müller^Jürgen"


def test_bytes_of_no_declared_set_become_replacement_not_other_letters():
    assert decode("张".encode("gbk"), encodings(b"")) == "\ufffd\ufffd"
    assert decode("张".encode("gbk"), encodings(b"ISO_IR 192")).count("\ufffd") > 0


def test_an_unknown_term_counts_as_none():
    assert decode("王".encode(), encodings(b"ISO_IR 9999")) == "王"


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_any_bytes_give_text_that_databases_take(value, character_set):
    text = decode(value, encodings(character_set))
    assert "\0" not in text
    text.encode("utf-8")


@pytest.mark.parametrize("term", [b"ISO 2022 IR 87", b"ISO 2022 IR 149", b"ISO 2022 IR 58"])
@given(value=st.lists(st.sampled_from([b"\x1b$B", b"\x1b$)C", b"\x1b$)A", b"\xff", b"a"])))
def test_broken_code_extensions_give_text(term, value):
    text = decode(b"".join(value), encodings(b"\\" + term))
    text.encode("utf-8")
