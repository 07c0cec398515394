"""The bundle of a case: without identity, checked, and its opinions come back."""

import hashlib
import io
import json
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pydicom
import pytest
from sqlalchemy import select

from clinical_ai.accounts import add_account
from clinical_ai.case_board import add_opinion, close_case, find_case, gather_case, open_case
from clinical_ai.case_bundle.export import export_case, traces_of
from clinical_ai.case_bundle.imported import MAX_BYTES, import_form, import_opinion
from clinical_ai.case_bundle.plain_record import plain_record
from clinical_ai.case_bundle.traces import found_in
from clinical_ai.errors import CaseError
from clinical_ai.records.store import RecordStore
from clinical_ai.research_export import default_key_file
from clinical_ai.services import open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.deidentify.key import read_key_file
from tests.support.case_site import (
    ACCESSION,
    BORN,
    PASSWORD,
    PATIENT_ID,
    STUDY,
    archive_study,
    one_patient,
)


@pytest.fixture
def services(tmp_path):
    with closing(open_services(Settings(data_dir=tmp_path / "data"))) as opened:
        archive_study(opened)
        RecordStore(opened.engine).put(one_patient(date(2026, 6, 1)), origin="local")
        yield opened


@pytest.fixture
def case(services):
    smith = add_account(services.engine, "smith", "Anna Smith", "physician", PASSWORD)
    return open_case(services, smith, "Zhang and his nodule", "Operate first?", [STUDY])


def exported(services, case, path, **more):
    written = export_case(services, case, path, "smith", **more)
    with zipfile.ZipFile(path) as bundle:
        return written, {name: bundle.read(name) for name in bundle.namelist()}


def test_nothing_in_the_bundle_tells_who_it_is(services, case, tmp_path):
    written, files = exported(services, case, tmp_path / "case.zip")
    assert (written.images, written.left_out) == (2, {})
    assert {"manifest.json", "record.json", "opinion.json", "summary.zh.html", "summary.zh.pdf",
            "summary.en.html", "summary.en.pdf"} < set(files)  # fmt: skip
    canaries = ("三丰", "Sanfeng", PATIENT_ID, ACCESSION, BORN, "1956-03-12", "13800138000",
                "110101195603123456", "学院路", "海淀", "Anna", "zhang-san", STUDY)  # fmt: skip
    for name, content in files.items():
        for canary in canaries:
            for encoding in ("utf-8", "gb18030", "utf-16-le"):
                assert canary.encode(encoding) not in content, (name, canary)


def test_pdf_pages_hold_no_name_either(services, case, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    _, files = exported(services, case, tmp_path / "case.zip", free_text=True)
    sought = traces_of(gather_case(services, case))
    for name in ("summary.zh.pdf", "summary.en.pdf"):
        document = pdfium.PdfDocument(files[name])
        text = "\n".join(page.get_textpage().get_text_range() for page in document)
        assert "Operate first?" in text
        assert list(found_in(text, sought, free_text=False)) == []


def test_images_and_record_are_moved_by_the_same_days(services, case, tmp_path):
    written, files = exported(services, case, tmp_path / "case.zip")
    image = next(name for name in files if name.endswith(".dcm"))
    ds = pydicom.dcmread(io.BytesIO(files[image]))
    assert ds.PatientID == written.pseudonym
    moved = date.fromisoformat(ds.StudyDate) - date(2026, 5, 10)
    record = json.loads(files["record.json"])
    (problem,) = record["problems"]
    assert date.fromisoformat(problem["on"]) - date(2020, 1, 1) == moved < timedelta(0)
    assert problem["kinds"] == ["hypertension"]
    assert {m["on"] for m in record["measurements"]} == {(date(2026, 6, 1) + moved).isoformat()}


def test_the_manifest_holds_for_every_file(services, case, tmp_path):
    _, files = exported(services, case, tmp_path / "case.zip")
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["sha256"] == {n: hashlib.sha256(c).hexdigest() for n, c in files.items()}


def test_free_text_goes_only_when_asked_for_and_not_with_a_name(services, case, tmp_path):
    _, without = exported(services, case, tmp_path / "a.zip")
    assert "Operate first?" not in without["summary.en.html"].decode()
    _, with_text = exported(services, case, tmp_path / "b.zip", free_text=True)
    assert "Operate first?" in with_text["summary.en.html"].decode()
    smith = add_account(services.engine, "jones", "Bob Jones", "physician", PASSWORD)
    add_opinion(services, case.id, smith, "患者张三丰可以手术")
    named = find_case(services, case.id)
    with pytest.raises(CaseError, match="the free text would tell the patient's name"):
        export_case(services, named, tmp_path / "c.zip", "smith", free_text=True)
    assert not (tmp_path / "c.zip").exists()
    export_case(services, named, tmp_path / "c.zip", "smith")


def test_an_export_is_audited_and_overwrites_nothing(services, case, tmp_path):
    exported(services, case, tmp_path / "case.zip")
    with services.engine.connect() as connection:
        actions = set(connection.execute(select(audit_event.c.action)).scalars())
    assert {"case-export", "deidentified-export"} <= actions
    with pytest.raises(CaseError, match="exists"):
        export_case(services, case, tmp_path / "case.zip", "smith")
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []
    assert [p.name for p in services.settings.data_dir.glob("case-*")] == []


def test_age_above_89_is_not_told(services):
    record = RecordStore(services.engine).record("zhang-san")
    old = replace(record.demographics, birth_date=date(1930, 1, 1))
    born = replace(record.problems[0], onset=old.birth_date)
    first = replace(record.problems[0], onset=date(1, 1, 2))
    record = replace(record, demographics=old, problems=(first, born, *record.problems))
    plain = plain_record(record, date(2026, 1, 2), timedelta(days=-700))
    assert plain["age_years"] == 90
    assert [p["on"] for p in plain["problems"]] == [None, None, "2018-01-31"]


def test_codes_that_could_hold_anything_do_not_go(services):
    record = RecordStore(services.engine).record("zhang-san")
    problem = record.problems[0]
    odd = replace(problem, concept=replace(problem.concept, code="Zhang Sanfeng, ward 3"))
    local = replace(problem, concept=replace(problem.concept, system="urn:local"))
    plain = plain_record(replace(record, problems=(odd, local)), date(2026, 1, 2), timedelta(0))
    assert [p["code"] for p in plain["problems"]] == [None, None]


def test_when_a_bundle_was_made_is_not_told(services, case, tmp_path):
    _, files = exported(services, case, tmp_path / "case.zip", free_text=True)
    with zipfile.ZipFile(tmp_path / "case.zip") as bundle:
        assert {info.date_time[0] for info in bundle.infolist()} == {1980}
    year = str(date.today().year).encode()  # noqa: DTZ011
    assert b"CreationDate" not in files["summary.en.pdf"] or year not in files["summary.en.pdf"]
    shown = files["summary.en.html"].decode()
    assert "Operate first?" in shown


def form(services, case, changes=None):
    key = read_key_file(default_key_file(services.settings), f"case {case.id}")
    return json.dumps(
        {
            "schema": "clinical-ai case opinion 1",
            "case": key.pseudonym(f"case:{case.id}"),
            "place": "Provincial hospital",
            "role": "thoracic surgeon",
            "text": "Resect.\nThen anticoagulation.",
            **(changes or {}),
        }
    ).encode()


def test_an_opinion_comes_back(services, case, tmp_path):
    _, files = exported(services, case, tmp_path / "case.zip")
    empty = json.loads(files["opinion.json"])
    with pytest.raises(CaseError, match="place"):
        import_form(services, case, "opinion.json", json.dumps(empty).encode(), "smith")
    path = tmp_path / "opinion.json"
    path.write_bytes(form(services, case))
    import_opinion(services, case, path, "smith")
    entry = find_case(services, case.id).entries[-1]
    assert entry.imported
    assert (entry.full_name, entry.role) == ("Provincial hospital", "thoracic surgeon")
    assert entry.text == "Resect.\nThen anticoagulation."
    with pytest.raises(CaseError, match="already"):
        import_opinion(services, case, path, "smith")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "fill in the form"),
        (b"[]", "fill in the form"),
        (b"\xff\xfe{}", "fill in the form"),
        (b"{" * 5000, "fill in the form"),
        (b" " * (MAX_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_opinion_is_refused(services, case, tmp_path, content, says):
    exported(services, case, tmp_path / "case.zip")
    with pytest.raises(CaseError, match=says):
        import_form(services, case, "opinion.json", content, "smith")
    assert len(find_case(services, case.id).entries) == 1


@pytest.mark.parametrize(
    "changes",
    [{"case": "A" * 16}, {"schema": "other"}, {"text": 7}, {"more": "x"}, {"text": "x" * 8001}],
)
def test_a_form_with_something_wrong_is_refused(services, case, tmp_path, changes):
    exported(services, case, tmp_path / "case.zip")
    with pytest.raises(CaseError):
        import_form(services, case, "opinion.json", form(services, case, changes), "smith")


def test_a_closed_case_takes_no_opinion_back(services, case, tmp_path):
    exported(services, case, tmp_path / "case.zip")
    content = form(services, case)
    jones = add_account(services.engine, "jones", "Bob Jones", "physician", PASSWORD)
    close_case(services, case.id, jones, PASSWORD, "Decided")
    with pytest.raises(CaseError, match="closed"):
        import_form(services, find_case(services, case.id), "opinion.json", content, "smith")
