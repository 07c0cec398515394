"""Synthetic objects of the sizes that modalities send."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)


def write_ct(folder: Path, count: int) -> list[Path]:
    """Write a series of CT slices of 512 x 512 pixels, 0.53 MB each."""
    study, series = generate_uid(), generate_uid()
    noise = np.random.default_rng(1).integers(0, 4096, (512, 512), dtype=np.uint16)
    paths = []
    for number in range(1, count + 1):
        image = _image(CTImageStorage, "CT", study, series, number)
        image.ImagePositionPatient = [-180, -180, float(number)]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = [0.7, 0.7]
        image.SliceThickness = 1
        image.RescaleIntercept, image.RescaleSlope = -1024, 1
        _set_pixels(image, np.roll(noise, number))
        paths.append(_save(image, folder))
    return paths


def write_mammogram(folder: Path, number: int) -> Path:
    """Write a mammogram of 4096 x 3072 pixels of 16 bits, 25 MB."""
    sop_class = DigitalMammographyXRayImageStorageForPresentation
    image = _image(sop_class, "MG", generate_uid(), generate_uid(), number)
    _set_pixels(
        image, np.random.default_rng(number).integers(0, 4096, (4096, 3072), dtype=np.uint16)
    )
    return _save(image, folder)


def write_clip(folder: Path, number: int) -> Path:
    """Write an ultrasound clip of 64 frames of 640 x 480 in colour, 59 MB."""
    sop_class = UltrasoundMultiFrameImageStorage
    image = _image(sop_class, "US", generate_uid(), generate_uid(), number)
    frames = np.random.default_rng(number).integers(0, 256, (64, 480, 640, 3), dtype=np.uint8)
    image.NumberOfFrames = len(frames)
    image.Rows, image.Columns = 480, 640
    image.SamplesPerPixel, image.PhotometricInterpretation = 3, "RGB"
    image.PlanarConfiguration = 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    image.PixelRepresentation = 0
    image.PixelData = frames.tobytes()
    return _save(image, folder)


def _image(sop_class: str, modality: str, study: str, series: str, number: int) -> Dataset:
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = sop_class, generate_uid()
    image.StudyInstanceUID, image.SeriesInstanceUID = study, series
    image.Modality, image.InstanceNumber, image.SeriesNumber = modality, number, 1
    image.PatientID, image.PatientName = "BENCHMARK", "Benchmark^One"
    image.PatientBirthDate, image.PatientSex = "19600101", "O"
    image.StudyDate, image.StudyTime, image.StudyID = "20261124", "120000", "1"
    image.AccessionNumber, image.ReferringPhysicianName = "A1", ""
    return image


def _set_pixels(image: Dataset, pixels: np.ndarray) -> None:
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.PixelData = pixels.tobytes()


def _save(image: Dataset, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / f"{image.SOPInstanceUID}.dcm"
    image.save_as(path, enforce_file_format=True)
    return path
