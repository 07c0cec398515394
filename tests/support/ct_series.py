"""A tiny CT series, and a reading of it, for tests that need valid DICOM and no network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from clinical_ai import codes
from clinical_ai.findings import (
    Finding,
    Measurement,
    ModelIdentity,
    Quality,
    Reading,
    Region,
    pack_mask,
)
from clinical_ai.identifiers import derive_uid
from clinical_ai.messages import Message
from clinical_ai.readers.base import StudyInput, reading_id, tracking_uid

STUDY_UID = derive_uid("test", "study")
SERIES_UID = derive_uid("test", "series")
FRAME_UID = derive_uid("test", "frame of reference")
MADE_AT = "2026-11-24T08:30:00+00:00"
SLICES, ROWS, COLUMNS = 6, 64, 64


def write_ct_series(
    folder: Path,
    *,
    patient_name: str = "Doe^Jane",
    character_set: str | None = None,
    slices: int = SLICES,
) -> list[Path]:
    """Write a CT series of a block with a bright ball; returns its files, in slice order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(slices):
        image = ct_image(index, patient_name=patient_name, character_set=character_set)
        path = folder / f"{index:03}.dcm"
        image.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def slice_uid(index: int) -> str:
    """Return the SOP Instance UID of one slice."""
    return derive_uid("test", "slice", str(index))


def ct_image(
    index: int, *, patient_name: str = "Doe^Jane", character_set: str | None = None
) -> Dataset:
    """Return one slice of 64 x 64 pixels of 1 mm, 2 mm thick."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = CTImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = slice_uid(index)
    if character_set is not None:
        image.SpecificCharacterSet = character_set
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    image.SOPClassUID = CTImageStorage
    image.SOPInstanceUID = slice_uid(index)
    image.StudyDate, image.StudyTime = "20261123", "101112"
    image.ContentDate, image.ContentTime = "20261123", "101113"
    image.AccessionNumber = "ACC1"
    image.Modality = "CT"
    image.Manufacturer = "Test"
    image.ReferringPhysicianName = "Ref^Erring"
    image.StudyDescription = "Chest"
    image.SeriesDescription = "Thin"
    image.PatientName = patient_name
    image.PatientID = "P1"
    image.PatientBirthDate = "19600101"
    image.PatientSex = "F"
    image.PatientAge = "066Y"
    image.BodyPartExamined = "CHEST"
    image.SliceThickness = 2
    image.KVP = 120
    image.PatientPosition = "HFS"
    image.StudyInstanceUID = STUDY_UID
    image.SeriesInstanceUID = SERIES_UID
    image.StudyID = "1"
    image.SeriesNumber = 2
    image.AcquisitionNumber = 1
    image.InstanceNumber = index + 1
    image.ImagePositionPatient = [-32, -32, 2 * index]
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.FrameOfReferenceUID = FRAME_UID
    image.PositionReferenceIndicator = ""
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = ROWS, COLUMNS
    image.PixelSpacing = [1, 1]
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelRepresentation = 1
    image.RescaleIntercept, image.RescaleSlope = 0, 1
    pixels = np.full((ROWS, COLUMNS), -800, dtype="<i2")
    pixels[20:30, 20:30] = 30
    image.PixelData = pixels.tobytes()
    return image


def ball(shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return an ellipsoid that fills `shape`."""
    axes = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return np.asarray(x**2 + y**2 + z**2 <= 1.05)


def region(first: int, top: int, left: int, shape: tuple[int, int, int]) -> Region:
    """Return a ball at a place of the series."""
    return Region(
        series_uid=SERIES_UID,
        frame_of_reference_uid=FRAME_UID,
        sop_instance_uids=tuple(slice_uid(first + i) for i in range(shape[0])),
        origin=(first, top, left),
        shape=shape,
        bits=pack_mask(ball(shape)),
        centroid_mm=(0.0, 0.0, 0.0),
    )


def lung_reading(*, findings: int = 2, status: str = "read") -> Reading:
    """Return a reading of the series with up to three findings: two overlap, one has no region."""
    reading = Reading(
        id="",
        study_uid=STUDY_UID,
        content_version="v1",
        series_uids=(SERIES_UID,),
        reader="lung_nodule",
        model=ModelIdentity(
            name="lung-nodule-test",
            version="1.2.3",
            intended_use=Message("For tests only."),
            accuracy=(Message("Not measured."),),
            manifest_sha256="ab" * 32,
        ),
        status="read" if status == "read" else "not_read",
        reason=None if status == "read" else Message("Not read: a test."),
        cautions=(Message("Slices of {mm} mm.", {"mm": 2}),),
        findings=(),
        assessments=(),
        urgency="routine",
        made_at=MADE_AT,
    )
    identified = replace(reading, id=_id(reading))
    return replace(
        identified, findings=tuple(_finding(identified.id, n) for n in range(1, findings + 1))
    )


def _id(reading: Reading) -> str:
    study = StudyInput(reading.study_uid, reading.content_version, (), None, None, MADE_AT)
    return reading_id(study, reading.reader, "1.2.3")


def _finding(reading: str, number: int) -> Finding:
    regions = {1: region(1, 20, 20, (3, 11, 9)), 2: region(2, 24, 25, (2, 8, 8)), 3: None}
    composition = {1: codes.SOLID, 2: codes.GROUND_GLASS, 3: codes.PART_SOLID}[number]
    return Finding(
        id=str(number),
        tracking_uid=tracking_uid(reading, str(number)),
        code=codes.LUNG_NODULE,
        site=codes.RIGHT_LUNG if number == 1 else None,
        confidence=0.9123 if number == 1 else None,
        measurements=(
            Measurement(codes.LONG_AXIS, 23.4567, codes.MILLIMETER),
            Measurement(codes.SHORT_AXIS, 16.1, codes.MILLIMETER),
            Measurement(codes.VOLUME, 3141.59265, codes.CUBIC_MILLIMETER),
            Measurement(codes.MEAN_ATTENUATION, -12.5, codes.HOUNSFIELD_UNIT),
        ),
        qualities=(Quality(codes.NODULE_COMPOSITION, composition),),
        region=regions[number],
        key_sop_instance_uid=slice_uid(2),
    )


def read_headers(paths: list[Path]) -> list[Dataset]:
    """Return the headers of files."""
    return [pydicom.dcmread(p, stop_before_pixels=True) for p in paths]
