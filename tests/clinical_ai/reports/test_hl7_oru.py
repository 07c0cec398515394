"""Results as ORU^R01, read back with a second parser and checked against the standard."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import hl7
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from clinical_ai import codes
from clinical_ai.assessment.assess import assess
from clinical_ai.assessment.context import AssessmentContext
from clinical_ai.findings import Reading
from clinical_ai.reports.hl7_oru import Route, build_oru, control_id
from clinical_ai.reports.hl7_result import Result, preliminary, signed
from clinical_ai.reports.signing import Signer
from clinical_ai.texts import Texts
from pacs_bridge.hl7.conformance import problem
from pacs_bridge.hl7.order_index import ImagingOrder
from tests.support.ct_series import STUDY_UID, lung_reading
from tests.support.fhir_readings import STUDY as ARCHIVED

MADE_AT = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
SIGNER = Signer("wang", "王|医生^", "示范医院", 1795509000.5)
VERDICTS = {"1": ("rejected", "vessel"), "2": ("accepted", ""), "3": ("accepted", "")}
ROUTE = Route(
    peer_name="ris",
    sending_application="CLINICALAI",
    sending_facility="市第一医院",
    receiving_application="RIS",
    receiving_facility="HOSP",
    version="2.5.1",
    character_set="UNICODE UTF-8",
    enhanced=False,
    processing_id="P",
    assigning_authority="HOSP",
    ideographic_first=True,
)
STUDY = replace(
    ARCHIVED,
    patient_id="P|1",
    patient_name="Zhang^San^^Dr^Jr=张^三",
    study_description="Chest & abdomen",
)
ORDER = ImagingOrder(
    accession_number="ACC1",
    placer_order_number="PL1",
    filler_order_number="FI1",
    state="open",
    patient_id="P|1",
    issuer_of_patient_id="HOSP",
    patient_name="",
    patient_birth_date="",
    patient_sex="",
    procedure_code="CTCHEST",
    procedure_scheme="L",
    procedure_text="胸部CT平扫",
    reason="咳嗽\n两周",
    priority="stat",
    ordering_provider="D7^李^医",
    scheduled_at="",
    created_at=1.0,
    updated_at=1.0,
)


@pytest.fixture(scope="module")
def reading() -> Reading:
    return assess(lung_reading(findings=3), AssessmentContext(age_years=66, sex="F"))


def make(result: Result, *, study=STUDY, order=None, route=ROUTE, language="zh") -> str:
    return str(build_oru(result, study, order, route, Texts(language)))


def first(reading: Reading) -> Result:
    return preliminary(reading, "2.25.1", MADE_AT)


def final(reading: Reading, **options) -> Result:
    arguments = {"corrects": False, **options}
    return signed(reading, VERDICTS, SIGNER, "2.25.2", **arguments)


def obx(message: hl7.Message, name: str, sub_id: str = "0") -> list[str]:
    """The values of the observations of a code or, without one, a text."""
    return [
        str(s[5])
        for s in message.segments("OBX")
        if name in str(s[3]).split("^")[:2] and str(s[4]) == sub_id
    ]


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5.1"])
@pytest.mark.parametrize("order", [None, ORDER])
def test_every_message_conforms_to_its_version(reading, version, order):
    for result, enhanced in ((first(reading), False), (final(reading, corrects=True), True)):
        route = replace(ROUTE, version=version, enhanced=enhanced)
        text = make(result, order=order, route=route)
        assert problem(text) == ""
        msh = hl7.parse(text).segment("MSH")
        assert str(msh[12]) == version
        assert (str(msh[15]), str(msh[16])) == (("AL", "NE") if enhanced else ("", ""))


def test_the_check_of_conformance_can_fail(reading):
    text = make(first(reading))
    assert "OBR" in problem("\r".join(s for s in text.split("\r") if not s.startswith("OBR")))
    assert problem(text.replace("PV1|1|U", "PV1|1"))
    assert problem("MSH|^~\\&|\r")


def test_a_preliminary_result(reading):
    message = hl7.parse(make(first(reading)))
    msh, pid, obr = (message.segment(name) for name in ("MSH", "PID", "OBR"))
    assert str(msh[9]) == "ORU^R01^ORU_R01"
    assert str(msh[18]) == "UNICODE UTF-8"
    assert str(pid[3]) == "P\\F\\1^^^HOSP^PI"
    assert str(pid[5]) == "张^三^^^^^L^I~Zhang^San^^Jr^Dr^^L^A"
    assert (str(pid[7]), str(pid[8])) == ("19600101", "F")
    assert str(message.segment("ORC")) == "ORC|RE||ACC1"
    assert (str(obr[3]), str(obr[18]), str(obr[25])) == ("ACC1", "ACC1", "P")
    assert str(obr[7]) == "20261123101112"
    assert str(obr[4][0][0]) == "25045-6"
    assert {str(s[11]) for s in message.segments("OBX")} == {"P"}
    assert obx(message, "SR Instance UID") == ["2.25.1"]
    assert obx(message, "110180") == [STUDY_UID]
    assert obx(message, "111001") == ["lung-nodule-test"]
    assert obx(message, "111003") == ["1.2.3"]
    assert "Not measured." in obx(message, "121106")
    assert obx(message, "RID50134")[0].startswith("RID501")
    (impression,) = obx(message, "121073")
    assert impression.startswith("由 AI 模型生成，尚未经医师审阅。\\.br\\Lung-RADS v2022: ")


def test_a_finding_is_coded_and_measured(reading):
    message = hl7.parse(make(first(reading), language="en"))
    assert obx(message, "121071", "1") == ["786838002^Nodule of lung^SCT"]
    assert obx(message, "363698007", "1") == ["3341006^Right lung^SCT"]
    assert obx(message, "363698007", "2") == []
    assert obx(message, "RID46010", "2") == ["RID46016^non-solid^RADLEX"]
    assert obx(message, "103339001", "1") == ["23.457"]
    assert obx(message, "112181", "1") == ["-12.5"]
    assert obx(message, "111012", "1") == ["91.23"]
    (size,) = [s for s in message.segments("OBX") if str(s[3]).startswith("118565006")][:1]
    assert (str(size[2]), str(size[6])) == ("NM", "mm3^cubic millimeter^UCUM")


def test_a_signed_result_names_the_signer_and_leaves_out_what_was_rejected(reading):
    message = hl7.parse(make(final(reading)))
    obr = message.segment("OBR")
    assert str(obr[25]) == "F"
    assert str(obr[32]) == "wang&王\\F\\医生\\S\\"
    assert {str(s[11]) for s in message.segments("OBX")} == {"F"}
    assert {str(s[16]) for s in message.segments("OBX")} == {"wang^王\\F\\医生\\S\\"}
    assert obx(message, "SR Instance UID") == ["2.25.2"]
    assert obx(message, "121071", "1") == []
    assert len(obx(message, "121071", "2")) == 1
    assert "3 个所见中有 1 个被否定" in obx(message, "121073")[0]
    assert str(hl7.parse(make(final(reading, corrects=True))).segment("OBR")[25]) == "C"


def test_the_order_gives_its_numbers_and_its_procedure(reading):
    message = hl7.parse(make(first(reading), order=ORDER))
    obr = message.segment("OBR")
    assert str(message.segment("ORC")) == "ORC|RE|PL1|FI1"
    assert (str(obr[2]), str(obr[3]), str(obr[18])) == ("PL1", "FI1", "ACC1")
    assert str(obr[4]) == "CTCHEST^胸部CT平扫^L"
    assert str(obr[16]) == "D7^李^医"
    assert str(obr[31]) == "^咳嗽 两周"


def test_the_same_reading_gives_the_same_message(reading):
    assert make(first(reading)) == make(first(reading))
    assert make(final(reading)) == make(final(reading))


def test_control_ids_differ_where_messages_do(reading):
    results = [
        first(reading),
        first(replace(reading, id="other")),
        final(reading),
        final(reading, corrects=True),
        signed(reading, VERDICTS, replace(SIGNER, signed_at=1.0), "2.25.2", corrects=False),
    ]
    routes = [ROUTE, replace(ROUTE, peer_name="other")]
    ids = {control_id(result, route) for result in results for route in routes}
    assert len(ids) == 10
    assert all(len(one) == 20 and one.isalnum() and one.isascii() for one in ids)


def test_categories_without_a_code_are_text(reading):
    message = hl7.parse(make(first(reading), language="en"))
    schemes = {a.scheme for a in reading.assessments if a.finding_id is None and a.code is None}
    assert schemes
    assert all(obx(message, scheme) for scheme in schemes)


def test_probabilities_of_equations_are_said():
    known = AssessmentContext(age_years=66, sex="F", smoking="current", has_record=True)
    done = assess(lung_reading(findings=1), known)
    text = make(first(done))
    assert problem(text) == ""
    message = hl7.parse(text)
    (brock,) = (a for a in done.assessments if a.scheme == "Brock (PanCan)")
    assert obx(message, "Brock (PanCan)", "1") == [f"^{brock.category}"]
    assert any("不是本模型的置信度" in value for value in obx(message, codes.IMPRESSION.value))


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(st.data())
def test_whatever_the_images_say_the_message_conforms_and_says_it(data):
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    chosen = {
        name: data.draw(texts | st.sampled_from(["20261399", "19600101", "2461", "M", "a^b=c^d=e"]))
        for name in ("patient_id", "issuer_of_patient_id", "patient_name", "patient_birth_date",
                     "patient_sex", "accession_number", "study_date", "study_time",
                     "study_description")
    }  # fmt: skip
    modality = data.draw(st.sampled_from([(), ("CT",), ("MG",), ("XX", "SR")]))
    study = replace(STUDY, modalities=modality, **chosen)
    version = data.draw(st.sampled_from(["2.3.1", "2.4", "2.5.1"]))
    text = make(first(lung_reading(findings=1)), study=study, route=replace(ROUTE, version=version))
    hl7.parse(text)
    assert problem(text) == ""
    again = hl7.parse(text)
    printable = re.sub(r"[\x00-\x1f\x7f]", "", chosen["patient_id"])
    assert again.unescape(str(again.segment("PID")[3][0][0])) == printable


def test_names_and_numbers(reading):
    for name, first_shown, expected in [
        ("", True, "^^^^^^U"),
        ("王^小明", True, "王^小明^^^^^L^I"),
        ("Wang^X=王^小", False, "Wang^X^^^^^L^A~王^小^^^^^L^I"),
        ("Yamada^T=山田^太=やまだ^た", True, "山田^太^^^^^L^I~Yamada^T^^^^^L^A~やまだ^た^^^^^L^P"),
    ]:
        study = replace(STUDY, patient_name=name)
        route = replace(ROUTE, ideographic_first=first_shown)
        message = hl7.parse(make(first(reading), study=study, route=route))
        assert str(message.segment("PID")[5]) == expected
