"""The profile against data sets made from the table, and `verify` against broken profiles."""

import zlib
from pathlib import Path

import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacs_bridge.deidentify.identifiers import collect, walk_elements
from pacs_bridge.deidentify.instance import open_instance, write_instance
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options, state_methods
from pacs_bridge.deidentify.profile import Profile
from pacs_bridge.deidentify.table import ProfileTable, Row, profile_table
from pacs_bridge.deidentify.verify import Finding, Retained, verify
from pacs_bridge.part10 import read_file_meta
from tests.pacs_bridge.deidentify.canaries import (
    CANARY,
    CANARY_DATE,
    CANARY_UID,
    NUMERIC,
    canary,
    full_dataset,
    rows,
    subject,
    table_without,
)
from tests.pacs_bridge.support import write_file

# What makes the canaries known as identifying.
IDENTITY = {0x00080018, 0x00100010, 0x00100020, 0x00100030, 0x0020000D, 0x0020000E}
KEY = Key(b"k" * 32)
NO_OPTIONS = Options()
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
]


@pytest.fixture(autouse=True)
def _values_against_the_standard():
    with config.disable_value_validation():
        yield


def export(
    source: Path, target: Path, options: Options = NO_OPTIONS, table: ProfileTable | None = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """De-identify one file as `Export` does, and what `verify` says of it."""
    target.unlink(missing_ok=True)
    with open_instance(source) as instance:
        identifiers = collect(instance.read_again(), source_ae_title="TESTPACS")
        Profile(options, KEY, table or profile_table()).apply(instance.dataset)
        state_methods(instance.dataset, options, cleaned_pixels=False)
        write_instance(target, instance.dataset, instance.pixels, instance.encoding)
    retained = Retained(
        uids=options.uids, device_identity=options.device_identity, times=options.modified_dates
    )
    return dcmread(target), verify(target, identifiers, retained)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_nothing_is_left_of_any_attribute_of_the_table(tmp_path: Path, syntax: str):
    source = write_file(full_dataset(), tmp_path, syntax)
    exported, findings = export(source, tmp_path / "out.dcm")
    assert findings == ()
    raw = (tmp_path / "out.dcm").read_bytes().lower()
    for secret in (CANARY, CANARY_DATE, CANARY_UID, "H20260042", "11223", "045Y", "HOSPITAL 99"):
        assert secret.lower().encode() not in raw
        assert secret.lower().encode("utf-16-le") not in raw
    assert exported.PatientIdentityRemoved == "YES"
    assert not [tag for tag in exported if tag.tag.is_private]
    assert exported.SharedFunctionalGroupsSequence[0].DimensionIndexSequence  # kept, but clean


def test_each_attribute_is_treated_as_the_table_says(tmp_path: Path):
    exported, _ = export(write_file(full_dataset(), tmp_path), tmp_path / "out.dcm")
    own = {0x00120062, 0x00120063, 0x00120064, 0x00280303}  # what was done is stated there
    wrong = []
    for row, tag, vr in rows():
        present = tag in exported
        if row.basic == "X" and present and tag not in own:
            wrong.append((row.tag, "not removed"))
        if row.basic in ("Z", "X/Z") and (not present or exported[tag].value) and tag != 0x00100010:
            wrong.append((row.tag, "not empty"))
        needs_value = row.basic in ("U", "D", "Z/D", "X/D", "X/Z/D") and vr != "SQ"
        if needs_value and (not present or exported[tag].value in (None, "")):
            wrong.append((row.tag, "no dummy"))
    assert wrong == []


def test_the_table_is_whole():
    assert len([r for r in rows() if r[0].basic]) > 650
    assert profile_table().row(0x00100010).basic == "Z"
    assert profile_table().row(0x60123000).name == "Overlay Data"
    assert profile_table().row(0x501E0005).name == "Curve Data"
    assert profile_table().row(0x00291001).name.lower().startswith("private")
    assert profile_table().row(0x00180050) is None


@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("GB18030", "Zhang^XiaoDong=张^小东"),
        ("GBK", "Zhang^XiaoDong=张^小东"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 58"], "Zhang^XiaoDong=张^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 144", "Люкceмбypг"),
    ],
)
def test_names_in_every_character_set(tmp_path: Path, character_set: object, name: str):
    ds = subject()
    ds.SpecificCharacterSet = character_set
    ds.PatientName = name
    ds.PatientComments = name
    ds.SeriesDescription = name.split("=")[-1]
    ds.ReferringPhysicianName = name
    source = write_file(ds, tmp_path)
    _, findings = export(source, tmp_path / "out.dcm")
    assert findings == ()
    # and the check can find it in this character set
    keep = ProfileTable([*profile_table(), Row(tag="0008103E", name="", basic="K")])
    _, findings = export(source, tmp_path / "out.dcm", table=keep)
    assert ("(0008,103e)", "name") in {(f.path.lower(), f.kind) for f in findings}


def test_a_profile_with_any_one_rule_disabled_is_found_out(tmp_path: Path):
    """Numbers alone (weight, age) are no identifiers, so the check does not look for them."""
    unseen = []
    mutants = [(r, t, v) for r, t, v in rows() if v not in NUMERIC]
    assert len(mutants) > 600
    for row, tag, vr in mutants:
        ds = subject()
        if tag not in IDENTITY:
            ds[tag] = canary(tag, vr)
        source = write_file(ds, tmp_path)
        _, findings = export(source, tmp_path / "out.dcm", table=table_without(row))
        source.unlink()
        if not findings:
            unseen.append(row.tag)
    assert unseen == [
        "00081140",  # references are kept in any case; the UIDs in them have rules of their own
        "00082112",
        "FFFAFFFA",  # what follows the pixel data is left behind in any case
        "FFFCFFFC",
    ]


def test_a_private_element_left_is_found_out(tmp_path: Path):
    ds = subject()
    ds.private_block(0x0029, "VENDOR", create=True).add_new(1, "DS", "1.5")
    keep = ProfileTable([*profile_table(), Row(tag="PRIVATE", name="", basic="K")])
    _, findings = export(write_file(ds, tmp_path), tmp_path / "out.dcm", table=keep)
    assert {f.kind for f in findings} >= {"private element"}


def test_findings_never_show_the_value(tmp_path: Path):
    row = profile_table().row(0x00100010)
    _, findings = export(
        write_file(subject(), tmp_path), tmp_path / "out.dcm", table=table_without(row)
    )
    assert findings
    assert CANARY not in repr(findings).upper()


def test_uids_stay_consistent_and_references_follow(tmp_path: Path):
    first, second = subject(), subject()
    second.SOPInstanceUID = first.SOPInstanceUID + ".9"
    reference = Dataset()
    reference.ReferencedSOPClassUID = first.SOPClassUID
    reference.ReferencedSOPInstanceUID = first.SOPInstanceUID
    second.ReferencedImageSequence = [reference]
    one, _ = export(write_file(first, tmp_path), tmp_path / "1.dcm")
    two, _ = export(write_file(second, tmp_path), tmp_path / "2.dcm")
    assert one.StudyInstanceUID == two.StudyInstanceUID != first.StudyInstanceUID
    assert two.ReferencedImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert two.ReferencedImageSequence[0].ReferencedSOPClassUID == first.SOPClassUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert "SourceApplicationEntityTitle" not in one.file_meta


def test_dates_of_a_patient_keep_their_distance(tmp_path: Path):
    options = Options(modified_dates=True)
    early, late = subject(), subject()
    early.StudyDate, late.StudyDate = "20240229", "20250301"
    late.PatientID = early.PatientID + " "
    late.AcquisitionDateTime = "20250301081500.25+0800"
    one, _ = export(write_file(early, tmp_path), tmp_path / "1.dcm", options)
    two, findings = export(write_file(late, tmp_path), tmp_path / "2.dcm", options)
    assert findings == ()
    moved = [pydicom.valuerep.DA(str(d.StudyDate)) for d in (one, two)]
    assert (moved[1] - moved[0]).days == 366
    assert moved[0] < pydicom.valuerep.DA("20240229")
    assert str(two.AcquisitionDateTime) == f"{two.StudyDate}081500.25+0800"
    assert two.StudyTime == late.StudyTime
    assert two.PatientBirthDate == ""
    assert two.LongitudinalTemporalInformationModified == "MODIFIED"


def test_options_keep_what_they_say_and_state_it(tmp_path: Path):
    ds = subject()
    ds.PatientAge, ds.PatientWeight, ds.PatientSex = "094Y", "61.5", "F"
    ds.DeviceSerialNumber, ds.StationName = "SN778899", "CTROOM1"
    ds.Allergies = f"penicillin {CANARY}"
    options = Options(patient_characteristics=True, device_identity=True)
    exported, findings = export(write_file(ds, tmp_path), tmp_path / "out.dcm", options)
    assert findings == ()
    assert (exported.PatientAge, exported.PatientSex) == ("090Y", "F")
    assert exported.PatientWeight == 61.5
    assert exported.DeviceSerialNumber == "SN778899"
    assert "Allergies" not in exported
    codes = [c.CodeValue for c in exported.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113108", "113109"]
    plain, _ = export(write_file(ds, tmp_path), tmp_path / "plain.dcm")
    assert "PatientAge" not in plain
    assert plain.DeviceSerialNumber == "REMOVED"


def test_uids_may_be_retained(tmp_path: Path):
    exported, findings = export(
        write_file(subject(), tmp_path), tmp_path / "out.dcm", Options(uids=True)
    )
    assert (exported.StudyInstanceUID, findings) == (subject().StudyInstanceUID, ())


def test_safe_private_elements_alone_are_kept(tmp_path: Path):
    ds = subject()
    safe = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    safe.add_new(0x0C, "IS", "1000")
    safe.add_new(0x08, "CS", CANARY)
    ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", b"\0\1")
    source = write_file(ds, tmp_path)
    exported, _ = export(source, tmp_path / "out.dcm", Options(safe_private=True))
    assert exported[0x0019, 0x100C].value == 1000
    assert [t for t in exported.keys() if t.is_private] == [0x00190010, 0x0019100C]  # noqa: SIM118


def test_an_element_that_is_kept_keeps_its_bytes(tmp_path: Path):
    ds = subject()
    ds.SliceThickness = "1.2500 "
    ds.ConvolutionKernel = "B30f"
    source = write_file(ds, tmp_path)
    raw = source.read_bytes()
    export(source, tmp_path / "out.dcm")
    out = (tmp_path / "out.dcm").read_bytes()
    assert b"1.2500" in raw
    assert b"1.2500" in out


@pytest.mark.parametrize("syntax", [*SYNTAXES, DeflatedExplicitVRLittleEndian])
def test_pixel_data_is_untouched(tmp_path: Path, syntax: str):
    ds = subject()
    source = write_file(ds, tmp_path, syntax)
    if syntax == DeflatedExplicitVRLittleEndian:
        with_meta = source.read_bytes()
        offset = len(with_meta) - _dataset_length(source)
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        source.write_bytes(
            with_meta[:offset] + deflate.compress(with_meta[offset:]) + deflate.flush()
        )
    exported, findings = export(source, tmp_path / "out.dcm")
    assert findings == ()
    assert exported.file_meta.TransferSyntaxUID == syntax
    assert exported.PixelData == dcmread(source).PixelData


def _dataset_length(path: Path) -> int:
    return path.stat().st_size - read_file_meta(path).offset


def test_walk_elements_names_items():
    ds = full_dataset()
    paths = {path for path, _ in walk_elements(ds)}
    assert "(5200,9229)[0](0020,9222)[0](0010,0010)" in paths
