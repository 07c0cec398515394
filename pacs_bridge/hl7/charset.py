"""The character set of a message, as MSH-18 names it (HL7 table 0211)."""

import re

from pacs_bridge.errors import MessageError

UTF_8 = "UNICODE UTF-8"
GB_18030 = "GB 18030-2000"

# Name in table 0211: codec of Python.
CODECS = {
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    UTF_8: "utf-8",
    GB_18030: "gb18030",
}
# How senders misspell them; plain UNICODE is withdrawn and is UTF-8 where it is met.
_ALIASES = {
    "UTF-8": UTF_8,
    "UTF8": UTF_8,
    "UNICODE": UTF_8,
    "GB18030": GB_18030,
    "GB 18030": GB_18030,
    "GB18030-2000": GB_18030,
    "ISO-8859-1": "8859/1",
    "ISO8859-1": "8859/1",
    "8859-1": "8859/1",
    "ISO_IR 6": "ASCII",
}
# Tried in turn on MSH alone; in GB 18030 the second byte of a letter may look like a delimiter.
_TRIED = ("latin-1", "gb18030")
_FIELD = 18


def known_name(name: str) -> str:
    """Return the name of table 0211 for what a sender or a setting wrote.

    Raises
    ------
    MessageError
        For a character set that we cannot read.
    """
    wanted = _ALIASES.get(name.strip().upper(), name.strip().upper())
    if wanted not in CODECS:
        shown = repr(name) if re.fullmatch(r"[A-Za-z0-9 /._-]{1,30}", name) else "of MSH-18"
        raise MessageError(
            f"character set {shown} is not supported; use one of {', '.join(CODECS)}"
        )
    return wanted


def decode(raw: bytes, default: str) -> tuple[str, str]:
    """Return the text of a message and the name of its character set.

    Parameters
    ----------
    raw
        The message without its frame.
    default
        For a message whose MSH-18 is empty.

    Raises
    ------
    MessageError
        When the bytes are not of the character set; nothing is guessed or replaced, for a
        wrong letter in a name is another name.
    """
    name = known_name(_declared(raw) or default)
    try:
        return raw.decode(CODECS[name]), name
    except UnicodeDecodeError as error:
        raise MessageError(f"byte {error.start} of the message is not valid {name}") from error


def encode(text: str, name: str) -> bytes:
    """Return `text` in the character set `name`; letters that it lacks become ``?``."""
    return text.encode(CODECS[known_name(name)], "replace")


def _declared(raw: bytes) -> str:
    """Return the first repetition of MSH-18, read without knowing the character set."""
    line = re.split(rb"[\r\n]", raw, maxsplit=1)[0]
    found = ""
    for codec in _TRIED:
        text = line.decode(codec, "replace")
        separator = text[3:4]
        fields = text.split(separator) if separator else []
        # MSH-1 is the separator, so that MSH-18 is the part with index 17.
        if len(fields) >= _FIELD:
            found = re.split(r"[~^]", fields[_FIELD - 1])[0].strip()
            if found.upper() in CODECS or found.upper() in _ALIASES:
                return found
    return found
