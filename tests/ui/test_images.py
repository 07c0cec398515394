"""Series and pixels out of files."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.errors import ImagingError
from clinical_ai.messages import Message
from pacs_bridge.images.voi import Window
from tests.ui.hospital import NODULES, ct_reading, mammography
from ui import images


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    return make_chest_phantom(
        folder, slices=24, rows=96, spacing_mm=(5.0, 3.8, 3.8), nodules=NODULES
    )


@pytest.fixture
def views(tmp_path):
    paths = []
    for ds in mammography({}):
        path = tmp_path / f"{ds.SOPInstanceUID}.dcm"
        ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def rewritten(path, target, **changes):
    ds = pydicom.dcmread(path)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.save_as(target)
    return target


def test_stack_runs_from_head_to_feet_whatever_the_order_of_files(phantom):
    (stack,) = images.read_stacks(reversed(phantom.files))
    heights = [
        float(pydicom.dcmread(s.path, stop_before_pixels=True).ImagePositionPatient[2])
        for s in stack.slices
    ]
    assert heights == sorted(heights, reverse=True)
    assert stack.index_of(stack.slices[5].sop_instance_uid) == 5
    assert stack.index_of("1.2.3") is None


def test_files_that_are_no_pictures_are_left_out(phantom, tmp_path):
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"not DICOM")
    report = Dataset()
    report.SOPInstanceUID, report.SeriesInstanceUID, report.Modality = "1.2", "1.3", "SR"
    pydicom.dcmwrite(tmp_path / "sr.dcm", report, implicit_vr=False, little_endian=True)
    paths = [broken, tmp_path / "sr.dcm", tmp_path / "absent.dcm", *phantom.files]
    assert len(images.read_stacks(paths)) == 1


def test_ct_pixels_are_hounsfield_units(phantom):
    pixels = images.read_pixels(phantom.files[12], 0)
    assert pixels.values.min() < -900
    assert 20 < np.percentile(pixels.values, 90) < 1500
    assert pixels.pixel_spacing_mm == (3.8, 3.8)
    assert pixels.letters == ("R", "L", "A", "P")


def test_missing_or_broken_geometry_falls_back_to_instance_numbers(phantom, tmp_path):
    paths = [
        rewritten(phantom.files[i], tmp_path / f"{i}.dcm", ImagePositionPatient=None)
        for i in (3, 1, 2)
    ]
    (stack,) = images.read_stacks(paths)
    numbers = [s.instance_number for s in stack.slices]
    assert numbers == sorted(numbers)
    assert all(s.depth_mm is None for s in stack.slices)


def test_truncated_pixels_are_an_imaging_error_with_a_message(phantom, tmp_path):
    path = rewritten(phantom.files[0], tmp_path / "short.dcm", PixelData=b"\x00" * 10)
    with pytest.raises(ImagingError) as caught:
        images.read_pixels(path, 0)
    assert isinstance(caught.value.args[0], Message)


def test_file_window_is_used_and_bad_widths_are_not(phantom, tmp_path):
    path = rewritten(
        phantom.files[0], tmp_path / "w.dcm", WindowCenter=[40, 50], WindowWidth=[400, 0]
    )
    assert images.read_pixels(path, 0).windows == (Window(40, 400),)


def test_finding_is_drawn_where_the_nodule_is(phantom):
    datasets = [pydicom.dcmread(f) for f in phantom.files]
    reading = ct_reading(datasets, phantom, "0" * 16, 1, "urgent")
    finding = reading.findings[0]
    key = next(d for d in datasets if d.SOPInstanceUID == finding.key_sop_instance_uid)
    mask = images.slice_mask(reading.findings, key.SOPInstanceUID, (key.Rows, key.Columns))
    path = next(f for f, d in zip(phantom.files, datasets, strict=True) if d is key)
    values = images.read_pixels(path, 0)
    assert values.values[mask].mean() > -200  # the solid nodule, not lung
    assert images.slice_mask(reading.findings, "1.2.3", (96, 96)) is None
    crop = images.close_up(finding, 60, (3.8, 3.8), (96, 96))
    rows, columns = np.nonzero(mask)
    assert crop.row_start <= rows.min() <= rows.max() < crop.row_stop
    assert crop.column_start <= columns.min() <= columns.max() < crop.column_stop


def test_drawing_gives_a_png(phantom):
    png = images.draw(images.read_pixels(phantom.files[0], 0), Window(-600, 1500))
    assert png.startswith(b"\x89PNG")


def test_mammography_hangs_back_to_back(views):
    # st.cache_data needs no running server to be imported
    from ui.screens import mammography as screen

    stacks = images.read_stacks(views)
    hung = screen.four_views(stacks)
    assert [(v.laterality, v.view) for v in hung] == [
        ("R", "CC"),
        ("L", "CC"),
        ("R", "MLO"),
        ("L", "MLO"),
    ]
    # the test views have rows that run to the front: right for the left breast only
    assert [screen.is_mirrored(v) for v in hung] == [True, False, True, False]
    assert screen.four_views(images.read_stacks(views[:3])) is None
