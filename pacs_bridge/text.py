"""Decode DICOM text with its Specific Character Set (PS3.3 C.12.1.1.2)."""

import re
import unicodedata

from pydicom.charset import STAND_ALONE_ENCODINGS, decode_bytes, python_encoding

# Python's codec for ISO IR 58 leaves the escape sequence in the text.
_LEFT_ESCAPE = re.compile("\x1b\\$?[()-][A-Z]")
# Accents of Latin, Greek and Cyrillic; the voicing marks of kana are letters' parts and stay.
_ACCENTS = re.compile("[\u0300-\u036f]")
_ESCAPE = b"\x1b"
_DELIMITERS = {0x0A, 0x0C, 0x0D, 0x09, ord("\\"), ord("^"), ord("=")}  # PS3.5 6.1.2.5.3
# More than any text VR of the index may hold (PN: three groups of 64 characters).
_MAX_BYTES = 1024


def encodings(specific_character_set: bytes) -> tuple[str, ...]:
    """Return the Python encodings for the raw value of (0008,0005).

    Unknown terms are skipped. An empty tuple means that the data set declares none that we
    know.
    """
    terms = [t.decode("ascii", "replace").strip(" \0") for t in specific_character_set.split(b"\\")]
    if terms == [""]:
        return ()
    if terms[0] in STAND_ALONE_ENCODINGS:
        terms = terms[:1]
    known = [python_encoding[t] for t in terms if t in python_encoding]
    return tuple(known)


def decode(value: bytes, known: tuple[str, ...]) -> str:
    """Decode `value`; what cannot be decoded becomes U+FFFD, never another letter.

    Text beyond ASCII in a data set that declares no character set is taken as UTF-8 if it is
    valid UTF-8, which other encodings hardly ever are by chance.

    Parameters
    ----------
    value
        The raw value of a text element.
    known
        From `encodings`.
    """
    value = value[:_MAX_BYTES]
    if not known:
        text = _undeclared(value)
    elif _ESCAPE in value:
        try:
            text = _LEFT_ESCAPE.sub("", decode_bytes(value, known, _DELIMITERS))
        except (UnicodeError, LookupError, ValueError, Warning):
            text = value.decode(known[0], "replace")
    else:
        text = value.decode(known[0], "replace")
    return text.replace("\0", "").strip(" ")


def _undeclared(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("ascii", "replace")


def fold_name(name: str) -> str:
    """Bring a person name to the form in which names are compared.

    Without case, accents and width variants, spaces around components, and empty components
    at the end of a group; always three groups (PS3.5 6.2.1), so two ``=``.

    Parameters
    ----------
    name
        Value of VR PN; of several names the first counts.
    """
    groups = name.split("\\")[0].split("=")[:3]
    return "=".join((*map(_fold_group, groups), "", "")[:3])


def _fold_group(group: str) -> str:
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", group)).casefold()
    composed = unicodedata.normalize("NFKC", plain).replace("=", " ")
    return "^".join(part.strip() for part in composed.split("^")).rstrip("^")
