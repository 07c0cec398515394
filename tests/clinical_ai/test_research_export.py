"""``clinical-ai bridge deidentify``, as a user runs it."""

import csv
import json
import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydicom.filereader import dcmread
from sqlalchemy import select

from clinical_ai.errors import ResearchExportError
from clinical_ai.research_export import Request, export_path, export_studies
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.store.tables import audit_event
from pacs_bridge.deidentify.options import Options
from tests.pacs_bridge.deidentify.canaries import CANARY, subject
from tests.pacs_bridge.support import store, write_file


def run(tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clinical_ai", "bridge", "deidentify", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "CLINICAL_AI_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    write_file(subject(), folder / "deep")
    (folder / "notes.txt").write_text("not DICOM")
    return folder


@pytest.fixture
def services(tmp_path: Path):
    with closing(open_services(Settings(data_dir=tmp_path / "data"))) as services:
        yield services


def test_a_folder(tmp_path: Path, folder: Path):
    done = run(tmp_path, "--modified-dates", "--mapping", "who.csv", folder, "out")
    assert done.returncode == 0, done.stderr
    assert "1 exported" in done.stdout
    assert "1 left out" in done.stdout
    assert "new key" in done.stdout
    assert stat.S_IMODE((tmp_path / "data/deidentify.key").stat().st_mode) == 0o600
    (exported,) = (tmp_path / "out").rglob("*.dcm")
    assert exported.stem == dcmread(exported).SOPInstanceUID
    with (tmp_path / "out.report.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["source"].startswith("deep/")
    assert "H20260042" in (tmp_path / "who.csv").read_text()
    assert CANARY not in done.stdout.upper() + done.stderr.upper()
    again = run(tmp_path, folder, "out")
    assert again.returncode == 1
    assert "exists" in again.stderr


def test_what_is_left_is_named_and_fails(tmp_path: Path, folder: Path):
    ds = subject()
    ds.FrameLabelVector = f"of {CANARY}"
    ds.SOPInstanceUID += ".2"
    write_file(ds, folder)
    done = run(tmp_path, "--json", folder, "out")
    assert done.returncode == 1
    states = {r["state"]: r["findings"] for r in json.loads(done.stdout)["reports"]}
    assert {f["path"] for f in states["identified"]} >= {"(0018,2002)"}
    assert CANARY not in done.stdout.upper()
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1


@pytest.mark.parametrize("arguments", [("out",), ("a", "b", "c"), ("--study", "1.2", "a", "b")])
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]):
    assert run(tmp_path, *arguments).returncode == 2


def test_an_archived_study_is_exported_and_audited(services: Services, tmp_path: Path):
    assert store(services.archive, subject()).is_new
    uid = subject().StudyInstanceUID
    progress: list[tuple[int, int]] = []
    request = Request(tmp_path / "out", Options(), tmp_path / "k.key")
    done = export_studies(services, request, [uid], lambda *counts: progress.append(counts))
    assert (done.count("exported"), progress) == (1, [(1, 1)])
    with services.engine.connect() as connection:
        (event,) = connection.execute(select(audit_event)).mappings()
    assert (event["action"], event["study_uid"]) == ("deidentified-export", uid)
    assert event["username"].startswith("shell:")
    assert done.key_fingerprint in event["detail"]


def test_a_study_that_is_not_archived(services: Services, tmp_path: Path):
    request = Request(tmp_path / "out", Options(), tmp_path / "k.key")
    with pytest.raises(ResearchExportError, match=r"no study '9\.9'"):
        export_studies(services, request, ["9.9"], lambda *_: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"report_file": Path("out/report.csv")}, "would lie in the export"),
        ({"mapping_file": Path("out/a/who.csv")}, "would lie in the export"),
        ({"report_file": Path("there.csv")}, "exists"),
        ({"out": Path("in/out")}, "lie in one another"),
    ],
)
def test_places_that_would_betray_or_destroy(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, change, message: str
):
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    values = {"out": Path("out"), "options": Options(), "key_file": Path("k.key"), **change}
    with pytest.raises(ResearchExportError, match=message):
        export_path(Request(**values), folder, lambda *_: None)
    assert not Path("k.key").exists()
