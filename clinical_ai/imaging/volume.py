"""A CT series as one array in Hounsfield units with its place in the patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from clinical_ai.findings import Triple
from clinical_ai.imaging.ct_geometry import DECODING_ERRORS, MINIMUM_SLICES, Stack, read_stack
from clinical_ai.imaging.unusable import UnusableImagesError
from clinical_ai.messages import N_, Message

AIR_HU = -1024
_HIGHEST_HU = 32767


@dataclass(frozen=True)
class Volume:
    """Voxels in HU and where they lie.

    Parameters
    ----------
    hu
        int16 (slices, rows, columns), at least -1024; slices sorted along the slice normal.
    spacing
        Between slices, rows and columns, mm.
    origin
        LPS position of voxel (0, 0, 0), mm.
    directions
        LPS unit vectors of rising slice, row and column index.
    sop_instance_uids
        Source instance of each slice.
    """

    hu: NDArray[np.int16]
    spacing: Triple
    origin: Triple
    directions: tuple[Triple, Triple, Triple]
    series_uid: str
    frame_of_reference_uid: str
    sop_instance_uids: tuple[str, ...]

    @property
    def affine(self) -> NDArray[np.float64]:
        """(3, 4) matrix that takes (slice, row, column, 1) to LPS mm."""
        columns = np.asarray(self.directions).T * np.asarray(self.spacing)
        return np.column_stack([columns, np.asarray(self.origin)])

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel, mm3."""
        return float(abs(np.linalg.det(self.affine[:, :3])))

    def to_lps(self, index: Triple) -> Triple:
        """Return the LPS position (mm) of a voxel index (slice, row, column), whole or not."""
        x, y, z = self.affine @ np.asarray([*index, 1.0])
        return float(x), float(y), float(z)

    def to_index(self, position: Triple) -> Triple:
        """Return the index (slice, row, column) of an LPS position in mm."""
        affine = self.affine
        s, r, c = np.linalg.solve(affine[:, :3], np.asarray(position) - affine[:, 3])
        return float(s), float(r), float(c)


def load_ct_volume(files: Sequence[Path], *, minimum_slices: int = MINIMUM_SLICES) -> Volume:
    """Read one CT series, files in any order, into a volume.

    Any orientation and any transfer syntax that pydicom decodes. Padding becomes air.

    Raises
    ------
    UnusableImagesError
        An `ImagingError` whose `reason` says why: see `read_stack`; also truncated or
        undecodable pixels.
    """
    return load_stack(read_stack(files, minimum_slices=minimum_slices))


def load_stack(stack: Stack) -> Volume:
    """Read the pixels of a checked stack.

    Raises
    ------
    UnusableImagesError
        Truncated or undecodable pixels.
    """
    hu = np.empty(stack.shape, dtype=np.int16)
    for index, header in enumerate(stack.slices):
        hu[index] = _read_slice(header.path, stack.shape[1:])
    first = stack.slices[0].position
    return Volume(
        hu=hu,
        spacing=stack.spacing,
        origin=(float(first[0]), float(first[1]), float(first[2])),
        directions=stack.directions,
        series_uid=stack.series_uid,
        frame_of_reference_uid=stack.frame_of_reference_uid,
        sop_instance_uids=tuple(header.sop_instance_uid for header in stack.slices),
    )


def _read_slice(path: Path, shape: tuple[int, ...]) -> NDArray[np.int16]:
    try:
        dataset = dcmread(path)
        stored = dataset.pixel_array
    except DECODING_ERRORS as error:
        raise UnusableImagesError(
            Message(
                N_("Pixels of a slice cannot be decoded ({kind}); the file may be cut short."),
                {"kind": type(error).__name__},
            )
        ) from error
    if stored.shape != shape:
        raise UnusableImagesError(Message(N_("A file holds more or less than one slice.")))
    slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
    hu = stored.astype(np.float32)
    hu *= np.float32(slope)
    hu += np.float32(intercept)
    np.clip(np.rint(hu, out=hu), AIR_HU, _HIGHEST_HU, out=hu)
    padding = _padding(dataset, stored)
    if padding is not None:
        hu[padding] = AIR_HU
    return hu.astype(np.int16)


def _padding(dataset: Dataset, stored: NDArray[np.integer]) -> NDArray[np.bool_] | None:
    """Return where pixels are padding (DICOM PS3.3 C.7.5.1.1.2), or None when there is none."""
    value = dataset.get("PixelPaddingValue")
    if value is None:
        return None
    limits = [_as_stored(dataset, int(value))]
    limit = dataset.get("PixelPaddingRangeLimit")
    limits.append(_as_stored(dataset, int(limit)) if limit is not None else limits[0])
    inside: NDArray[np.bool_] = (stored >= min(limits)) & (stored <= max(limits))
    return inside


def _as_stored(dataset: Dataset, value: int) -> int:
    """Return a padding value as the pixels hold it: some writers encode it with the wrong sign."""
    if dataset.PixelRepresentation == 1 and value >= 2**15:
        return value - 2**16
    if dataset.PixelRepresentation == 0 and value < 0:
        return value + 2**16
    return value
