"""Finds out how a CSV file is encoded, and rewrites it as UTF-8.

UTF-8 is checked over the whole file: a text in another encoding is almost never valid UTF-8.
What is not UTF-8 is tried as GB18030, which contains GBK and GB2312; what is neither is
refused with the line, because a wrong guess would give wrong names and words.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

from risk_models.cohort.errors import InputFileError

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding as Python names it, and as people call it."""

    name: str
    label: str


UTF_8 = Encoding("utf-8", "UTF-8")
UTF_8_BOM = Encoding("utf-8-sig", "UTF-8 with byte order mark")
UTF_16 = Encoding("utf-16", "UTF-16")
GB18030 = Encoding("gb18030", "GB18030 (GBK, GB2312)")


def detect(path: Path) -> Encoding:
    """Encoding of a text file.

    Raises
    ------
    InputFileError
        If it is neither UTF-8, UTF-16 with byte order mark nor GB18030.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF_16
    candidates = (UTF_8_BOM,) if start.startswith(codecs.BOM_UTF8) else (UTF_8, GB18030)
    failures = []
    for encoding in candidates:
        line = _first_bad_line(path, encoding)
        if line is None:
            return encoding
        failures.append(f"not {encoding.label} at line {line}")
    raise InputFileError(
        f"{path.name}: {', '.join(failures)}; save it as UTF-8 (a file put together from parts in "
        "two encodings must be split or converted part by part)"
    )


def rewrite_as_utf8(path: Path, encoding: Encoding, target: Path) -> None:
    """Copy `path` to `target` in UTF-8, block by block."""
    with (
        path.open("r", encoding=encoding.name, newline="") as source,
        target.open("w", encoding="utf-8", newline="") as sink,
    ):
        while block := source.read(BLOCK):
            sink.write(block)


def _first_bad_line(path: Path, encoding: Encoding) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding.name)()
    line = 1
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            line += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return line
    return None
