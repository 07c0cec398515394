"""The whole nodule reader on phantoms whose nodules are known."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from clinical_ai import codes
from clinical_ai.bundles.bundle import SHIPPED
from clinical_ai.demo.phantom import PhantomNodule, PhantomTruth, make_chest_phantom
from clinical_ai.findings import Finding, Reading, reading_from_json, to_json
from clinical_ai.readers.base import SeriesInput, StudyInput
from clinical_ai.readers.lung_nodule import LungNoduleReader
from clinical_ai.settings import Settings

OPEN_LUNG = (
    PhantomNodule((-92.0, 28.0, 40.0), 8.0, 40.0),
    PhantomNodule((-70.0, -40.0, -20.0), 12.0, 30.0),
    PhantomNodule((80.0, -20.0, 45.0), 20.0, 35.0),
    PhantomNodule((-60.0, 45.0, -45.0), 14.0, -600.0),
)
ON_THE_PLEURA = PhantomNodule((-118.0, 10.0, 10.0), 16.0, 40.0)


def study_of(
    files: tuple[Path, ...], *, body_part: str = "CHEST", age: float | None = 60.0
) -> StudyInput:
    uid = str(pydicom.dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    series = SeriesInput(uid, "CT", body_part, "", files)
    return StudyInput("1.2.3", "v1", (series,), age, None, "2026-01-01T00:00:00+00:00")


def at(reading: Reading, nodule: PhantomNodule) -> Finding | None:
    """The finding whose centre lies in the nodule."""
    for finding in reading.findings:
        assert finding.region is not None
        away = np.linalg.norm(np.subtract(finding.region.centroid_mm, nodule.center_mm))
        if away < nodule.diameter_mm / 2:
            return finding
    return None


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> PhantomTruth:
    folder = tmp_path_factory.mktemp("phantom")
    return make_chest_phantom(folder, slices=60, nodules=(*OPEN_LUNG, ON_THE_PLEURA))


@pytest.fixture(scope="module")
def reading(truth: PhantomTruth) -> Reading:
    return LungNoduleReader(Settings(device="cpu")).read(study_of(truth.files), lambda _: None)


def test_every_nodule_is_found_and_measured(reading: Reading, truth: PhantomTruth) -> None:
    assert reading.status == "read"
    for nodule in truth.nodules:
        finding = at(reading, nodule)
        assert finding is not None, f"missed {nodule}"
        diameter = finding.measurement(codes.MEAN_DIAMETER)
        assert diameter == pytest.approx(nodule.diameter_mm, rel=0.2)
        long_axis, short_axis = (
            finding.measurement(code) or 0.0 for code in (codes.LONG_AXIS, codes.SHORT_AXIS)
        )
        assert diameter == pytest.approx((long_axis + short_axis) / 2, abs=0.11)
        assert finding.quality(codes.NODULE_COMPOSITION) == (
            codes.GROUND_GLASS if nodule.hu < -500 else codes.SOLID
        )
        assert finding.site == (codes.RIGHT_LUNG if nodule.center_mm[0] < 0 else codes.LEFT_LUNG)
        assert finding.confidence is not None
        assert 0.5 < finding.confidence <= 1.0


def test_few_marks_besides_the_nodules(reading: Reading, truth: PhantomTruth) -> None:
    true = [at(reading, nodule) for nodule in truth.nodules]
    assert len(reading.findings) - len(true) <= 4


def test_findings_are_ordered_numbered_and_point_to_their_slices(
    reading: Reading, truth: PhantomTruth
) -> None:
    assert [f.id for f in reading.findings] == [str(n + 1) for n in range(len(reading.findings))]
    sizes = [f.measurement(codes.MEAN_DIAMETER) or 0.0 for f in reading.findings]
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) >= 4.0
    uids = {str(pydicom.dcmread(p, stop_before_pixels=True).SOPInstanceUID) for p in truth.files}
    for finding in reading.findings:
        assert finding.region is not None
        assert set(finding.region.sop_instance_uids) <= uids
        assert finding.key_sop_instance_uid in finding.region.sop_instance_uids


def test_the_phantom_is_called_a_phantom(reading: Reading) -> None:
    cautions = [str(caution) for caution in reading.cautions]
    assert "These are images of a phantom, not of a patient." in cautions
    assert reading.assessments == ()
    assert reading.urgency == "routine"


def test_the_same_study_gives_the_same_reading(reading: Reading, truth: PhantomTruth) -> None:
    shares: list[float] = []
    again = LungNoduleReader(Settings(device="cpu")).read(
        study_of(truth.files[::-1]), shares.append
    )
    assert again == reading
    assert reading_from_json(to_json(again)) == reading
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_another_body_part_is_refused_by_its_header(truth: PhantomTruth) -> None:
    reader = LungNoduleReader(Settings(device="cpu"))
    refusal = reader.accepts(study_of(truth.files, body_part="HEAD"))
    assert refusal is not None
    assert "HEAD" in str(refusal.reason)
    assert reader.accepts(study_of(truth.files, body_part="")) is None
    assert reader.accepts(study_of(truth.files)) is None


def test_images_without_lungs_and_too_few_images_are_not_read(
    truth: PhantomTruth, tmp_path: Path
) -> None:
    reader = LungNoduleReader(Settings(device="cpu"))
    few = reader.read(study_of(truth.files[:20]), lambda _: None)
    assert (few.status, few.findings) == ("not_read", ())
    assert "covers 50 mm only" in str(few.reason)
    block = make_chest_phantom(tmp_path, slices=40, rows=64, spacing_mm=(3.0, 1.2, 1.2), nodules=())
    for path in block.files:
        dataset = pydicom.dcmread(path)
        dataset.PixelData = np.full((64, 64), 1064, dtype="<u2").tobytes()
        dataset.save_as(path)
    none = reader.read(study_of(block.files), lambda _: None)
    assert (none.status, str(none.reason)) == (
        "not_read",
        "Not read: no lungs were found in the images.",
    )


def test_an_altered_model_is_not_used(truth: PhantomTruth, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "lung_nodule_ct", tmp_path / "lung_nodule_ct")
    card = tmp_path / "lung_nodule_ct/docs/model_card.md"
    card.write_text(card.read_text() + "\nPerfect.\n")
    reader = LungNoduleReader(Settings(device="cpu", bundles_dir=tmp_path))
    reading = reader.read(study_of(truth.files), lambda _: None)
    assert (reading.status, reading.findings, reading.model) == ("not_read", (), None)
    assert "altered" in str(reading.reason)
