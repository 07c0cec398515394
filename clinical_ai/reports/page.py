"""Lays out text and tables on pages of pixels, one after the other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from clinical_ai.formats import visible
from clinical_ai.reports.fonts import Fonts

WIDTH, HEIGHT = 1024, 1024  # a PACS shows it in a viewport, often a square one
_MARGIN = 36
_LEADING = 1.45  # line height, in font sizes
_BASELINE = 1.1  # below the top of its line, in font sizes
_CELL_PADDING = 8
_BACKGROUND = (12, 14, 18)  # dark, as the images beside it in a dark room
_INK = (232, 234, 238)
_FAINT = (150, 156, 166)
_RULE = (70, 76, 86)
_SIZES = {"title": 30, "heading": 21, "text": 19, "small": 16}

# A Chinese character may stand at the end of a line; letters and digits stay together.
_TOKENS = re.compile(r"[⺀-鿿豈-﫿＀-￯　-〿]|\s+|[^\s⺀-鿿豈-﫿＀-￯　-〿]+")
_NOT_FIRST = "，。、；：！？）」』】》%"  # closing punctuation stays with what it closes


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph.

    Parameters
    ----------
    style
        ``title``, ``heading``, ``text`` or ``small``.
    """

    text: str
    style: str = "text"


@dataclass(frozen=True, slots=True)
class Banner:
    """A line across the page that nobody overlooks.

    Parameters
    ----------
    colour
        RGB of its background.
    """

    text: str
    colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table.

    Parameters
    ----------
    cells
        Text of each column.
    shares
        Part of the width that each column takes; they sum to 1.
    is_head
        The row names the columns.
    """

    cells: tuple[str, ...]
    shares: tuple[float, ...]
    is_head: bool = False


Block = Text | Banner | TableRow


def draw_pages(
    blocks: Sequence[Block], *, head: Sequence[Block], foot: str, fonts: Fonts
) -> list[NDArray[np.uint8]]:
    """Draw blocks on as many pages as they need.

    Parameters
    ----------
    head
        Stands at the top of every page.
    foot
        Stands at the bottom of every page, with ``{page}`` and ``{pages}`` filled in.

    Returns
    -------
    list of numpy.ndarray
        (HEIGHT, WIDTH, 3) RGB, uint8.
    """
    pages: list[_Page] = []
    for block in blocks:
        height = _height(block, fonts)
        if not pages or not pages[-1].fits(height):
            pages.append(_Page(fonts))
            for top in head:
                pages[-1].draw(top)
        pages[-1].draw(block)
    for number, page in enumerate(pages, start=1):
        page.draw_foot(foot.format(page=number, pages=len(pages)))
    return [page.pixels() for page in pages]


class _Page:
    def __init__(self, fonts: Fonts) -> None:
        self._fonts = fonts
        self._picture = Image.new("RGB", (WIDTH, HEIGHT), _BACKGROUND)
        self._pen = ImageDraw.Draw(self._picture)
        self._y = float(_MARGIN)

    def fits(self, height: float) -> bool:
        return self._y + height <= HEIGHT - _MARGIN - _line_height("small")

    def draw(self, block: Block) -> None:
        match block:
            case Text():
                self._draw_text(block)
            case Banner():
                self._draw_banner(block)
            case TableRow():
                self._draw_row(block)
        self._y += _height(block, self._fonts)

    def draw_foot(self, text: str) -> None:
        y = HEIGHT - _MARGIN
        self._pen.text((_MARGIN, y), text, _FAINT, self._fonts.size(_SIZES["small"]), anchor="lb")

    def pixels(self) -> NDArray[np.uint8]:
        return np.asarray(self._picture)

    def _draw_text(self, block: Text) -> None:
        y = self._y + (_SIZES["heading"] / 2 if block.style == "heading" else 0)
        self._lines(_wrap(block.text, block.style, _inner(), self._fonts), _MARGIN, y, block.style)

    def _draw_banner(self, block: Banner) -> None:
        height = _height(block, self._fonts) - _CELL_PADDING
        self._pen.rectangle((_MARGIN, self._y, WIDTH - _MARGIN, self._y + height), block.colour)
        lines = _wrap(block.text, "heading", _inner() - 2 * _CELL_PADDING, self._fonts)
        top = self._y + _CELL_PADDING
        self._lines(lines, _MARGIN + _CELL_PADDING, top, "heading", (255, 255, 255))

    def _draw_row(self, block: TableRow) -> None:
        x = float(_MARGIN)
        colour = _FAINT if block.is_head else _INK
        for text, width in zip(block.cells, _widths(block), strict=True):
            lines = _wrap(text, "small", width - 2 * _CELL_PADDING, self._fonts)
            self._lines(lines, x + _CELL_PADDING, self._y + _CELL_PADDING, "small", colour)
            x += width
        bottom = self._y + _height(block, self._fonts)
        self._pen.line((_MARGIN, bottom, WIDTH - _MARGIN, bottom), _RULE)

    def _lines(
        self,
        lines: Sequence[str],
        x: float,
        y: float,
        style: str,
        colour: tuple[int, int, int] = _INK,
    ) -> None:
        font = self._fonts.size(_SIZES[style])
        for line in lines:
            self._pen.text((x, y + _BASELINE * _SIZES[style]), line, colour, font, anchor="ls")
            y += _line_height(style)


def _height(block: Block, fonts: Fonts) -> float:
    match block:
        case Text():
            lines = _wrap(block.text, block.style, _inner(), fonts)
            above = _SIZES["heading"] / 2 if block.style == "heading" else 0
            return above + len(lines) * _line_height(block.style)
        case Banner():
            lines = _wrap(block.text, "heading", _inner() - 2 * _CELL_PADDING, fonts)
            return len(lines) * _line_height("heading") + 3 * _CELL_PADDING
        case TableRow():
            columns = zip(block.cells, _widths(block), strict=True)
            most = max(len(_wrap(t, "small", w - 2 * _CELL_PADDING, fonts)) for t, w in columns)
            return most * _line_height("small") + 2 * _CELL_PADDING


def _line_height(style: str) -> float:
    return round(_SIZES[style] * _LEADING)


def _inner() -> float:
    return WIDTH - 2 * _MARGIN


def _widths(row: TableRow) -> list[float]:
    return [share * _inner() for share in row.shares]


def _wrap(text: str, style: str, width: float, fonts: Fonts) -> list[str]:
    """Break a paragraph into lines no wider than `width` pixels; at least one line."""
    font = fonts.size(_SIZES[style])
    lines = [""]
    for token in _split(visible(text), font, width):
        if font.getlength((lines[-1] + token).rstrip()) <= width or token in _NOT_FIRST:
            lines[-1] += token
        else:
            lines.append(token.lstrip())
    return [line.rstrip() for line in lines]


def _split(text: str, font: ImageFont.FreeTypeFont, width: float) -> Iterator[str]:
    """Yield pieces that are never wider than a line: a long word is cut."""
    for token in _TOKENS.findall(text):
        piece = ""
        for letter in token:
            if piece and font.getlength(piece + letter) > width:
                yield piece
                piece = ""
            piece += letter
        yield piece
