"""The size a compressed image claims, read before a decoder reserves memory for it."""

from pacs_bridge.errors import EncodingError

_SOI = b"\xff\xd8"  # JPEG and JPEG-LS (ISO/IEC 10918-1 B.1.1.3)
_J2K = b"\xff\x4f\xff\x51"  # JPEG 2000: SOC, then SIZ (ISO/IEC 15444-1 A.4.1, A.5.1)
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
# SOF0 to SOF15 without DHT, JPG and DAC; 0xF7 is JPEG-LS's (ISO/IEC 14495-1 C.2.2).
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}


def check_size(codestream: bytes, rows: int, columns: int) -> None:
    """Refuse a JPEG, JPEG-LS or JPEG 2000 image that claims another size than the data set.

    Raises
    ------
    EncodingError
        Where the sizes differ, or the image is of none of these formats.
    """
    claimed = claimed_size(codestream)
    if claimed is None:
        raise EncodingError("the compressed image does not begin as one of its format does")
    if claimed != (rows, columns):
        raise EncodingError(
            f"the compressed image is {claimed[0]} x {claimed[1]}, "
            f"but Rows x Columns are {rows} x {columns}"
        )


def claimed_size(codestream: bytes) -> tuple[int, int] | None:
    """Return (rows, columns) as a JPEG, JPEG-LS or JPEG 2000 header has them, or None."""
    if codestream.startswith(_J2K):
        return _jpeg_2000(codestream)
    return _jpeg(codestream) if codestream.startswith(_SOI) else None


def _jpeg_2000(codestream: bytes) -> tuple[int, int] | None:
    if len(codestream) < 24:
        return None
    width, height, left, top = (
        int.from_bytes(codestream[i : i + 4], "big") for i in range(8, 24, 4)
    )
    return height - top, width - left


def _jpeg(codestream: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(codestream):
        if codestream[position] != 0xFF:
            return None
        marker = codestream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker in _STANDALONE:
            position += 2
        elif marker in _SIZES:
            rows = int.from_bytes(codestream[position + 5 : position + 7], "big")
            return rows, int.from_bytes(codestream[position + 7 : position + 9], "big")
        else:
            position += 2 + int.from_bytes(codestream[position + 2 : position + 4], "big")
    return None
