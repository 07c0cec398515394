"""The grammar: escaping, fields, and texts that are no message; with a second parser."""

import hl7
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.errors import MessageError
from pacs_bridge.hl7.er7 import Delimiters, Message, escape, parse, segment, unescape

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
ODD = st.text(st.sampled_from("|^~\\&\r\n\t\x0b\x1cFSRTEXH.br012肺é#"), max_size=40)
OTHER = Delimiters("#", "!", "*", "/", "%")


@given(TEXTS | ODD)
def test_what_is_escaped_comes_back(text):
    for delimiters in (Delimiters(), OTHER):
        encoded = escape(text, delimiters)
        assert unescape(encoded, delimiters) == text
        assert not set(encoded) & (
            set(delimiters.all()) - {delimiters.escape} | set("\r\n\x0b\x1c")
        )


@given(st.lists(TEXTS | ODD, min_size=1, max_size=4))
def test_fields_come_back_from_a_message(texts):
    pid = segment("PID", {3: [(t, "", ("a", t)) for t in texts], 5: texts[0]})
    obx = segment("OBX", {5: texts[-1]})
    again = parse(str(Message((segment("MSH", {12: "2.5.1"}), pid, obx))))
    for number, text in enumerate(texts, 1):
        if text != '""':
            assert again.first("PID").value(3, repetition=number) == text
            assert again.first("PID").value(3, 3, 2, repetition=number) == text
    assert str(again) == str(Message((segment("MSH", {12: "2.5.1"}), pid, obx)))


@given(TEXTS | ODD)
def test_unescape_never_fails(text):
    unescape(text)


@given(st.text(max_size=300) | ODD.map(lambda t: "MSH|^~\\&|" + t))
def test_any_text_is_a_message_or_refused(text):
    try:
        message = parse(text)
    except MessageError:
        return
    assert parse(str(message)) == message


def test_the_known_sequences():
    assert escape("a|b^c~d\\e&f") == "a\\F\\b\\S\\c\\R\\d\\E\\e\\T\\f"
    assert escape("右肺上叶\n8|mm") == "右肺上叶\\.br\\8\\F\\mm"
    assert unescape("a\\.sp 2\\b\\H\\c\\N\\d\\X41E882BA\\") == "a\n\nbcdA肺"
    assert unescape("C:\\dir\\file") == "C:\\dir\\file"
    assert unescape("open\\") == "open\\"
    assert unescape("\\Zsite\\ \\C1122\\") == "\\Zsite\\ \\C1122\\"


def test_the_position_of_fields_in_msh_and_elsewhere():
    message = parse('MSH|^~\\&|APP|FAC\rPID|1||P1^^^H&1.2&ISO^MR~P2||""\r')
    assert message.header.value(1) == "|"
    assert message.header.value(2) == "^~\\&"
    assert message.header.value(3) == "APP"
    pid = message.first("PID")
    assert pid.value(3, 4, 3) == "ISO"
    assert pid.value(3, repetition=2) == "P2"
    assert pid.value(5) == ""  # the null value
    assert pid.value(30) == ""
    assert message.first("ZZZ").value(1) == ""


def test_line_ends_of_every_kind():
    lines = ["MSH|^~\\&|A", "PID|1", "OBX|1"]
    for end in ("\r", "\n", "\r\n"):
        assert [s.name for s in parse(end.join(lines) + end).segments] == ["MSH", "PID", "OBX"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "MSH",
        "MSH|",
        "MSH|^~",
        "MSHAB^~\\&|",
        "MSH||||",
        "PID|1",
        "MSH|^^\\&|",
        "MSH|^~\\&|\rpid|1",
        "MSH|^~\\&|\rMSH|^~\\&|",
        "MSH|^~\\&|\rA|1\r",
        "\x00" * 30,
        "MSH|^~\\&|\r" + "OBX|\r" * 10_001,
    ],
)
def test_texts_that_are_no_message(text):
    with pytest.raises(MessageError):
        parse(text)


def test_the_reason_holds_nothing_of_the_message():
    with pytest.raises(MessageError) as caught:
        parse("MSH|^~\\&|\rZhang^San secret")
    assert "Zhang" not in str(caught.value)
    assert "line 2" in str(caught.value)


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_second_parser_reads_the_same(text):
    ours = Message((segment("MSH", {3: "A", 12: "2.5.1"}), segment("OBX", {5: (text, "b")})))
    theirs = hl7.parse(str(ours))
    assert theirs.unescape(str(theirs.segment("OBX")[5][0][0])) == text
