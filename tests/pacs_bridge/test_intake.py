"""Folders, files and zips of users, friendly and hostile."""

import zipfile
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from pacs_bridge.errors import IntakeError
from pacs_bridge.intake import dicom_files
from tests.pacs_bridge.support import ct_slice, write_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "deep" / "er").mkdir(parents=True)
    write_file(ct_slice(1), folder)
    write_file(ct_slice(2), folder / "deep" / "er")
    (folder / "README.txt").write_text("no image")
    (folder / "empty").write_bytes(b"")
    (folder / "DICOMDIR").write_bytes(Path(get_testdata_file("DICOMDIR")).read_bytes())
    return folder


def test_a_folder_is_searched_to_any_depth(folder):
    with dicom_files(folder) as intake:
        assert len(intake.files) == 2
        reasons = {Path(name).name: reason for name, reason in intake.skipped}
    assert set(reasons) == {"README.txt", "empty", "DICOMDIR"}
    assert "DICOMDIR" in reasons["DICOMDIR"]
    assert "not DICOM" in reasons["README.txt"]


def test_links_are_not_followed(folder, tmp_path):
    write_file(ct_slice(3), tmp_path).rename(tmp_path / "outside.dcm")
    (folder / "link.dcm").symlink_to(tmp_path / "outside.dcm")
    with dicom_files(folder) as intake:
        assert len(intake.files) == 2


def test_a_single_file(folder):
    with dicom_files(next(folder.glob("*.dcm"))) as intake:
        assert len(intake.files) == 1
    with dicom_files(folder / "README.txt") as intake:
        assert intake.files == ()


def pack(source: Path, target: Path, names: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, path.relative_to(source))
        for name, content in (names or {}).items():
            archive.writestr(name, content)
    return target


def test_a_zip_is_unpacked_for_as_long_as_the_context(folder, tmp_path):
    with dicom_files(pack(folder, tmp_path / "study.zip")) as intake:
        assert len(intake.files) == 2
        assert all(path.is_file() for path in intake.files)
        assert {name for name, _ in intake.skipped} == {"README.txt", "empty", "DICOMDIR"}
    assert not any(path.exists() for path in intake.files)


@pytest.mark.parametrize("name", ["../../evil.dcm", "/tmp/evil.dcm", "a/../../evil.dcm", "..\\e"])
def test_a_name_that_climbs_out_stays_inside(folder, tmp_path, name):
    content = next(folder.glob("*.dcm")).read_bytes()
    source = pack(folder, tmp_path / "study.zip", {name: content})
    before = set(tmp_path.rglob("*"))
    with dicom_files(source) as intake:
        assert len(intake.files) == 3
        assert len({path.parent for path in intake.files}) == 1
        assert set(tmp_path.rglob("*")) == before
    assert not Path("/tmp/evil.dcm").exists()


def test_a_bomb_is_refused_before_it_is_unpacked(folder, tmp_path):
    bomb = pack(folder, tmp_path / "bomb.zip", {"zeros": bytes(100 * 1024**2)})
    with pytest.raises(IntakeError, match="times its size"), dicom_files(bomb):
        pass


def test_limits(folder, tmp_path):
    source = pack(folder, tmp_path / "study.zip")
    with pytest.raises(IntakeError, match="holds 5 files"), dicom_files(source, max_zip_files=4):
        pass
    with pytest.raises(IntakeError, match="limits"), dicom_files(source, max_zip_bytes=1000):
        pass


def test_a_broken_zip_and_nothing_at_all(folder, tmp_path):
    source = pack(folder, tmp_path / "study.zip")
    damaged = bytearray(source.read_bytes())
    damaged[60:200] = bytes(140)
    source.write_bytes(damaged)
    with pytest.raises(IntakeError, match="cannot be unpacked"), dicom_files(source):
        pass
    with pytest.raises(IntakeError, match="no file or folder"), dicom_files(tmp_path / "none"):
        pass
