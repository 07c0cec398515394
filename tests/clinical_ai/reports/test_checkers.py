"""Our objects before independent eyes: dciodvfy, dsrdump, PixelMed, Orthanc."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.reports.signing import Signer
from clinical_ai.reports.write import ResultFile, write_final_results, write_results
from clinical_ai.result_objects import ResultObject
from tests.support.ct_series import lung_reading, write_ct_series
from tests.support.orthanc import orthanc

SIGNER = Signer("wang", "王医生", "示范医院", 1795509000.5)
IODS = ("Segmentation", "Comprehensive3DSR", "SCImage", "GrayscaleSoftcopyPresentationState")
ALL: tuple[ResultObject, ...] = ("SR", "SEG", "SC", "GSPS")
NAME = "Zhang^San=张^三=ㄓㄤ^ㄙㄢ"


def results(folder: Path, character_set: str, findings: int = 2) -> list[ResultFile]:
    paths = write_ct_series(folder / "ct", patient_name=NAME, character_set=character_set)
    reading = assess(lung_reading(findings=findings), AssessmentContext(age_years=66))
    files = write_results(
        reading, paths, folder / "out", institution="示范医院", objects=ALL, language="zh"
    )
    final = write_final_results(
        reading,
        paths,
        folder / "out",
        verdicts={f.id: ("rejected" if f.id == "1" else "accepted", "") for f in reading.findings},
        signer=SIGNER,
        objects=ALL,
        language="zh",
    )
    return [*files, *final]


def tool(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    return program


@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
@pytest.mark.parametrize("findings", [0, 1, 2, 3])
def test_dciodvfy_prints_no_error(tmp_path: Path, findings: int, character_set: str) -> None:
    for file in results(tmp_path, character_set, findings):
        check = subprocess.run([tool("dciodvfy"), str(file.path)], capture_output=True, text=True)
        said = check.stderr.splitlines()
        assert said, "dciodvfy names the IOD it has recognised"
        assert [line for line in said if line.startswith("Error")] == [], file.kind
        assert said[0] in IODS
        # Our own scheme is the only thing it does not know.
        warned = [line for line in said if line.startswith("Warning") and "99CLINAI" not in line]
        assert warned == [], file.kind


@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
def test_dsrdump_shows_the_tree_and_the_name(tmp_path: Path, character_set: str) -> None:
    for file in results(tmp_path, character_set):
        if not file.kind.startswith("SR"):
            continue
        shown = subprocess.run(
            [tool("dsrdump"), "--convert-to-utf8", str(file.path)], capture_output=True, text=True
        )
        assert shown.returncode == 0, shown.stderr
        for line in (
            NAME,
            "Imaging Measurement Report",
            '"Long axis")="23.457" (mm',
            "Referenced Segment",
            "Lung-RADS assessment",
            "示范医院",
        ):
            assert line in shown.stdout
        assert ("王医生" in shown.stdout) == (file.kind == "SR-final")
        # dsrdump warns only that its VR checker does not know the character set
        assert "E:" not in shown.stderr


@pytest.mark.slow
def test_pixelmed_finds_no_error_in_the_template(tmp_path: Path) -> None:
    validator = tool("DicomSRValidator")
    limits = " ".join(f"-Djdk.xml.xpath{name}Limit=0" for name in ("TotalOp", "ExprOp", "ExprGrp"))
    for file in results(tmp_path, "ISO_IR 192"):
        if not file.kind.startswith("SR"):
            continue
        check = subprocess.run(
            [validator, str(file.path)],
            capture_output=True,
            text=True,
            env={**os.environ, "JAVA_TOOL_OPTIONS": limits},
        )
        said = (check.stdout + check.stderr).splitlines()
        assert any("Found Root Template TID_1500" in line for line in said), said
        assert any("Root Template Validation Complete" in line for line in said)
        assert [line for line in said if line.startswith("Error")] == [], file.kind


@pytest.mark.parametrize("character_set", ["ISO_IR 192", "GB18030"])
def test_orthanc_accepts_and_keeps_the_name(tmp_path: Path, character_set: str) -> None:
    files = results(tmp_path, character_set)
    with orthanc(tmp_path / "orthanc") as server:
        # -R: propose only the classes of the files; the default list has no SEG
        sent = subprocess.run(
            [
                *(tool("storescu"), "-R", "-aec", "ORTHANC"),
                *("127.0.0.1", str(server.dicom_port)),
                *(str(f.path) for f in files),
            ],
            capture_output=True,
            text=True,
        )
        assert sent.returncode == 0, sent.stderr
        stored = server.instances()
    assert stored.keys() == {f.sop_instance_uid for f in files}
    for tags in stored.values():
        assert tags["PatientName"] == NAME
        assert tags["InstitutionName"] == "示范医院"
