"""The pictures of a study, from its files: which series and slices there are, and their pixels."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from clinical_ai.errors import ImagingError
from clinical_ai.findings import Finding
from clinical_ai.imaging.render import (
    Crop,
    orientation_letters,
    render_slice,
    square_crop,
)
from clinical_ai.messages import N_, Message
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.picture import read_picture
from pacs_bridge.images.voi import Window

_HEADER_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Modality",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "NumberOfFrames",
    "Rows",
    "ImageLaterality",
    "Laterality",
    "ViewPosition",
    "PatientOrientation",
]
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


@dataclass(frozen=True, slots=True)
class SliceRef:
    """One picture: a frame of a file.

    Parameters
    ----------
    frame
        From 0.
    depth_mm
        Position along the slice normal, mm; None without geometry.
    """

    path: Path
    frame: int
    sop_instance_uid: str
    instance_number: int
    depth_mm: float | None
    laterality: str
    view: str
    row_direction: str


@dataclass(frozen=True, slots=True)
class Stack:
    """The pictures of one series in viewing order, axial ones from head to feet."""

    series_uid: str
    number: int
    modality: str
    description: str
    slices: tuple[SliceRef, ...]

    def index_of(self, sop_instance_uid: str) -> int | None:
        """Return the place of an instance in the stack, or None."""
        uids = [s.sop_instance_uid for s in self.slices]
        return uids.index(sop_instance_uid) if sop_instance_uid in uids else None


@dataclass(frozen=True, slots=True)
class Pixels:
    """The decoded pixels of one picture.

    Parameters
    ----------
    values
        (rows, columns) after the modality transformation, or (rows, columns, 3) uint8.
    windows
        As the file states them, else one that fits.
    letters
        Orientation at the left, right, top and bottom edge; None when unknown.
    """

    values: NDArray[np.floating] | NDArray[np.integer]
    monochrome1: bool
    pixel_spacing_mm: tuple[float, float]
    windows: tuple[Window, ...]
    letters: tuple[str, str, str, str] | None


def read_stacks(paths: Iterable[Path]) -> tuple[Stack, ...]:
    """Return the series that hold pictures, by series number.

    Files without pixels, and reports and segmentations, are left out.
    """
    by_series: dict[str, list[tuple[Dataset, Path]]] = {}
    for path in paths:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_HEADER_TAGS)
        except (InvalidDicomError, OSError):
            continue
        if header.get("Rows") and header.get("Modality") not in ("SEG", "SR", "PR"):
            by_series.setdefault(str(header.SeriesInstanceUID), []).append((header, path))
    stacks = [
        Stack(
            series_uid=uid,
            number=_integer(members[0][0], "SeriesNumber", 0),
            modality=str(members[0][0].get("Modality", "")),
            description=str(members[0][0].get("SeriesDescription", "")),
            slices=_in_order([s for header, path in members for s in _slices(header, path)]),
        )
        for uid, members in by_series.items()
    ]
    return tuple(sorted(stacks, key=lambda s: (s.number, s.series_uid)))


def read_pixels(path: Path, frame: int) -> Pixels:
    """Decode one picture.

    Raises
    ------
    ImagingError
        When the pixels cannot be decoded; carries a `Message`.
    """
    try:
        picture = read_picture(path, frame)
    except (EncodingError, OSError) as error:
        raise ImagingError(
            Message(
                N_("The pixels of this image cannot be decoded ({kind})."),
                {"kind": type(error.__cause__ or error).__name__},
            )
        ) from error
    return Pixels(
        picture.values,
        picture.monochrome1,
        picture.pixel_spacing,
        picture.windows,
        _letters(picture.attributes),
    )


def slice_mask(
    findings: Iterable[Finding], sop_instance_uid: str, shape: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """Return where on one image the findings lie, or None where they do not touch it."""
    mask = np.zeros(shape, dtype=np.bool_)
    for finding in findings:
        region = finding.region
        if region is None or sop_instance_uid not in region.sop_instance_uids:
            continue
        part = region.mask[region.sop_instance_uids.index(sop_instance_uid)]
        row, column = region.origin[1], region.origin[2]
        target = mask[row : row + part.shape[0], column : column + part.shape[1]]
        target |= part[: target.shape[0], : target.shape[1]]
    return mask if mask.any() else None


def close_up(
    finding: Finding, side_mm: float, spacing: tuple[float, float], shape: tuple[int, int]
) -> Crop | None:
    """Return a square around a finding, the same on every slice; None without a region."""
    region = finding.region
    if region is None:
        return None
    centre = (region.origin[1] + region.shape[1] / 2, region.origin[2] + region.shape[2] / 2)
    extent = max(region.shape[1] * spacing[0], region.shape[2] * spacing[1])
    return square_crop(centre, max(side_mm, extent * 1.5), spacing, shape)


def draw(
    pixels: Pixels,
    window: Window,
    *,
    mask: NDArray[np.bool_] | None = None,
    crop: Crop | None = None,
    longest_side: int = 768,
    mirrored: bool = False,
) -> bytes:
    """Return one picture as PNG."""
    letters, values = pixels.letters, pixels.values
    if mirrored:
        values = values[:, ::-1]
        mask = None if mask is None else mask[:, ::-1]
        letters = (letters[1], letters[0], *letters[2:]) if letters else None
    drawn = render_slice(
        values,
        window,
        monochrome1=pixels.monochrome1,
        mask=mask,
        pixel_spacing_mm=pixels.pixel_spacing_mm,
        crop=crop,
        longest_side=longest_side,
        letters=letters,
    )
    target = io.BytesIO()
    Image.fromarray(drawn).save(target, format="PNG", compress_level=1)
    return target.getvalue()


def _slices(header: Dataset, path: Path) -> list[SliceRef]:
    position = _floats(header, "ImagePositionPatient", 3)
    cosines = _floats(header, "ImageOrientationPatient", 6)
    depth = None
    if position and cosines:
        normal = np.cross(cosines[:3], cosines[3:])
        depth = float(np.dot(normal, position))
        if normal[int(np.argmax(np.abs(normal)))] < 0:
            depth = -depth
    orientation = header.get("PatientOrientation") or []
    return [
        SliceRef(
            path=path,
            frame=frame,
            sop_instance_uid=str(header.SOPInstanceUID),
            instance_number=_integer(header, "InstanceNumber", 0),
            depth_mm=depth,
            laterality=str(header.get("ImageLaterality") or header.get("Laterality") or ""),
            view=str(header.get("ViewPosition") or ""),
            row_direction=str(orientation[0])[:1] if len(orientation) == 2 else "",
        )
        for frame in range(max(1, _integer(header, "NumberOfFrames", 1)))
    ]


def _in_order(slices: Sequence[SliceRef]) -> tuple[SliceRef, ...]:
    """Sort from the patient's head, left or back where all slices have geometry."""
    if all(s.depth_mm is not None for s in slices):
        return tuple(sorted(slices, key=lambda s: (-(s.depth_mm or 0.0), s.frame)))
    return tuple(sorted(slices, key=lambda s: (s.instance_number, s.sop_instance_uid, s.frame)))


def _floats(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(v) for v in header.get(keyword) or ())
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and all(np.isfinite(values)) else None


def _integer(header: Dataset, keyword: str, default: int) -> int:
    try:
        return int(header.get(keyword) or default)
    except (TypeError, ValueError):
        return default


def _letters(header: Dataset) -> tuple[str, str, str, str] | None:
    cosines = _floats(header, "ImageOrientationPatient", 6)
    if cosines:
        a, b, c, d, e, f = cosines
        return orientation_letters((a, b, c), (d, e, f))
    orientation = [str(v)[:1] for v in header.get("PatientOrientation") or []]
    if len(orientation) == 2 and all(v in _OPPOSITE for v in orientation):
        right, bottom = orientation
        return _OPPOSITE[right], right, _OPPOSITE[bottom], bottom
    return None
