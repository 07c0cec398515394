"""CT series become volumes only when their geometry is whole; every refusal has its reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from clinical_ai.demo.phantom import PhantomNodule, make_chest_phantom
from clinical_ai.imaging.ct_series import choose_ct_series
from clinical_ai.imaging.unusable import UnusableImagesError
from clinical_ai.imaging.volume import Volume, load_ct_volume

NODULE = PhantomNodule((-70.0, -20.0, 5.0), 16.0, 40.0)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return make_chest_phantom(
        tmp_path_factory.mktemp("ct"),
        slices=24,
        rows=96,
        spacing_mm=(2.5, 3.0, 3.0),
        nodules=(NODULE,),
    ).files


def rewrite(
    files: tuple[Path, ...], folder: Path, change: Callable[[int, Dataset], None]
) -> list[Path]:
    """Copy a series with each header changed."""
    written = []
    for index, path in enumerate(files):
        dataset = pydicom.dcmread(path)
        change(index, dataset)
        target = folder / path.name
        dataset.save_as(target, enforce_file_format=True)
        written.append(target)
    return written


def nodule_centre(volume: Volume) -> np.ndarray:
    """LPS centre of mass of the dense voxels near the nodule."""
    index = np.argwhere(volume.hu > -300)
    places = np.array([volume.to_lps(tuple(i)) for i in index])
    near = np.linalg.norm(places - NODULE.center_mm, axis=1) < 14
    return places[near].mean(axis=0)


def test_slices_in_any_order_make_the_same_volume(phantom: tuple[Path, ...]) -> None:
    forward, backward = load_ct_volume(phantom), load_ct_volume(phantom[::-1])
    assert forward.hu.shape == (24, 96, 96)
    assert forward.spacing == pytest.approx((2.5, 3.0, 3.0))
    assert np.array_equal(forward.hu, backward.hu)
    assert forward.sop_instance_uids == backward.sop_instance_uids
    assert np.linalg.norm(nodule_centre(forward) - NODULE.center_mm) < 1.5


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        pytest.param((1, 0, 0), (0, -1, 0), id="prone-like: rows run anterior"),
        pytest.param((-1, 0, 0), (0, 1, 0), id="mirrored columns, normal to the feet"),
        pytest.param((0, 1, 0), (1, 0, 0), id="decubitus: axes exchanged"),
    ],
)
def test_any_orientation_puts_the_nodule_in_its_place(
    phantom: tuple[Path, ...], tmp_path: Path, rows: tuple[int, ...], columns: tuple[int, ...]
) -> None:
    half = 95 / 2 * 3.0

    def turn(_: int, d: Dataset) -> None:
        pixels = d.pixel_array  # [y, x], both rising
        image = pixels if abs(rows[0]) else pixels.T
        row_sign, column_sign = sum(columns), sum(rows)
        image = image[::row_sign, ::column_sign]
        d.PixelData = np.ascontiguousarray(image).tobytes()
        d.ImageOrientationPatient = [*rows, *columns]
        corner = -half * np.asarray(rows, float) - half * np.asarray(columns, float)
        d.ImagePositionPatient = [corner[0], corner[1], d.ImagePositionPatient[2]]

    volume = load_ct_volume(rewrite(phantom, tmp_path, turn))
    assert np.linalg.norm(nodule_centre(volume) - NODULE.center_mm) < 1.5
    normal = np.cross(rows, columns)
    assert np.allclose(volume.directions[0], normal)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.tuples(*[st.floats(-50, 150)] * 3))
def test_index_and_position_are_inverse(
    phantom: tuple[Path, ...], index: tuple[float, float, float]
) -> None:
    volume = load_ct_volume(phantom[:16])
    assert volume.to_index(volume.to_lps(index)) == pytest.approx(index, abs=1e-6)


def _gap(i: int, d: Dataset) -> None:
    if i >= 12:
        d.ImagePositionPatient[2] += 2.5


def _uneven(i: int, d: Dataset) -> None:
    d.ImagePositionPatient[2] += 0.7 * (i % 2)


def _duplicate(i: int, d: Dataset) -> None:
    if i == 5:
        d.ImagePositionPatient[2] -= 2.5


def _set(keyword: str, value: object) -> Callable[[int, Dataset], None]:
    return lambda _, d: setattr(d, keyword, value)


def _one(keyword: str, value: object) -> Callable[[int, Dataset], None]:
    return lambda i, d: setattr(d, keyword, value) if i == 7 else None


def _without(keyword: str) -> Callable[[int, Dataset], None]:
    return lambda i, d: delattr(d, keyword) if i == 7 else None


def _tilt(i: int, d: Dataset) -> None:
    d.ImagePositionPatient[1] += 0.6 * i


def _smaller(i: int, d: Dataset) -> None:
    if i == 7:
        d.Rows = d.Columns = 48
        d.PixelData = d.PixelData[: 48 * 48 * 2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_gap, "Slices are missing: 1 gaps, the largest 5.0 mm at 2.5 mm"),
        (_uneven, "unevenly spaced"),
        (_duplicate, "1 slices lie in the same place"),
        (_set("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
        (_one("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]), "localizer"),
        (_set("Modality", "MR"), "other than CT"),
        (_set("PhotometricInterpretation", "MONOCHROME1"), "MONOCHROME1"),
        (_without("ImagePositionPatient"), "ImagePositionPatient is absent"),
        (_without("ImageOrientationPatient"), "ImageOrientationPatient is absent"),
        (_without("PixelSpacing"), "PixelSpacing is absent"),
        (_without("RescaleSlope"), "no Hounsfield scale"),
        (_one("ImageOrientationPatient", [1, 0, 0, 0, 0, -1]), "differ in orientation"),
        (_set("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "perpendicular"),
        (_one("SeriesInstanceUID", "1.2.3"), "several series are mixed"),
        (_one("FrameOfReferenceUID", "1.2.3"), "frames of reference"),
        (_one("PixelSpacing", [1.0, 1.0]), "differ in pixel spacing"),
        (_smaller, "differ in size"),
        (_tilt, "gantry was tilted by 13"),
        (_set("PixelSpacing", [4.0, 4.0]), "4.0 mm is outside the supported"),
    ],
)
def test_refuses_with_the_reason(
    phantom: tuple[Path, ...],
    tmp_path: Path,
    change: Callable[[int, Dataset], None],
    reason: str,
) -> None:
    files = rewrite(phantom, tmp_path, change)
    with pytest.raises(UnusableImagesError) as caught:
        load_ct_volume(files)
    assert reason in str(caught.value.reason)


def test_refuses_too_few_slices_and_slices_too_far_apart(
    phantom: tuple[Path, ...], tmp_path: Path
) -> None:
    with pytest.raises(UnusableImagesError, match="has 8 slices; at least 16"):
        load_ct_volume(phantom[:8])
    with pytest.raises(UnusableImagesError, match=r"7\.5 mm is outside the supported"):
        load_ct_volume(phantom[::3], minimum_slices=4)


def test_refuses_truncated_pixels_and_other_files(
    phantom: tuple[Path, ...], tmp_path: Path
) -> None:
    files = rewrite(phantom, tmp_path, lambda *_: None)
    files[3].write_bytes(files[3].read_bytes()[:-4000])
    with pytest.raises(UnusableImagesError, match="cannot be decoded"):
        load_ct_volume(files)
    files[3].write_bytes(b"This is no DICOM file.")
    with pytest.raises(UnusableImagesError, match="not readable DICOM"):
        load_ct_volume(files)


def test_padding_becomes_air_even_with_the_wrong_sign(
    phantom: tuple[Path, ...], tmp_path: Path
) -> None:
    def pad(_: int, d: Dataset) -> None:
        hu = d.pixel_array.astype(np.int32) - 1024
        hu[:10, :10] = -2000
        d.PixelRepresentation, d.RescaleIntercept = 1, 0
        d.PixelData = hu.astype("<i2").tobytes()
        d.add_new("PixelPaddingValue", "US", 63536)  # -2000 written as unsigned

    volume = load_ct_volume(rewrite(phantom, tmp_path, pad))
    assert (volume.hu[:, :10, :10] == -1024).all()
    assert volume.hu[12, 48, 48] > -200


def test_compressed_slices_give_the_same_numbers(phantom: tuple[Path, ...], tmp_path: Path) -> None:
    def compress(_: int, d: Dataset) -> None:
        assert d.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        d.compress(RLELossless, generate_instance_uid=False)

    packed = load_ct_volume(rewrite(phantom, tmp_path, compress))
    assert np.array_equal(packed.hu, load_ct_volume(phantom).hu)


def test_the_thinner_series_is_chosen_and_the_others_have_reasons(tmp_path: Path) -> None:
    size = {"rows": 32, "nodules": ()}
    thick = make_chest_phantom(tmp_path / "a", slices=40, spacing_mm=(5.0, 2.9, 2.9), **size)
    thin = make_chest_phantom(tmp_path / "b", slices=60, spacing_mm=(2.0, 2.9, 2.9), **size)
    short = make_chest_phantom(tmp_path / "c", slices=20, spacing_mm=(1.0, 2.9, 2.9), **size)
    (tmp_path / "d").mkdir()
    scout = rewrite(thin.files[:1], tmp_path / "d", _set("ImageType", ["O", "P", "LOCALIZER"]))
    choice = choose_ct_series(
        {"thick": thick.files, "thin": thin.files, "short": short.files, "scout": scout}
    )
    assert choice.stack is not None
    assert choice.stack.series_uid == thin.series_uid
    reasons = {s.series_uid: str(s.reason) for s in choice.skipped}
    assert "2.0 mm and 60 slices" in reasons["thick"]
    assert "covers 20 mm only" in reasons["short"]
    assert "localizer" in reasons["scout"]
    assert choose_ct_series({"scout": scout}).stack is None
