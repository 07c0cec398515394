import ast
import json
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from fhir.resources.R4B.group import Group
from fhir.resources.R4B.measurereport import MeasureReport

import risk_models.cohort.indicators
import risk_models.cohort.report
from risk_models import EQUATIONS, translation
from risk_models.cohort.errors import ReportError
from risk_models.cohort.fields import FIELDS, load_table
from risk_models.cohort.indicators import INDICATORS
from risk_models.cohort.issues import Issue
from risk_models.cohort.report import pdf
from risk_models.cohort.report.content import Cohort, ReportRequest, build_document
from risk_models.cohort.report.document import Bullets, Chart, Document, Paragraph, Table
from risk_models.cohort.report.files import write_reports
from risk_models.cohort.report.html import render_html
from risk_models.cohort.run import read_counts, read_manifest, write_followup
from risk_models.cohort.standardise import STANDARDS
from risk_models.results import ProblemKind
from tests.risk_models.cohort.tables import person, scored, write_csv

REQUEST = ReportRequest(None, tuple(STANDARDS.values()), (35, 74), "2025-07-01")
OWN_CHINESE = load_table("texts_zh")
CHINESE = {**translation.chinese(), **OWN_CHINESE}
PDFIUM = pytest.importorskip("pypdfium2", reason="pypdfium2 reads the PDF back")


def rows():
    for n in range(600):
        yield person(
            n,
            性别="男女"[n % 2],
            出生日期=f"{1945 + n % 50}-03-01",
            体检日期=f"2025-{1 + n % 5:02}-10",
            # 400 people, 190 with a hostile name, 10 who are too few for a line of their own.
            区县=("浦东新区", "徐汇区<script>alert(1)</script>", "崇明区")[(n >= 400) + (n >= 590)],
            收缩压=str(100 + n % 80),
            糖尿病="是" if n % 9 == 0 else "否",
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cohort")
    scored(write_csv(root / "人群.csv", list(rows())), root / "out")
    return root / "out"


@pytest.fixture(scope="module")
def cohort(folder):
    return Cohort.of(read_manifest(folder), read_counts(folder))


@pytest.fixture(scope="module")
def chinese(cohort):
    return build_document(cohort, REQUEST, "zh")


@pytest.fixture(scope="module")
def english(cohort):
    return build_document(cohort, REQUEST, "en")


def test_every_text_of_the_report_has_a_translation():
    needed = set()
    sources = [*Path(risk_models.cohort.report.__file__).parent.glob("*.py")]
    sources.append(Path(risk_models.cohort.indicators.__file__))
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[0] if node.args else None
                if node.func.id in ("t", "N_") and isinstance(first, ast.Constant):
                    needed.add(first.value)
    needed |= {one.title for one in STANDARDS.values()}
    needed |= {one.asked_of for one in INDICATORS} | {one.title for one in INDICATORS}
    needed |= {str(issue) for issue in Issue} | {str(kind) for kind in ProblemKind}
    needed |= set(FIELDS)
    needed |= {
        rule.message.template
        for equation in EQUATIONS.values()
        for variant in equation.variants
        for rule in variant.cautions
    }
    assert len(needed) > 150
    assert not set(translation.chinese()) & set(OWN_CHINESE), "one text, two translations"
    assert not sorted(needed - set(CHINESE))
    for english, translated in CHINESE.items():
        fields = [set(re.findall(r"\{\w+\}", text)) for text in (english, translated)]
        assert fields[0] == fields[1], english


def test_html_asks_for_nothing_and_runs_nothing(chinese):
    html = render_html(chinese)
    assert "人群心血管病风险报告" in html and "数据质量" in html
    assert "<script" not in html and "&lt;script&gt;" in html
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", html)
    assert addresses and all(a.startswith(("data:", "#")) for a in addresses)


def test_pdf_holds_the_chinese_text(chinese):
    made = pdf.render_pdf(chinese)
    document = PDFIUM.PdfDocument(made)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    flat = re.sub(r"\s+", "", text)
    for wanted in ("人群心血管病风险报告", "浦东新区", "控制率", "直接法标化", "<script>"):
        assert wanted in flat, wanted
    assert "\ufffe" not in text and "\ufffd" not in text


def test_a_character_without_a_glyph_is_refused_not_lost():
    document = Document(
        "zh", "报告", "", (Paragraph("\U0001f9ff 村"),), (("contents", ""), ("warning", ""))
    )
    with pytest.raises(ReportError, match="cannot be set"):
        pdf.render_pdf(document)


def test_no_chinese_font_is_refused(monkeypatch):
    monkeypatch.setattr(pdf, "FONTS", ("No Such Family",))
    with pytest.raises(ReportError, match="fonts-noto-cjk"):
        pdf.chinese_font()


def test_text_is_never_source():
    hostile = '#panic("x") \\ $x$ @ref <a> #include "secret"'
    labels = (("contents", "目录"), ("warning", "!"))
    document = Document(
        "en",
        hostile,
        hostile,
        (Bullets((hostile,)), Table("t", hostile, ("a",), ((hostile,),))),
        labels,
    )
    assert pdf.render_pdf(document).startswith(b"%PDF")


def test_no_small_count_is_published(cohort, folder, english):
    """Ten people live in the third district; nothing below 5 is shown anywhere."""
    counts = [t for t in english.tables if t.name.startswith(("classes_by", "due"))]
    for table in counts:
        shown = [int(c.replace(",", "")) for row in table.rows for c in row[1:] if c != "*"]
        assert all(n == 0 or n >= 5 for n in shown), table.title
    assert any("*" in row for table in counts for row in table.rows)
    for indicator in INDICATORS:
        for by in cohort.tables.by:
            for line in cohort.tables.lines(indicator, by):
                for number in (line.yes, line.asked):
                    assert number is None or number == 0 or number >= 5
                if line.yes is not None and line.asked is not None:
                    assert line.asked - line.yes == 0 or line.asked - line.yes >= 5
    report = json.dumps(json.loads((write(folder) / "measure_report.json").read_text("utf-8")))
    assert not re.search(r'"count": [1-4]\b', report) and "masked" in report


def write(folder):
    write_reports(folder, REQUEST, (), ("fhir",))
    return folder


def test_fhir_resources_are_valid(folder):
    write(folder)
    report = MeasureReport.model_validate_json((folder / "measure_report.json").read_bytes())
    group = Group.model_validate_json((folder / "group.json").read_bytes())
    assert group.quantity == 600 and group.member is None and group.actual
    assert report.type == "summary" and report.period is not None
    overall = {one.code.text: one for one in report.group}
    pressure = overall["Blood pressure below 140/90 mmHg"]
    counts = {p.code.coding[0].code: p.count for p in pressure.population}
    wanted = Cohort.of(read_manifest(folder), read_counts(folder)).tables.overall(
        next(i for i in INDICATORS if i.name == "bp_below_140_90")
    )
    assert counts == {"denominator": wanted.asked, "numerator": wanted.yes}
    assert float(pressure.measureScore.value) == round(100 * wanted.yes / wanted.asked, 1)


def test_rates_are_those_of_the_people(cohort, folder):
    people = pl.read_parquet(folder / "records" / "people" / "*.parquet")
    for indicator in INDICATORS:
        line = cohort.tables.overall(indicator)
        answers = people.get_column(indicator.name).drop_nulls()
        if line.yes is not None:
            assert (line.yes, line.asked) == (answers.sum(), len(answers))


def test_charts_say_what_they_show_and_stand_alone(chinese):
    charts = [block for block in chinese.blocks if isinstance(block, Chart)]
    assert len(charts) >= 6
    for chart in charts:
        assert chart.description and chart.svg.startswith("<svg")
        assert not re.search(r'(?:href|src)="(?!#)', chart.svg)


def test_an_empty_stratum_gets_no_standardised_rate(cohort):
    indicator = next(i for i in INDICATORS if i.name == "has_diabetes")
    found = {
        label: (crude, rate)
        for label, crude, rate in cohort.tables.standardised(
            indicator, "district", STANDARDS["china_2020"], (35, 74)
        )
    }
    assert "崇明区" not in found and found["other districts"] == (None, None)
    assert found["浦东新区"][1] is not None
    old = cohort.tables.standardised(indicator, "district", STANDARDS["china_2020"], (20, 84))
    assert all(rate is None for _, _, rate in old)  # nobody is under 30 here


def test_followup_list_holds_no_more_than_it_must(folder, tmp_path):
    count = write_followup(folder, tmp_path / "due.csv")
    found = pl.read_csv(tmp_path / "due.csv")
    assert found.columns == ["person_id", "district", "due", "overdue", "reassess", "reasons"]
    assert found.height == count > 0
    assert found.filter(pl.col("reasons").str.contains("no drug")).height > 0


def test_scores_hold_no_birth_date_and_no_measured_value(folder, tmp_path):
    columns = pl.read_parquet_schema(folder / "scores.parquet")
    assert not {"birth_date", "systolic_bp", "date", "age"} & set(columns)
    assert (folder / "records").stat().st_mode & 0o077 == 0


def test_as_of_is_in_the_report(english):
    assert "2025-06-30" in english.subtitle and str(date(2025, 7, 1)) in english.subtitle
