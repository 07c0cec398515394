"""Files of results: same bytes each time, whole or absent, patient intact."""

import logging
import warnings
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.errors import ReportError
from clinical_ai.findings import Reading
from clinical_ai.messages import Message
from clinical_ai.reports.signing import Signer, Verdict
from clinical_ai.reports.write import ResultFile, write_final_results, write_results
from clinical_ai.result_objects import ResultObject
from tests.support.ct_series import lung_reading, write_ct_series

VERDICTS: dict[str, Verdict] = {"1": ("accepted", ""), "2": ("rejected", "vessel")}
SIGNER = Signer("wang", "王^医生=\\<b>", "示范医院", 1795509000.5)

CHINESE = "Zhang^San=张^三=ㄓㄤ^ㄙㄢ"


def judged(findings: int = 2) -> Reading:
    return assess(lung_reading(findings=findings), AssessmentContext(age_years=66))


def write_all(paths: list[Path], folder: Path) -> list[ResultFile]:
    files = write_results(judged(), paths, folder, institution="示范医院")
    final = write_final_results(judged(), paths, folder, verdicts=VERDICTS, signer=SIGNER)
    return [*files, *final]


def test_kinds_and_names(tmp_path: Path) -> None:
    files = write_all(write_ct_series(tmp_path / "ct"), tmp_path / "out")
    assert [f.kind for f in files] == ["SEG", "SR-preliminary", "SR-final"]
    for file in files:
        assert file.path == tmp_path / "out" / f"{file.sop_instance_uid}.dcm"
        assert pydicom.dcmread(file.path).SOPInstanceUID == file.sop_instance_uid
    assert len(list((tmp_path / "out").iterdir())) == 3  # no temporary file is left


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct", patient_name=CHINESE, character_set="GB18030")
    once = {f.path.name: f.path.read_bytes() for f in write_all(paths, tmp_path / "a")}
    again = {f.path.name: f.path.read_bytes() for f in write_all(paths[::-1], tmp_path / "b")}
    assert once.keys() == again.keys()
    for name, content in once.items():
        assert again[name] == content, name


def test_other_content_or_model_gives_other_identifiers(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct")
    one = write_results(judged(), paths, tmp_path / "out", institution="H")
    other = replace(judged(), id="another reading")
    two = write_results(other, paths, tmp_path / "out", institution="H")
    assert {f.sop_instance_uid for f in one}.isdisjoint(f.sop_instance_uid for f in two)


@pytest.mark.parametrize(
    ("character_set", "kept"),
    [("GB18030", "GB18030"), ("ISO_IR 192", "ISO_IR 192")],
)
def test_chinese_names_survive_with_all_component_groups(
    tmp_path: Path, character_set: str, kept: str
) -> None:
    paths = write_ct_series(tmp_path / "ct", patient_name=CHINESE, character_set=character_set)
    for file in write_all(paths, tmp_path / "out"):
        written = pydicom.dcmread(file.path)
        assert written.SpecificCharacterSet == kept
        assert str(written.PatientName) == CHINESE
        assert written.PatientName.ideographic == "张^三"
        assert written.InstitutionName == "示范医院"


@pytest.mark.parametrize(
    ("name", "character_set"),
    [("Buc^Jérôme", "ISO_IR 100"), ("山田^太郎", "ISO_IR 192"), ("Doe^Jane", None)],
)
def test_names_in_other_character_sets_become_utf_8(
    tmp_path: Path, name: str, character_set: str | None
) -> None:
    paths = write_ct_series(tmp_path / "ct", patient_name=name, character_set=character_set)
    for file in write_all(paths, tmp_path / "out"):
        written = pydicom.dcmread(file.path)
        assert written.SpecificCharacterSet == "ISO_IR 192"
        assert str(written.PatientName) == name


def test_name_in_an_undeclared_character_set_is_what_the_archive_shows(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct", patient_name="Zhang^San=XXXXXX")
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"XXXXXX", "张三".encode()))
    for file in write_all(paths, tmp_path / "out"):
        assert str(pydicom.dcmread(file.path).PatientName) == "Zhang^San=张三"


def test_name_of_iso_2022_ir_58_survives(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct", patient_name="Zhang^San=XXXXXXXX")
    raw = b"\x1b$)A" + "张三".encode("gb2312")
    for path in paths:
        image = pydicom.dcmread(path)
        image.SpecificCharacterSet = ["", "ISO 2022 IR 58"]
        image.PatientName = "Zhang^San=XXXXXXXX"
        image.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"XXXXXXXX", raw))
    for file in write_all(paths, tmp_path / "out"):
        assert str(pydicom.dcmread(file.path).PatientName) == "Zhang^San=张三"


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.one_of(
        st.sampled_from(
            ["张三", "", "<script>alert(1)</script>^x", "'; DROP TABLE--", "^^^", "====", "A" * 64]
        ),
        st.text(
            st.characters(
                codec="utf-8", categories=("L", "N", "P", "Z"), exclude_characters="\\=^"
            ),
            max_size=30,
        ),
    )
)
def test_hostile_names_survive_and_are_never_said_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        paths = write_ct_series(tmp_path / "ct", patient_name=name, character_set="ISO_IR 192")
        read = [str(pydicom.dcmread(p).PatientName) for p in paths]
        said.clear()
        files = write_all(paths, tmp_path / "out")
    for file in files:
        assert str(pydicom.dcmread(file.path).PatientName) == read[0]
    if len(name.strip()) > 3:
        assert name not in caplog.text
        assert not any(name in str(w.message) for w in said)


def test_malformed_patient_attributes_are_left_empty(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct")
    for path in paths:
        image = pydicom.dcmread(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.PatientBirthDate = "1960-13"
            image.StudyTime = "25h"
            image.PatientSex = "X"
            image.PatientID = "P\n1\x00"
        del image.AccessionNumber
        del image.PatientName
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.save_as(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom, on reading the bad values
        files = write_all(paths, tmp_path / "out")
    for file in files:
        written = pydicom.dcmread(file.path)
        assert written.PatientBirthDate == written.StudyTime == written.PatientSex == ""
        assert written.AccessionNumber == ""
        assert str(written.PatientName) == ""
        assert written.PatientID == "P1"
        assert written.StudyDate == "20261123"


def test_signer_cannot_break_the_person_name(tmp_path: Path) -> None:
    final = write_all(write_ct_series(tmp_path / "ct"), tmp_path / "out")[-1]
    observer = pydicom.dcmread(final.path).VerifyingObserverSequence[0]
    assert observer.VerifyingObserverName.family_name == "王 医生 <b>"


def test_unread_study_gives_no_object(tmp_path: Path) -> None:
    unread = lung_reading(status="not_read", findings=0)
    assert write_results(unread, [], tmp_path / "out", institution="H") == ()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("objects", "preliminary", "final"),
    [
        (("SR",), ["SR-preliminary"], ["SR-final"]),
        (
            ("SC", "GSPS"),
            ["SC-preliminary", "PR-preliminary"],
            ["SR-final", "SC-final", "PR-final"],
        ),
        ((), [], ["SR-final"]),
    ],
)
def test_only_what_the_site_wants_is_made_and_referred_to(
    tmp_path: Path, objects: tuple[ResultObject, ...], preliminary: list[str], final: list[str]
) -> None:
    paths = write_ct_series(tmp_path / "ct")
    first = write_results(judged(), paths, tmp_path / "out", institution="H", objects=objects)
    last = write_final_results(
        judged(), paths, tmp_path / "out", verdicts=VERDICTS, signer=SIGNER, objects=objects
    )
    assert [f.kind for f in first] == preliminary
    assert [f.kind for f in last] == final
    made = {f.sop_instance_uid for f in (*first, *last)}
    images = {pydicom.dcmread(p).SOPInstanceUID for p in paths}
    for file in (*first, *last):
        referred = {
            e.value
            for e in pydicom.dcmread(file.path).iterall()
            if e.keyword == "ReferencedSOPInstanceUID"
        }
        assert referred <= made | images, file.kind


def test_a_disk_that_refuses_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = write_ct_series(tmp_path / "ct")

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        write_results(judged(), paths, tmp_path / "out", institution="H")
    assert list((tmp_path / "out").iterdir()) == []


def test_no_region_gives_a_report_only(tmp_path: Path) -> None:
    files = write_results(
        judged(0), write_ct_series(tmp_path / "ct"), tmp_path / "out", institution="H"
    )
    assert [f.kind for f in files] == ["SR-preliminary"]


def test_files_of_other_series_are_left_aside(tmp_path: Path) -> None:
    paths = write_ct_series(tmp_path / "ct")
    scout = tmp_path / "scout.dcm"
    image = pydicom.dcmread(paths[0])
    image.SeriesInstanceUID = "1.2.3.4"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    image.save_as(scout)
    files = write_results(judged(), [scout, *paths], tmp_path / "out", institution="H")
    assert b"1.2.3.4.5" not in files[1].path.read_bytes()


def test_sources_that_cannot_serve_are_named_without_the_folder(tmp_path: Path) -> None:
    broken = tmp_path / "secret" / "broken.dcm"
    broken.parent.mkdir()
    broken.write_text("no DICOM")
    with pytest.raises(ReportError, match=r"broken\.dcm cannot be read") as raised:
        write_results(judged(), [broken], tmp_path / "out", institution="H")
    assert "secret" not in str(raised.value)
    with pytest.raises(ReportError, match="none of the source images"):
        write_results(judged(), [], tmp_path / "out", institution="H")


def test_long_and_odd_texts_of_the_model_fit_the_object(tmp_path: Path) -> None:
    reading = judged()
    assert reading.model is not None
    odd = replace(
        reading.model,
        name="n" * 100,
        version="v\\2",
        intended_use=Message("Line one\nline two with \\ and 中文."),
    )
    files = write_results(
        replace(reading, model=odd),
        write_ct_series(tmp_path / "ct"),
        tmp_path / "out",
        institution="I" * 100,
    )
    for file in files:
        assert pydicom.dcmread(file.path).ManufacturerModelName == "n" * 64
