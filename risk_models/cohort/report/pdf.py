"""A report as PDF, set by Typst with fonts of this machine; refused if a glyph is missing."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import resources
from typing import Final

import typst

from risk_models.cohort.errors import ReportError
from risk_models.cohort.report.document import Document

FONTS = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Microsoft YaHei", "SimHei")
"""Families with Chinese glyphs, the first that is installed is used."""

STANDARD: Final = "a-2u"
"""PDF/A-2u (ISO 19005-2): made for keeping; every glyph must be there and map to Unicode."""


def render_pdf(document: Document, made: datetime | None = None) -> bytes:
    """Set a document.

    Parameters
    ----------
    made
        Time written into the file; now if left out.

    Raises
    ------
    ReportError
        If no font with Chinese glyphs is installed, or a character has no glyph.
    """
    template = resources.files("risk_models.cohort.report").joinpath("templates/report.typ")
    blocks = [{"kind": type(block).__name__, **asdict(block)} for block in document.blocks]
    content = {
        "language": document.language,
        "title": document.title,
        "subtitle": document.subtitle,
        "labels": dict(document.labels),
        "blocks": blocks,
        "font": chinese_font(),
    }
    try:
        made_pdf = typst.compile(
            template.read_text("utf-8").encode(),
            format="pdf",
            # As data, never as source: no text of a table can be run.
            sys_inputs={"document": json.dumps(content, ensure_ascii=False)},
            pdf_standards=STANDARD,
            timestamp=(made or datetime.now(UTC)).replace(microsecond=0),
        )
    except typst.TypstError as error:
        raise ReportError(_explained(error)) from error
    assert isinstance(made_pdf, bytes)
    return made_pdf


def chinese_font() -> str:
    """Name of the installed family that is used.

    Raises
    ------
    ReportError
        If there is none.
    """
    installed = set(typst.Fonts().families())
    for family in FONTS:
        if family in installed:
            return family
    raise ReportError(
        f"no font with Chinese glyphs is installed ({', '.join(FONTS)}); on Debian: apt install "
        "fonts-noto-cjk"
    )


def _explained(error: typst.TypstError) -> str:
    hints = "; ".join(error.hints)
    return f"the PDF cannot be set: {error.message}" + (f" ({hints})" if hints else "")
