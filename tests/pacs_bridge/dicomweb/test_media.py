"""The header Accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.dicomweb.media import (
    DICOM,
    OCTETS,
    Offer,
    choose,
    instance_offers,
    parse_accept,
    parse_content_type,
)
from pacs_bridge.dicomweb.problem import HttpError

EXPLICIT, JPEG_LS, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
FILES = instance_offers(JPEG_LS, single=True, decodable=True)
FRAMES = (
    Offer("image/jls", True, JPEG_LS),
    Offer(OCTETS, True, JPEG_LS, default=False),
    Offer(OCTETS, True, EXPLICIT),
)


@pytest.mark.parametrize(
    ("accept", "multipart", "syntax"),
    [
        ("", True, JPEG_LS),
        ("*/*", True, JPEG_LS),
        ("multipart/related", True, JPEG_LS),
        ("application/*", False, JPEG_LS),
        # PS3.18 8.7.3.5.2: Explicit VR Little Endian is meant where none is named
        ('multipart/related; type="application/dicom"', True, EXPLICIT),
        ("multipart/related;type=application/dicom", True, EXPLICIT),
        ("application/dicom", False, EXPLICIT),
        ("application/dicom; transfer-syntax=*", False, JPEG_LS),
        (
            f'multipart/related; type="application/dicom"; transfer-syntax="{JPEG_LS}"',
            True,
            JPEG_LS,
        ),
        (f"APPLICATION/DICOM;transfer-syntax={EXPLICIT}", False, EXPLICIT),
        ("text/html, application/dicom;q=0.5, */*;q=0.1", False, EXPLICIT),
        (f"application/dicom;transfer-syntax={JPEG_LS};q=0.2, application/dicom", False, EXPLICIT),
        (f"application/dicom;transfer-syntax={J2K}, application/dicom;q=0.3", False, EXPLICIT),
        (' , multipart/related ; type = "x"'[:21], True, JPEG_LS),
        ("*/*;q=0.5, multipart/related;q=0", False, JPEG_LS),
    ],
)
def test_instances(accept, multipart, syntax):
    offer = choose(parse_accept(accept), FILES)
    assert (offer.media_type, offer.multipart, offer.transfer_syntax) == (DICOM, multipart, syntax)


@pytest.mark.parametrize(
    ("accept", "media_type", "syntax"),
    [
        ("", "image/jls", JPEG_LS),
        ('multipart/related; type="*/*"', "image/jls", JPEG_LS),
        ('multipart/related; type="image/*"', "image/jls", JPEG_LS),
        ('multipart/related; type="image/jls"', "image/jls", JPEG_LS),
        ('multipart/related; type="application/octet-stream"', OCTETS, EXPLICIT),
        ("multipart/related; type=application/octet-stream; transfer-syntax=*", OCTETS, JPEG_LS),
        (
            "multipart/related; type=application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1,"
            "multipart/related; type=image/jls; q=0.9",
            OCTETS,
            EXPLICIT,
        ),
    ],
)
def test_frames(accept, media_type, syntax):
    offer = choose(parse_accept(accept), FRAMES)
    assert (offer.media_type, offer.transfer_syntax) == (media_type, syntax)


@pytest.mark.parametrize("accept", ["image/png", "application/dicom;q=0", "multipart/mixed"])
def test_nothing_acceptable_says_what_there_is(accept):
    with pytest.raises(HttpError, match="application/dicom") as caught:
        choose(parse_accept(accept), FILES)
    assert caught.value.status == 406


@pytest.mark.parametrize(
    "accept",
    [
        "a",
        "a/b c/d",
        "a/b; x",
        'a/b; x="',
        "a/b; q=1.5",
        "a/b; q=0.1234",
        "multipart/related; type=x",
    ],
)
def test_malformed(accept):
    with pytest.raises(HttpError) as caught:
        parse_accept(accept)
    assert caught.value.status == 400


TOKENS = st.text("abcxyz019!#$%&'*+.^_`|~-", min_size=1, max_size=12)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20)


@given(st.lists(st.tuples(TOKENS, TOKENS, st.integers(0, 1000), VALUES), min_size=1, max_size=10))
def test_what_the_grammar_allows_is_read_as_it_was_written(ranges):
    header = ", ".join(
        '{}/{};q={:.3f};x="{}"'.format(
            kind, name, quality / 1000, value.replace("\\", "\\\\").replace('"', '\\"')
        )
        for kind, name, quality, value in ranges
    )
    found = parse_accept(header)
    assert [(r.media_type, r.quality) for r in found] == [
        (f"{kind}/{name}".lower(), quality / 1000) for kind, name, quality, _ in ranges
    ]


@given(st.text(max_size=300) | st.text('multipart/related;, type="*q0.5\\ \t', max_size=300))
def test_any_header_is_read_or_refused(header):
    for read in (parse_accept, parse_content_type):
        try:
            read(header)
        except HttpError as error:
            assert error.status in (400, 415)


def test_content_type_with_quoted_boundary():
    header = 'Multipart/Related; TYPE="application/dicom"; boundary="a b\\"c"; start=x'
    media_type, parameters = parse_content_type(header)
    assert media_type == "multipart/related"
    assert parameters == {"type": "application/dicom", "boundary": 'a b"c', "start": "x"}
