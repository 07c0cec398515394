"""Facts of a study from the archive and from loose files."""

from datetime import UTC, datetime

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
)

from pacs_bridge.routing.gather import FILES_A_SERIES, facts_of_archived, facts_of_files
from pacs_bridge.routing.headers import read_values
from tests.pacs_bridge.support import ct_slice, listening, store, storescu, write_file

NOW = datetime(2026, 11, 24, tzinfo=UTC)
THICKNESS, WINDOW, ROWS = 0x00180050, 0x00281050, 0x00280010
IMAGE_TYPE, NAME = 0x00080008, 0x00100010
PRIVATE, COMMENTS, SEQUENCE = 0x00091001, 0x00204000, 0x00081140


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
def test_values_in_every_encoding(tmp_path, syntax):
    image = ct_slice(
        SliceThickness="1.25", ImageType=["ORIGINAL", "PRIMARY"], PatientName="Zhang^San=张^三",
        ImageComments="a\\b", WindowCenter=["40", "400"],
    )  # fmt: skip
    if syntax == DeflatedExplicitVRLittleEndian:
        path = tmp_path / "deflated.dcm"
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = syntax
        image["PixelData"].VR = "OW"
        image.save_as(path, enforce_file_format=True)
    else:
        path = write_file(image, tmp_path, syntax)
    tags = {THICKNESS, WINDOW, ROWS, IMAGE_TYPE, NAME, COMMENTS, PRIVATE, SEQUENCE}
    assert read_values(path, tags).values == {
        THICKNESS: ("1.25",),
        WINDOW: ("40", "400"),
        ROWS: ("16",),
        IMAGE_TYPE: ("ORIGINAL", "PRIMARY"),
        NAME: ("Zhang^San=张^三",),
        COMMENTS: ("a\\b",),
    }


def test_private_text_is_a_value_and_private_bytes_are_none(tmp_path):
    image = ct_slice()
    block = image.private_block(0x0009, "TEST", create=True)
    block.add_new(0x01, "LO", "fast")
    block.add_new(0x02, "OB", b"\x00\x01\x02\xff")
    values = read_values(write_file(image, tmp_path), {0x00091001, 0x00091002}).values
    assert values == {0x00091001: ("fast",)}


def test_a_broken_file_gives_what_stands_before_the_break(tmp_path):
    path = write_file(ct_slice(SliceThickness="2"), tmp_path)
    path.write_bytes(path.read_bytes()[:-600])
    values = read_values(path, {THICKNESS, 0x7FE10010}).values
    assert values == {THICKNESS: ("2",)}


def test_facts_of_the_archive(archive, tmp_path):
    for number in (1, 2):
        store(archive, ct_slice(number, SliceThickness="1"), called_ae_title="CLINICALAI")
    store(
        archive,
        ct_slice(
            7, series="1.2.3.2", Modality="MG", SeriesDescription="MLO", ImageLaterality="L",
            PatientBirthDate="", SOPClassUID=SecondaryCaptureImageStorage,
        ),
        calling_ae_title="MG1",
    )  # fmt: skip
    facts = facts_of_archived(archive, "1.2.3", {THICKNESS, 0x00200062}, NOW)
    assert facts is not None
    assert facts.images == 3
    assert facts.age_years == 66
    assert facts.calling_ae == ("TEST", "MG1")
    assert facts.called_ae == ("CLINICALAI",)
    assert set(facts.modality) == {"CT", "MG"}
    assert facts.body_part == ("CHEST",)
    assert facts.laterality == ("L",)
    assert set(facts.series_description) == {"AXIAL", "MLO"}
    assert (facts.study_description, facts.patient_sex) == (("CHEST",), ("F",))
    assert len(facts.sop_class) == 2
    assert facts.tags[THICKNESS] == ("1",)
    assert facts_of_archived(archive, "9.9", set(), NOW) is None


def test_only_so_many_files_of_a_series_are_opened(sqlite_archive):
    for number in range(1, FILES_A_SERIES + 3):
        store(sqlite_archive, ct_slice(number, SliceThickness=str(number)))
    facts = facts_of_archived(sqlite_archive, "1.2.3", {THICKNESS}, NOW)
    assert facts is not None
    assert facts.tags[THICKNESS] == tuple(str(n) for n in range(1, FILES_A_SERIES + 1))


def test_a_file_that_is_gone_leaves_its_values_absent(sqlite_archive):
    store(sqlite_archive, ct_slice(SliceThickness="1"))
    sqlite_archive.instances("1.2.3")[0].path.unlink()
    facts = facts_of_archived(sqlite_archive, "1.2.3", {THICKNESS}, NOW)
    assert facts is not None
    assert (facts.images, facts.tags) == (1, {})


def test_which_title_was_called_is_in_the_index_and_in_the_file(sqlite_archive, tmp_path):
    path = write_file(ct_slice(), tmp_path)
    with listening(sqlite_archive, called_ae_titles=("AI_LUNG",)) as listener:
        sent = storescu(listener.port, str(path), called="AI_LUNG", calling="CT7")
        assert sent.returncode == 0, sent.stderr
        assert storescu(listener.port, str(path), called="OTHER").returncode != 0
    facts = facts_of_archived(sqlite_archive, "1.2.3", set(), NOW)
    assert facts is not None
    assert (facts.calling_ae, facts.called_ae) == (("CT7",), ("AI_LUNG",))
    with sqlite_archive.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM instance")
    assert sqlite_archive.rebuild(full=True) == 1
    assert sqlite_archive.instances("1.2.3")[0].called_ae_title == "AI_LUNG"


def test_facts_of_loose_files(tmp_path):
    child = {"PatientBirthDate": "", "PatientAge": "010Y"}
    images = [
        ct_slice(1, SliceThickness="1"),
        ct_slice(2, SliceThickness="2", PatientAge="066Y"),
        ct_slice(1, study="1.9", series="1.9.1", **child),
        ct_slice(1, series="1.8.1", StudyInstanceUID=""),
    ]
    files = [write_file(image, tmp_path) for image in images]
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    found = facts_of_files([*files, text], {THICKNESS}, NOW)
    first, second = found.studies
    assert (first.study_uid, first.images, first.age_years) == ("1.2.3", 2, 66)
    assert first.calling_ae == ("TEST",)  # of the file meta information
    assert first.tags[THICKNESS] == ("1", "2")
    assert (second.study_uid, second.age_years) == ("1.9", 10)
    assert [reason for _, reason in found.skipped] == [
        "it has no Study Instance UID",
        "the file is not DICOM: no DICM at byte 128",
    ]
    (pretended,) = facts_of_files(files[:1], set(), NOW, calling_ae="A", called_ae="B").studies
    assert (pretended.calling_ae, pretended.called_ae) == (("A",), ("B",))
