"""Writes a cohort's reports to files."""

import csv
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from risk_models.cohort.report import fhir
from risk_models.cohort.report.content import Cohort, ReportRequest, build_document
from risk_models.cohort.report.document import Document
from risk_models.cohort.report.html import render_html
from risk_models.cohort.report.pdf import render_pdf
from risk_models.cohort.run import read_counts, read_manifest

FORMATS = ("html", "pdf", "csv", "fhir")


def write_reports(
    folder: Path,
    request: ReportRequest,
    languages: Sequence[str],
    formats: Sequence[str],
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[Path]:
    """Write reports of a folder that `score_cohort` made, into the same folder.

    Parameters
    ----------
    formats
        Of `FORMATS`: ``report.zh.html``, ``report.zh.pdf``, ``tables.zh/*.csv``, and
        ``measure_report.json`` with ``group.json``.

    Returns
    -------
    list of Path
        What was written.
    """
    cohort = Cohort.of(read_manifest(folder), read_counts(folder))
    written = []
    for position, language in enumerate(languages):
        progress("report", position, len(languages))
        if not {"html", "pdf", "csv"} & set(formats):
            continue
        document = build_document(cohort, request, language)
        written += write_pages(folder, document, formats)
        if "csv" in formats:
            tables = folder / f"tables.{language}"
            tables.mkdir(exist_ok=True)
            for table in document.tables:
                path = tables / f"{table.name}.csv"
                with path.open("w", encoding="utf-8-sig", newline="") as file:
                    csv.writer(file).writerows([table.header, *map(_plain, table.rows)])
                written.append(path)
    if "fhir" in formats:
        made_on = date.fromisoformat(request.made_on)
        for name, resource in (
            ("measure_report", fhir.measure_report(cohort, made_on)),
            ("group", fhir.group(cohort)),
        ):
            path = folder / f"{name}.json"
            text = json.dumps(resource, ensure_ascii=False, indent=1)
            path.write_text(text + "\n", "utf-8")
            written.append(path)
    progress("report", len(languages), len(languages))
    return written


def write_pages(folder: Path, document: Document, formats: Sequence[str]) -> list[Path]:
    """Write ``report.zh.html`` and ``report.zh.pdf``, as far as `formats` asks for them."""
    written = []
    if "html" in formats:
        path = folder / f"report.{document.language}.html"
        path.write_text(render_html(document), "utf-8")
        written.append(path)
    if "pdf" in formats:
        path = folder / f"report.{document.language}.pdf"
        path.write_bytes(render_pdf(document))
        written.append(path)
    return written


def _plain(row: Sequence[str]) -> list[str]:
    """Cells that a spreadsheet neither runs nor reads as text where a number is meant."""
    plain = []
    for cell in row:
        bare = cell.replace(",", "")
        if bare.isdigit():
            plain.append(bare)
        else:
            plain.append(f"'{cell}" if cell[:1] in ("=", "+", "@", "\t") else cell)
    return plain
