"""A report as blocks, apart from its language and its file format."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 starts a chapter."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. `warning` sets it apart."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """The few numbers a reader looks for first: value and what it is."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first `text_columns` are set to the left, numbers to the right."""

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture as SVG, and what it shows for who cannot see it."""

    title: str
    svg: str
    description: str


Block = Heading | Paragraph | Bullets | Figures | Table | Chart


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report in one language (``zh`` or ``en``)."""

    language: str
    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, in order."""
        return tuple(block for block in self.blocks if isinstance(block, Table))
