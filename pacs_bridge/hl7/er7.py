"""HL7 v2 messages in vertical-bar encoding, ER7 (HL7 2.5.1 chapter 2, 2.5 to 2.7).

Only the grammar: segments, fields, repetitions, components, subcomponents and escape
sequences. What a message of a given version must hold is checked by `conformance`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pacs_bridge.errors import MessageError

# What a field may be given as: text, a tuple of components (each text or a tuple of
# subcomponents), or a list of such repetitions.
Component = str | tuple[str, ...]
Repetition = str | tuple[Component, ...]
Field = Repetition | list[Repetition]

_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_NUMBER = re.compile(r"[ +]?(\d{0,2})")
_MAX_SEGMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five characters that MSH-1 and MSH-2 declare."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding_characters(self) -> str:
        """MSH-2."""
        return self.component + self.repetition + self.escape + self.subcomponent

    def all(self) -> str:
        """All five, in the order of MSH."""
        return self.field + self.encoding_characters


STANDARD = Delimiters()


def escape(text: str, delimiters: Delimiters = STANDARD) -> str:
    r"""Return `text` as it may stand in a subcomponent (2.7.1).

    Delimiters become ``\F\``, ``\S\``, ``\R\``, ``\E\``, ``\T\``; a line feed becomes the
    line break ``\.br\``, any other control character ``\Xhh\``. Letters of every script stay
    as they are: the message is encoded in the character set of MSH-18.
    """
    mark = delimiters.escape
    names = {
        delimiters.field: "F",
        delimiters.component: "S",
        delimiters.repetition: "R",
        delimiters.escape: "E",
        delimiters.subcomponent: "T",
    }

    def one(character: str) -> str:
        if character in names:
            return f"{mark}{names[character]}{mark}"
        if character == "\n":
            return f"{mark}.br{mark}"
        if _CONTROL.match(character):
            return f"{mark}X{ord(character):02X}{mark}"
        return character

    return "".join(one(character) for character in text)


def unescape(text: str, delimiters: Delimiters = STANDARD) -> str:
    r"""Return the text that an encoded subcomponent stands for; the inverse of `escape`.

    Line commands (``\.br\``, ``\.sp 2\``, ``\.ce\``) become line feeds, ``\.sk 2\`` spaces,
    highlighting and other formatting nothing. Hexadecimal data are taken as UTF-8. An escape
    sequence that is unknown or not closed stays as it was sent.
    """
    mark = delimiters.escape
    if mark not in text:
        return text
    names = {
        "F": delimiters.field,
        "S": delimiters.component,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "T": delimiters.subcomponent,
        "H": "",
        "N": "",
    }
    pieces = text.split(mark)
    parts = [pieces[0]]
    at = 1
    while at < len(pieces):
        closed = at + 1 < len(pieces)
        meaning = _meaning(pieces[at], names) if closed and pieces[at] else None
        if meaning is None:
            parts.append(mark + pieces[at])
            at += 1
        else:
            parts += [meaning, pieces[at + 1]]
            at += 2
    return "".join(parts)


def _meaning(sequence: str, names: Mapping[str, str]) -> str | None:
    if sequence in names:
        return names[sequence]
    if sequence[:1] == "X" and _HEXADECIMAL.fullmatch(sequence[1:]):
        return bytes.fromhex(sequence[1:]).decode("utf-8", "replace")
    command, argument = sequence[:3], sequence[3:]
    count = _NUMBER.fullmatch(argument)
    if command in (".br", ".ce", ".sp") and count:
        return "\n" * int(count[1] or 1)
    if command == ".sk" and count:
        return " " * int(count[1] or 1)
    if command in (".fi", ".nf") and not argument:
        return ""
    if command in (".in", ".ti") and re.fullmatch(r" ?[+-]?\d{1,3}", argument):
        return ""
    return None


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its name and its encoded fields, the first of which is field 1.

    In MSH field 1 is the field separator itself (2.15.9.1).
    """

    name: str
    fields: tuple[str, ...]
    delimiters: Delimiters = STANDARD

    def raw(self, number: int) -> str:
        """Return field `number` as encoded, empty when it is absent."""
        return self.fields[number - 1] if 0 < number <= len(self.fields) else ""

    def repetitions(self, number: int) -> tuple[str, ...]:
        """Return the encoded repetitions of a field; none when it is empty."""
        raw = self.raw(number)
        return tuple(raw.split(self.delimiters.repetition)) if raw else ()

    def value(
        self, number: int, component: int = 1, subcomponent: int = 1, *, repetition: int = 1
    ) -> str:
        """Return one subcomponent decoded; empty when absent, or when it is the null ``""``.

        Parameters
        ----------
        number, component, subcomponent, repetition
            Counted from 1, as the standard does.
        """
        if self.name == "MSH" and number <= 2:
            return self.raw(number)
        repeated = self.repetitions(number)
        if repetition > len(repeated):
            return ""
        return value_of(repeated[repetition - 1], component, subcomponent, self.delimiters)


def value_of(
    repetition: str, component: int = 1, subcomponent: int = 1, delimiters: Delimiters = STANDARD
) -> str:
    """Return one subcomponent of an encoded repetition, decoded; empty when absent or null."""
    part = _nth(
        _nth(repetition, delimiters.component, component), delimiters.subcomponent, subcomponent
    )
    return "" if part == '""' else unescape(part, delimiters)


def _nth(text: str, delimiter: str, number: int) -> str:
    parts = text.split(delimiter)
    return parts[number - 1] if number <= len(parts) else ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its segments in order, the first of which is MSH."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """The MSH segment."""
        return self.segments[0]

    @property
    def delimiters(self) -> Delimiters:
        """What MSH declares."""
        return self.segments[0].delimiters

    def all(self, name: str) -> tuple[Segment, ...]:
        """Return every segment of that name."""
        return tuple(s for s in self.segments if s.name == name)

    def first(self, name: str) -> Segment:
        """Return the first segment of that name; an empty one when there is none."""
        found = (s for s in self.segments if s.name == name)
        return next(found, Segment(name, (), self.delimiters))

    def __str__(self) -> str:
        """The message encoded; every segment ends with a carriage return (2.6)."""
        return "".join(_line(segment) + "\r" for segment in self.segments)


def _line(segment: Segment) -> str:
    separator = segment.delimiters.field
    # In MSH, field 1 is the separator that stands after the name.
    fields = segment.fields[1:] if segment.name == "MSH" else segment.fields
    return separator.join((segment.name, *fields))


def segment(name: str, fields: Mapping[int, Field], delimiters: Delimiters = STANDARD) -> Segment:
    """Return a segment with the given fields, escaped; absent fields are empty.

    Parameters
    ----------
    fields
        By number, counted from 1. In MSH, fields 1 and 2 are set from `delimiters`.
    """
    count = max((n for n, value in fields.items() if value), default=0)
    encoded = [_encode(fields.get(n, ""), delimiters) for n in range(1, count + 1)]
    if name == "MSH":
        encoded[:2] = [delimiters.field, delimiters.encoding_characters]
    while encoded and not encoded[-1]:
        encoded.pop()
    return Segment(name, tuple(encoded), delimiters)


def _encode(field: Field, delimiters: Delimiters) -> str:
    repetitions = field if isinstance(field, list) else [field]
    return delimiters.repetition.join(_encode_repetition(r, delimiters) for r in repetitions)


def _encode_repetition(repetition: Repetition, delimiters: Delimiters) -> str:
    components = repetition if isinstance(repetition, tuple) else (repetition,)
    encoded = [
        delimiters.subcomponent.join(
            escape(s, delimiters) for s in (c if isinstance(c, tuple) else (c,))
        ).rstrip(delimiters.subcomponent)
        for c in components
    ]
    return delimiters.component.join(encoded).rstrip(delimiters.component)


def parse(text: str) -> Message:
    """Return the message that `text` encodes.

    Segments end with a carriage return; line feeds are taken in its place where the text has
    no carriage return at all, and dropped after one.

    Raises
    ------
    MessageError
        When it is no message; the reason holds nothing of its content.
    """
    delimiters = _declared(text)
    ends = "\r" if "\r" in text else "\n"
    lines = [line for line in (part.strip("\n") for part in text.split(ends)) if line]
    if len(lines) > _MAX_SEGMENTS:
        raise MessageError(f"{len(lines)} segments; at most {_MAX_SEGMENTS} are taken")
    return Message(tuple(_segment(line, n, delimiters) for n, line in enumerate(lines, 1)))


def _declared(text: str) -> Delimiters:
    if text[:3] != "MSH":
        raise MessageError("the message does not begin with MSH")
    separator = text[3:4]
    marks = re.split(r"[\r\n]", text[4:12])[0].split(separator or "|")[0]
    if len(marks) < 4:
        raise MessageError("MSH-2 declares fewer than four encoding characters")
    declared = Delimiters(separator, *marks[:4])
    usable = all(c.isascii() and c.isprintable() and not c.isalnum() for c in declared.all())
    if len(set(declared.all())) != 5 or not usable or set(declared.all()) & set(' "'):
        raise MessageError("MSH-1 and MSH-2 must declare five different punctuation characters")
    return declared


def _segment(line: str, number: int, delimiters: Delimiters) -> Segment:
    name, *fields = line.split(delimiters.field)
    if not _SEGMENT_NAME.fullmatch(name):
        raise MessageError(f"line {number} does not begin with the name of a segment")
    if name == "MSH":
        if number > 1:
            raise MessageError(f"line {number} is a second MSH; one message a frame")
        fields = [delimiters.field, *fields]
    return Segment(name, tuple(fields), delimiters)
