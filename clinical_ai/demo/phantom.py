"""A chest CT phantom as DICOM: a study to try the system on, with the truth known.

Everything says PHANTOM (patient ID, study and series description), so that no screen
or report can take it for a person.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from clinical_ai.demo.phantom_anatomy import Grid, PhantomNodule, draw_chest, inside_lung
from clinical_ai.findings import Triple
from clinical_ai.identifiers import derive_uid

__all__ = ["DEFAULT_NODULES", "PhantomNodule", "PhantomTruth", "make_chest_phantom"]

CharacterSet = Literal["ISO_IR 192", "GB18030"]
_INTERCEPT = -1024
_EDITION = 2  # raised when the same arguments draw other voxels, so that UIDs differ too

# Solid, part-way dense and ground-glass; 6 to 20 mm; in open lung.
DEFAULT_NODULES = (
    PhantomNodule((-92.0, 28.0, 40.0), 8.0, 40.0),
    PhantomNodule((-70.0, -40.0, -20.0), 12.0, 30.0),
    PhantomNodule((88.0, 30.0, -30.0), 6.0, 50.0),
    PhantomNodule((80.0, -20.0, 45.0), 20.0, 35.0),
    PhantomNodule((-60.0, 45.0, -45.0), 14.0, -600.0),
)


@dataclass(frozen=True, slots=True)
class PhantomTruth:
    """What was written and what a reader should find.

    Parameters
    ----------
    files
        One CT object a slice, from feet to head.
    nodules
        The nodules as drawn: centre (LPS, mm), diameter (mm), attenuation (HU).
    """

    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    files: tuple[Path, ...]
    spacing_mm: Triple
    nodules: tuple[PhantomNodule, ...]


def make_chest_phantom(
    folder: Path,
    *,
    seed: int = 0,
    slices: int = 120,
    rows: int = 512,
    spacing_mm: Triple = (2.5, 0.7, 0.7),
    nodules: tuple[PhantomNodule, ...] = DEFAULT_NODULES,
    patient_name: str = "Phantom^Chest=体模^胸部",
    character_set: CharacterSet = "ISO_IR 192",
) -> PhantomTruth:
    """Write a chest CT phantom into `folder`, which is made when absent.

    The anatomy has one size and lies round the centre of the volume: fewer slices or a
    smaller field of view show part of it. The default field of view is 300 x 358 x 358 mm.
    The same arguments give the same files and UIDs.

    Parameters
    ----------
    slices, rows
        Size of the volume; there are as many columns as rows.
    spacing_mm
        Between slices, rows and columns.
    nodules
        Balls to draw; each centre must lie in the lungs and in the volume.

    Raises
    ------
    ValueError
        A nodule lies outside the lungs or the volume.
    """
    grid = Grid((slices, rows, rows), spacing_mm)
    for nodule in nodules:
        _check(nodule, grid)
    arguments = repr(
        (_EDITION, seed, slices, rows, spacing_mm, nodules, patient_name, character_set)
    )
    voxels = draw_chest(grid, nodules, np.random.default_rng(seed))
    folder.mkdir(parents=True, exist_ok=True)
    common = _common(arguments, spacing_mm, rows, patient_name, character_set)
    files = []
    for index, plane in enumerate(voxels):
        path = folder / f"CT{index + 1:04d}.dcm"
        position: Triple = (
            float(grid.axis(2)[0]),
            float(grid.axis(1)[0]),
            float(grid.axis(0)[index]),
        )
        _slice(common, arguments, index, position, plane).save_as(path, enforce_file_format=True)
        files.append(path)
    return PhantomTruth(
        study_uid=common.StudyInstanceUID,
        series_uid=common.SeriesInstanceUID,
        frame_of_reference_uid=common.FrameOfReferenceUID,
        files=tuple(files),
        spacing_mm=spacing_mm,
        nodules=nodules,
    )


def _check(nodule: PhantomNodule, grid: Grid) -> None:
    if not inside_lung(nodule.center_mm):
        raise ValueError(f"nodule at {nodule.center_mm} mm is outside the phantom's lungs")
    for axis, value in enumerate(nodule.center_mm[::-1]):
        limit = grid.axis(axis)[-1] - nodule.diameter_mm / 2
        if abs(value) > limit:
            raise ValueError(
                f"nodule at {nodule.center_mm} mm leaves the volume; keep it within {limit:.0f} mm"
            )


def _common(
    arguments: str, spacing: Triple, rows: int, patient_name: str, character_set: str
) -> Dataset:
    """Attributes that every slice shares, by module of the CT IOD (DICOM PS3.3 A.3)."""
    ds = Dataset()
    ds.SpecificCharacterSet = character_set
    ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    ds.SOPClassUID = CTImageStorage
    ds.PatientName = patient_name
    ds.PatientID = "PHANTOM"
    ds.PatientBirthDate = "19660101"
    ds.PatientSex = "O"
    ds.PatientAge = "060Y"
    ds.StudyInstanceUID = derive_uid("phantom", "study", arguments)
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260102"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "080000"
    ds.ReferringPhysicianName = ""
    ds.StudyID = "1"
    ds.AccessionNumber = "PHANTOM"
    ds.StudyDescription = "PHANTOM"
    ds.Modality = "CT"
    ds.SeriesInstanceUID = derive_uid("phantom", "series", arguments)
    ds.SeriesNumber = 1
    ds.SeriesDescription = f"PHANTOM chest {spacing[0]:g} mm"
    ds.BodyPartExamined = "CHEST"
    ds.PatientPosition = "HFS"
    ds.FrameOfReferenceUID = derive_uid("phantom", "frame", arguments)
    ds.PositionReferenceIndicator = ""
    ds.Manufacturer = "clinical-ai"
    ds.ManufacturerModelName = "chest phantom"
    ds.SoftwareVersions = "1"
    ds.KVP = "120"
    ds.ConvolutionKernel = "PHANTOM"
    ds.AcquisitionNumber = 1
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = rows
    ds.BitsAllocated = 16
    ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = 0
    ds.RescaleIntercept = _INTERCEPT
    ds.RescaleSlope = 1
    ds.RescaleType = "HU"
    ds.WindowCenter = -600
    ds.WindowWidth = 1500
    ds.PixelSpacing = [spacing[1], spacing[2]]
    ds.SliceThickness = spacing[0]
    ds.SpacingBetweenSlices = spacing[0]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    return ds


def _slice(
    common: Dataset, arguments: str, index: int, position: Triple, plane: NDArray[np.int16]
) -> Dataset:
    ds = Dataset()
    ds.update(common)
    ds.SOPInstanceUID = derive_uid("phantom", "instance", arguments, str(index))
    ds.InstanceNumber = index + 1
    ds.ImagePositionPatient = [round(value, 4) for value in position]
    ds.SliceLocation = round(position[2], 4)
    stored = plane.astype(np.int32) - _INTERCEPT
    ds.PixelData = np.clip(stored, 0, 65535).astype("<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    return ds
