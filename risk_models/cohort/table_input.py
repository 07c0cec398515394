"""Opens a CSV or Parquet file as one Parquet file that can be read part by part."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from risk_models.cohort.encoding import UTF_8, UTF_8_BOM, detect, rewrite_as_utf8
from risk_models.cohort.errors import InputFileError

ROW = "source_row"
"""Row in the file: 1 is the first row under the header."""

ROW_GROUP = 100_000
"""Rows a group when a table is rewritten; a part reads whole groups."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is ready to be read in parts.

    Parameters
    ----------
    path
        Parquet; the original file if it was one.
    headers
        Column names, in order.
    notes
        What was found on the way, e.g. the encoding.
    """

    path: Path
    headers: tuple[str, ...]
    rows: int
    notes: tuple[str, ...]

    def scan(self) -> pl.LazyFrame:
        """The rows, lazily, with their numbers."""
        return pl.scan_parquet(self.path).with_row_index(ROW, offset=1)


def open_table(path: Path, work: Path) -> Table:
    """Open a table by its suffix: .csv, .txt, .tsv, .parquet.

    Parameters
    ----------
    work
        Folder for the Parquet copy of a CSV file.

    Raises
    ------
    InputFileError
        If the file is absent, empty, of another kind or not readable as its suffix says.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file")
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            return _described(path, ())
        if suffix in (".csv", ".txt", ".tsv"):
            return _from_text(path, work)
    except PolarsError as error:
        raise InputFileError(f"{path.name}: {_first_line(error)}") from error
    raise InputFileError(f"{path.name}: {suffix or 'no suffix'}; readable: .csv .tsv .txt .parquet")


def _from_text(path: Path, work: Path) -> Table:
    encoding = detect(path)
    source = path
    if encoding not in (UTF_8, UTF_8_BOM):
        source = work / "input.utf8.csv"
        rewrite_as_utf8(path, encoding, source)
    separator = _separator(source)
    target = work / "input.parquet"
    # Every cell as text: what a number is, the field decides, not the first hundred rows.
    # Cells beyond the header's columns are dropped; a row that is short gets nulls.
    rows = pl.scan_csv(
        source, separator=separator, infer_schema=False, extra_columns="ignore", quote_char='"'
    )
    rows.sink_parquet(target, row_group_size=ROW_GROUP, compression="lz4")
    if source is not path:
        source.unlink()
    return _described(target, (encoding.label,))


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline()
    if not header.strip():
        raise InputFileError(f"{path.name}: the first line is empty; it must name the columns")
    return max(",\t;|", key=header.count)


def _described(path: Path, notes: tuple[str, ...]) -> Table:
    scan = pl.scan_parquet(path)
    headers = tuple(scan.collect_schema().names())
    rows = int(scan.select(pl.len()).collect().item())
    if rows == 0:
        raise InputFileError(f"{path.name}: no rows under the header")
    if ROW in headers:
        raise InputFileError(f"{path.name}: rename the column {ROW!r}; the name is used here")
    return Table(path, headers, rows, notes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
