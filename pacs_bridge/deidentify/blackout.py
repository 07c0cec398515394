"""Rectangles to black out, where devices are known to burn text into their images.

The rules are a TOML file::

    [[blackout]]
    manufacturer = "GE Healthcare"      # whole value, any case; leave out for any
    model = "LOGIQ E9"                  # likewise
    modality = "US"                     # likewise
    rows = 768                          # exactly, as text moves with the size
    columns = 1024
    rectangles = [[0, 0, 1024, 60]]     # left, top, width, height in pixels
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from pacs_bridge.deidentify.instance import Encoding, encode
from pacs_bridge.errors import DeidentifyError

# What the value black is, where it does not depend on the stored values.
_BLACK: dict[str, tuple[int, ...]] = {"RGB": (0, 0, 0), "YBR_FULL": (0, 128, 128)}
_GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    manufacturer: str = ""
    model: str = ""
    modality: str = ""
    rows: PositiveInt
    columns: PositiveInt
    rectangles: tuple[tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt], ...] = Field(
        min_length=1
    )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    blackout: tuple[_Rule, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """In pixels from the upper left corner."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class BlackoutRules:
    """The rules of a file; the first that fits an image holds."""

    rules: tuple[_Rule, ...] = ()

    def rectangles(self, dataset: Dataset) -> tuple[Rectangle, ...]:
        """Return what to black out of an image; empty if no rule fits."""
        for rule in self.rules:
            if _fits(rule, dataset):
                return tuple(Rectangle(*r) for r in rule.rectangles)
        return ()


def read_blackout_rules(path: Path) -> BlackoutRules:
    """Read the rules.

    Raises
    ------
    DeidentifyError
        If the file cannot be read, is not TOML, or a rule has a wrong value.
    """
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DeidentifyError(f"the blackout rules {path} cannot be read: {error}") from error
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DeidentifyError(f"the blackout rules {path}: " + "; ".join(lines)) from error
    for rule in file.blackout:
        for left, top, width, height in rule.rectangles:
            if left + width > rule.columns or top + height > rule.rows:
                raise DeidentifyError(
                    f"the blackout rules {path}: the rectangle {[left, top, width, height]} is "
                    f"not inside {rule.columns} x {rule.rows} pixels"
                )
    return BlackoutRules(file.blackout)


def blacked_out(path: Path, rectangles: tuple[Rectangle, ...]) -> tuple[Dataset, bytes, Encoding]:
    """Read an image with rectangles blackened in every frame.

    Compressed images become Explicit VR Little Endian.

    Returns
    -------
    tuple
        The data set without pixel data, the encoded pixel data element, and their encoding.

    Raises
    ------
    DeidentifyError
        If the image cannot be decoded or has colours that this does not know.
    """
    try:
        dataset = pydicom.dcmread(path)
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            dataset.decompress(as_rgb=True, generate_instance_uid=False)
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        pixels = _stored_values(dataset)
    except (RuntimeError, ValueError, NotImplementedError, AttributeError, KeyError) as error:
        raise DeidentifyError(f"the image cannot be decoded: {type(error).__name__}") from error
    black = _black(pixels, dataset.PhotometricInterpretation)
    for r in rectangles:
        pixels[:, r.top : r.top + r.height, r.left : r.left + r.width] = black
    if int(dataset.get("PlanarConfiguration", 0) or 0) == 1:
        pixels = np.moveaxis(pixels, -1, 1)
    encoded = np.ascontiguousarray(pixels).tobytes()
    element = DataElement(
        0x7FE00010, "OW" if pixels.itemsize > 1 else "OB", encoded + b"\0" * (len(encoded) % 2)
    )
    encoding = Encoding(str(dataset.file_meta.TransferSyntaxUID))
    rest = dataset[:0x7FE00010]
    rest.set_original_encoding(
        encoding.is_implicit, encoding.is_little_endian, dataset.original_character_set
    )
    return rest, encode(Dataset({element.tag: element}), encoding), encoding


def _fits(rule: _Rule, dataset: Dataset) -> bool:
    def is_same(wanted: str, keyword: str) -> bool:
        return not wanted or wanted.casefold() == str(dataset.get(keyword, "")).strip().casefold()

    return (
        rule.rows == dataset.get("Rows")
        and rule.columns == dataset.get("Columns")
        and is_same(rule.manufacturer, "Manufacturer")
        and is_same(rule.model, "ManufacturerModelName")
        and is_same(rule.modality, "Modality")
    )


def _stored_values(dataset: Dataset) -> NDArray[np.generic]:
    """Return the stored values, shape (frames, rows, columns[, samples]), writable."""
    bits, samples = int(dataset.BitsAllocated), int(dataset.SamplesPerPixel)
    if bits not in (8, 16, 32) or dataset.PhotometricInterpretation not in {*_BLACK, *_GREY}:
        raise DeidentifyError(
            f"{dataset.PhotometricInterpretation} with {bits} bits allocated cannot be blacked out"
        )
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        raise DeidentifyError("an image in Explicit VR Big Endian cannot be blacked out")
    kind = np.dtype(f"<{'i' if dataset.PixelRepresentation else 'u'}{bits // 8}")
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    count = frames * rows * columns * samples
    flat = np.frombuffer(dataset.PixelData, dtype=kind, count=count).copy()
    if samples == 1:
        return flat.reshape(frames, rows, columns)
    if int(dataset.get("PlanarConfiguration", 0) or 0) == 1:
        return np.moveaxis(flat.reshape(frames, samples, rows, columns), 1, -1)
    return flat.reshape(frames, rows, columns, samples)


def _black(pixels: NDArray[np.generic], interpretation: str) -> NDArray[np.generic]:
    """Return the darkest value that the image has, or the colour black."""
    if interpretation in _BLACK:
        return np.array(_BLACK[interpretation], dtype=pixels.dtype)
    extreme = np.max if interpretation == "MONOCHROME1" else np.min
    return np.asarray(extreme(pixels))
