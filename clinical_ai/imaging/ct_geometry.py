"""Headers of a CT series, checked to form one regular stack of parallel slices.

Geometry follows DICOM PS3.3 C.7.6.2 (Image Plane Module): positions and directions are
LPS millimetres.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from clinical_ai.findings import Triple
from clinical_ai.imaging.unusable import UnusableImagesError
from clinical_ai.messages import N_, Message

# The range the readers are made for; thinner slices than 0.5 mm occur only in special protocols.
SLICE_SPACING_MM = (0.5, 5.0)
PIXEL_SPACING_MM = (0.2, 3.0)
MINIMUM_SLICES = 16

_POSITION_TOLERANCE_MM = 0.01  # two slices nearer than this lie in one place
_GAP_FACTOR = 1.5  # a step larger than this many usual steps means missing slices
_UNEVEN_SHARE, _UNEVEN_MM = 0.2, 0.1  # steps may differ by rounding of table positions
_DIRECTION_TOLERANCE = 1e-3
_MAXIMUM_TILT_DEGREES = 5.0

HEADER_TAGS = [
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "SliceThickness",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "RescaleSlope",
    "RescaleIntercept",
    "ContrastBolusAgent",
    "PatientID",
    "StudyDescription",
    "SeriesDescription",
    "ConvolutionKernel",
    "BodyPartExamined",
    "PatientAge",
]

# What pydicom and its decoders raise on files that are cut short or not what they say.
DECODING_ERRORS = (
    InvalidDicomError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
    IndexError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class SliceHeader:
    """One slice: its file, its identity and where it lies."""

    path: Path
    dataset: Dataset
    sop_instance_uid: str
    position: NDArray[np.float64]


@dataclass(frozen=True)
class Stack:
    """Slices of one series, sorted along the slice normal, checked to form a regular grid.

    Parameters
    ----------
    spacing
        Between slices, rows and columns, mm.
    directions
        LPS unit vectors of rising slice, row and column index.
    """

    slices: tuple[SliceHeader, ...]
    series_uid: str
    frame_of_reference_uid: str
    spacing: Triple
    directions: tuple[Triple, Triple, Triple]
    shape: tuple[int, int, int]


def read_header(path: Path) -> Dataset:
    """Return the header of a CT slice, without pixels.

    Raises
    ------
    UnusableImagesError
        Not DICOM, or cut off inside the header.
    """
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=HEADER_TAGS)
    except DECODING_ERRORS as error:
        raise UnusableImagesError(
            Message(N_("A file of the series is not readable DICOM ({kind})."), _kind(error))
        ) from error


def _kind(error: BaseException) -> dict[str, str | int | float]:
    # The class only: texts of decoder errors can hold values out of the file.
    return {"kind": type(error).__name__}


def read_stack(files: Sequence[Path], *, minimum_slices: int = MINIMUM_SLICES) -> Stack:
    """Read the headers of a series and check that they form one regular stack.

    Raises
    ------
    UnusableImagesError
        With the reason: not CT, localizer, no geometry, mixed series, size or orientation,
        slices in one place, missing slices, uneven or unsupported spacing, too few slices.
    """
    if not files:
        raise UnusableImagesError(Message(N_("The series holds no images.")))
    datasets = [read_header(path) for path in files]
    for dataset in datasets:
        _check_kind(dataset)
    _check_same(datasets)
    directions, pixel_spacing = _plane(datasets)
    normal = directions[0]
    headers = [
        SliceHeader(path, dataset, str(dataset.SOPInstanceUID), _vector(dataset, 3))
        for path, dataset in zip(files, datasets, strict=True)
    ]
    headers.sort(key=lambda header: (float(header.position @ normal), header.sop_instance_uid))
    if len(headers) < minimum_slices:
        raise UnusableImagesError(
            Message(
                N_("The series has {count} slices; at least {minimum} are needed."),
                {"count": len(headers), "minimum": minimum_slices},
            )
        )
    step = _step(headers, normal)
    spacing = (float(np.linalg.norm(step)), *pixel_spacing)
    _check_spacing(spacing)
    first = datasets[0]
    return Stack(
        slices=tuple(headers),
        series_uid=str(first.SeriesInstanceUID),
        frame_of_reference_uid=str(first.get("FrameOfReferenceUID", "")),
        spacing=spacing,
        directions=(
            _triple(step / np.linalg.norm(step)),
            _triple(directions[1]),
            _triple(directions[2]),
        ),
        shape=(len(headers), int(first.Rows), int(first.Columns)),
    )


def is_localizer(dataset: Dataset) -> bool:
    """Tell whether ImageType says LOCALIZER (DICOM PS3.3 C.8.2.1.1.1)."""
    return "LOCALIZER" in [str(value).upper() for value in dataset.get("ImageType") or []]


def _check_kind(dataset: Dataset) -> None:
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class == EnhancedCTImageStorage:
        raise UnusableImagesError(
            Message(N_("Enhanced (multi-frame) CT is not supported; send single-frame CT."))
        )
    if sop_class != CTImageStorage or dataset.get("Modality", "CT") != "CT":
        raise UnusableImagesError(Message(N_("The series holds images other than CT.")))
    if is_localizer(dataset):
        raise UnusableImagesError(Message(N_("The series is a localizer (scout view).")))
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    if photometric != "MONOCHROME2" or dataset.get("SamplesPerPixel", 1) != 1:
        raise UnusableImagesError(
            Message(
                N_("Pixels are {photometric}; CT must be MONOCHROME2."),
                {"photometric": photometric[:16] or "unspecified"},
            )
        )
    for keyword, count in (
        ("ImagePositionPatient", 3),
        ("ImageOrientationPatient", 6),
        ("PixelSpacing", 2),
    ):
        values = dataset.get(keyword)
        if values is None or len(values) != count:
            raise UnusableImagesError(
                Message(N_("The geometry is missing: {keyword} is absent."), {"keyword": keyword})
            )
        if not np.all(np.isfinite(np.asarray(values, dtype=np.float64))):
            raise UnusableImagesError(
                Message(N_("The geometry is not a number: {keyword}."), {"keyword": keyword})
            )
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "Rows", "Columns"):
        if not dataset.get(keyword):
            raise UnusableImagesError(
                Message(N_("An image lacks {keyword}."), {"keyword": keyword})
            )
    if dataset.get("RescaleSlope") is None or dataset.get("RescaleIntercept") is None:
        raise UnusableImagesError(
            Message(N_("Pixels have no Hounsfield scale (RescaleSlope, RescaleIntercept)."))
        )


def _distinct(values: Iterable[object]) -> int:
    return len(set(values))


def _check_same(datasets: Sequence[Dataset]) -> None:
    if _distinct(str(d.SeriesInstanceUID) for d in datasets) > 1:
        raise UnusableImagesError(Message(N_("Images of several series are mixed.")))
    if _distinct(str(d.get("FrameOfReferenceUID", "")) for d in datasets) > 1:
        raise UnusableImagesError(Message(N_("The images have different frames of reference.")))
    if _distinct((int(d.Rows), int(d.Columns)) for d in datasets) > 1:
        raise UnusableImagesError(Message(N_("The images differ in size.")))
    if _distinct(tuple(round(float(s), 4) for s in d.PixelSpacing) for d in datasets) > 1:
        raise UnusableImagesError(Message(N_("The images differ in pixel spacing.")))
    if _distinct(str(d.SOPInstanceUID) for d in datasets) < len(datasets):
        raise UnusableImagesError(Message(N_("The same image occurs twice in the series.")))


def _vector(dataset: Dataset, count: int) -> NDArray[np.float64]:
    keyword = "ImagePositionPatient" if count == 3 else "ImageOrientationPatient"
    return np.asarray([float(value) for value in dataset[keyword].value], dtype=np.float64)


def _plane(datasets: Sequence[Dataset]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return the unit normal, row-index and column-index directions, and the pixel spacing."""
    orientations = np.stack([_vector(dataset, 6) for dataset in datasets])
    if np.abs(orientations - orientations[0]).max() > _DIRECTION_TOLERANCE:
        raise UnusableImagesError(Message(N_("The images differ in orientation.")))
    along_row, along_column = orientations[0, :3], orientations[0, 3:]
    lengths = np.linalg.norm([along_row, along_column], axis=1)
    if np.abs(lengths - 1.0).max() > 0.01 or abs(float(along_row @ along_column)) > 0.01:
        raise UnusableImagesError(
            Message(N_("ImageOrientationPatient is not a pair of perpendicular unit vectors."))
        )
    normal = np.cross(along_row, along_column)
    spacing = [float(value) for value in datasets[0].PixelSpacing]
    # PixelSpacing: first between rows, then between columns. The row index rises along
    # the column direction (second triple), the column index along the row direction.
    return np.stack([normal, along_column, along_row]), (spacing[0], spacing[1])


def _step(headers: Sequence[SliceHeader], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the LPS vector from slice to slice after checking that steps are even."""
    positions = np.stack([header.position for header in headers])
    steps = np.diff(positions @ normal)
    if steps.min() < _POSITION_TOLERANCE_MM:
        raise UnusableImagesError(
            Message(
                N_("{count} slices lie in the same place as another (several phases?)."),
                {"count": int((steps < _POSITION_TOLERANCE_MM).sum())},
            )
        )
    usual = float(np.median(steps))
    wide = steps > _GAP_FACTOR * usual
    if wide.any():
        raise UnusableImagesError(
            Message(
                N_("Slices are missing: {gaps} gaps, the largest {gap} mm at {usual} mm spacing."),
                {
                    "gaps": int(wide.sum()),
                    "gap": round(float(steps.max()), 2),
                    "usual": round(usual, 2),
                },
            )
        )
    if np.abs(steps - usual).max() > max(_UNEVEN_SHARE * usual, _UNEVEN_MM):
        raise UnusableImagesError(
            Message(
                N_("Slices are unevenly spaced: {least} to {most} mm."),
                {"least": round(float(steps.min()), 2), "most": round(float(steps.max()), 2)},
            )
        )
    step: NDArray[np.float64] = (positions[-1] - positions[0]) / (len(headers) - 1)
    cosine = min(float(step @ normal) / float(np.linalg.norm(step)), 1.0)
    tilt = float(np.degrees(np.arccos(cosine)))
    if tilt > _MAXIMUM_TILT_DEGREES:
        raise UnusableImagesError(
            Message(
                N_("The gantry was tilted by {tilt} degrees; at most {most} can be read."),
                {"tilt": round(tilt, 1), "most": _MAXIMUM_TILT_DEGREES},
            )
        )
    return step


def _check_spacing(spacing: Triple) -> None:
    limits = (SLICE_SPACING_MM, PIXEL_SPACING_MM, PIXEL_SPACING_MM)
    for value, (low, high) in zip(spacing, limits, strict=True):
        # A hundredth of tolerance: positions are decimal strings.
        if not low - 0.01 <= value <= high + 0.01:
            raise UnusableImagesError(
                Message(
                    N_("A spacing of {value} mm is outside the supported {low} to {high} mm."),
                    {"value": round(value, 3), "low": low, "high": high},
                )
            )


def _triple(vector: NDArray[np.float64]) -> Triple:
    return float(vector[0]), float(vector[1]), float(vector[2])
