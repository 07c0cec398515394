"""The phantom is a real CT study, says what it is, and holds the nodules it claims."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from clinical_ai.demo.phantom import PhantomNodule, make_chest_phantom

SMALL = {"slices": 20, "rows": 128, "spacing_mm": (2.5, 2.8, 2.8)}
NODULE = PhantomNodule((-70.0, -20.0, 0.0), 14.0, 40.0)


def test_says_phantom_and_keeps_chinese_name(tmp_path: Path) -> None:
    for character_set in ("ISO_IR 192", "GB18030"):
        truth = make_chest_phantom(
            tmp_path / character_set,
            **SMALL,
            nodules=(NODULE,),
            patient_name="Wang^XiaoDong=王^小东",
            character_set=character_set,
        )
        ds = pydicom.dcmread(truth.files[0])
        assert ds.PatientID == ds.StudyDescription == "PHANTOM"
        assert ds.SeriesDescription.startswith("PHANTOM")
        assert ds.SpecificCharacterSet == character_set
        assert ds.PatientName.ideographic == "王^小东"


def test_same_arguments_same_files_other_seed_other_uids(tmp_path: Path) -> None:
    first = make_chest_phantom(tmp_path / "a", **SMALL, nodules=(NODULE,))
    again = make_chest_phantom(tmp_path / "b", **SMALL, nodules=(NODULE,))
    other = make_chest_phantom(tmp_path / "c", **SMALL, nodules=(NODULE,), seed=1)
    assert [p.read_bytes() for p in first.files] == [p.read_bytes() for p in again.files]
    assert {first.study_uid, first.series_uid}.isdisjoint({other.study_uid, other.series_uid})


def test_nodule_lies_where_the_truth_says_with_its_volume(tmp_path: Path) -> None:
    truth = make_chest_phantom(
        tmp_path, slices=24, rows=256, spacing_mm=(2.0, 1.4, 1.4), nodules=(NODULE,)
    )
    slices = [pydicom.dcmread(path) for path in truth.files]
    hu = np.stack([s.pixel_array.astype(float) + float(s.RescaleIntercept) for s in slices])
    x0, y0, _ = slices[0].ImagePositionPatient
    z = np.array([float(s.ImagePositionPatient[2]) for s in slices])[:, None, None]
    y = (y0 + 1.4 * np.arange(256))[None, :, None]
    x = (x0 + 1.4 * np.arange(256))[None, None, :]
    cx, cy, cz = NODULE.center_mm
    near = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < (NODULE.diameter_mm / 2 + 2) ** 2
    solid = near & (hu > -400)
    volume = solid.sum() * 2.0 * 1.4 * 1.4
    assert volume == pytest.approx(4 / 3 * np.pi * 7.0**3, rel=0.1)
    assert (x * solid).sum() / solid.sum() == pytest.approx(cx, abs=0.5)
    assert (y * solid).sum() / solid.sum() == pytest.approx(cy, abs=0.5)
    assert (z * solid).sum() / solid.sum() == pytest.approx(cz, abs=0.5)


def test_refuses_a_nodule_outside_the_lungs_or_the_volume(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside the phantom's lungs"):
        make_chest_phantom(tmp_path, nodules=(PhantomNodule((0.0, 60.0, 0.0), 8.0, 40.0),))
    with pytest.raises(ValueError, match="leaves the volume"):
        make_chest_phantom(
            tmp_path, slices=10, nodules=(PhantomNodule((-70.0, -20.0, 60.0), 8.0, 40.0),)
        )


def test_dciodvfy_has_no_complaint(tmp_path: Path) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    truth = make_chest_phantom(tmp_path, **SMALL, nodules=(NODULE,))
    run = subprocess.run([tool, str(truth.files[0])], capture_output=True, text=True, check=False)
    assert "Error" not in run.stdout + run.stderr
