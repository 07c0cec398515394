from pathlib import Path

import pytest

from pacs_bridge.intake import dicom_files
from validation.imaging.lidc_nodule import compare

LIDC = Path(__file__).parents[4] / "shared/data/lung/lidc_0001"


@pytest.mark.slow
def test_the_nodule_of_four_readers_is_found_and_measured():
    if not LIDC.is_dir():
        pytest.skip("LIDC-IDRI-0001 is not in ../shared/data/lung/lidc_0001")
    with dicom_files(LIDC / "LIDC-IDRI-0001_CT_133slices.zip") as found:
        result = compare(found.files, LIDC / "LIDC-IDRI-0001_069.xml")
    assert result.readers == 4
    assert result.readers_inside == 4
    assert result.reader_sphere_mm == pytest.approx(result.readers_sphere_mm, rel=0.2)
    assert result.reader_mean_axial_mm == pytest.approx(result.readers_mean_axial_mm, rel=0.2)
    assert result.other_marks <= 8
