from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import UltrasoundImageStorage

from pacs_bridge.deidentify.blackout import read_blackout_rules
from pacs_bridge.deidentify.export import Export
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options
from pacs_bridge.errors import DeidentifyError
from tests.pacs_bridge.support import ct_slice, write_file

RULES = """
[[blackout]]
manufacturer = "Maker"
model = "U1"
modality = "US"
rows = 16
columns = 16
rectangles = [[0, 0, 16, 3], [12, 14, 4, 2]]
"""


def rules(tmp_path: Path, text: str = RULES):
    path = tmp_path / "rules.toml"
    path.write_text(text)
    return read_blackout_rules(path)


def ultrasound(**more: object) -> Dataset:
    ds = ct_slice(study="1.2.826.0.1.1", series="1.2.826.0.1.1.1")
    ds.SOPClassUID, ds.Modality = UltrasoundImageStorage, "US"
    ds.Manufacturer, ds.ManufacturerModelName = "MAKER", "U1"
    ds.BurnedInAnnotation = "YES"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def run(ds: Dataset, tmp_path: Path, text: str = RULES):
    (tmp_path / "in").mkdir()
    source = write_file(ds, tmp_path / "in")
    export = Export(Options(), Key(b"k" * 32), blackout=rules(tmp_path, text))
    (report,) = export.run([(source, "a")], tmp_path / "out", lambda _: None)
    return report, tmp_path / "out" / report.target


def test_grey_image(tmp_path: Path):
    ds = ultrasound()
    ds.PixelData = np.arange(256, dtype="<u2").tobytes()
    report, path = run(ds, tmp_path)
    assert report.state == "exported"
    exported = dcmread(path)
    pixels = exported.pixel_array
    assert not pixels[:3].any()
    assert not pixels[14:, 12:].any()
    assert (pixels[3:14] == np.arange(256).reshape(16, 16)[3:14]).all()
    assert exported.BurnedInAnnotation == "NO"
    assert [c.CodeValue for c in exported.DeidentificationMethodCodeSequence] == [
        "113100",
        "113101",
    ]


@pytest.mark.parametrize("planar", [0, 1])
def test_colour_frames(tmp_path: Path, planar: int):
    ds = ultrasound(
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=planar,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        NumberOfFrames=2,
    )
    ds.PixelData = bytes([200]) * (2 * 16 * 16 * 3)
    report, path = run(ds, tmp_path)
    assert report.state == "exported"
    pixels = dcmread(path).pixel_array
    assert not pixels[:, :3].any()
    assert (pixels[:, 3:14] == 200).all()


def test_without_a_fitting_rule_the_image_is_refused(tmp_path: Path):
    report, _ = run(ultrasound(ManufacturerModelName="U2"), tmp_path)
    assert (report.state, report.target) == ("refused", "")
    assert "Burned In Annotation" in report.reason


def test_colours_that_cannot_be_blackened_are_refused(tmp_path: Path):
    report, _ = run(ultrasound(PhotometricInterpretation="YBR_PARTIAL_420"), tmp_path)
    assert report.state == "refused"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[blackout]]\nrows = 10\n", "columns"),
        ("[[blackout]]\nrows = 1\ncolumns = 1\nrectangles = [[0, 0, 2, 1]]", "not inside"),
        ("[[blackout]]\nrows = 1\ncolumns = 1\nrectangles = []", "rectangles"),
        ("blackout = 3", "blackout"),
        ("= =", "cannot be read"),
        ("[[blackout]]\nrow = 1\n", "row"),
    ],
)
def test_wrong_rules_are_named(tmp_path: Path, text: str, message: str):
    with pytest.raises(DeidentifyError, match=message):
        rules(tmp_path, text)
