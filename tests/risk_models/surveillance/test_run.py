"""From a table to files: what is judged, what is hidden, what is said."""

import ast
import csv
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import risk_models.surveillance
from risk_models.cohort.report.document import Chart, Document, Table
from risk_models.cohort.report.html import render_html
from risk_models.surveillance.counts import Coverage
from risk_models.surveillance.errors import BaselineError, EventTableError, UnknownChoiceError
from risk_models.surveillance.files import write_results
from risk_models.surveillance.groups import GROUPS, group_named
from risk_models.surveillance.methods import METHODS, Options
from risk_models.surveillance.periods import Period
from risk_models.surveillance.report.content import build_document
from risk_models.surveillance.run import (
    Surveillance,
    SurveillanceRequest,
    parse_gap,
    run_surveillance,
)
from risk_models.surveillance.tables import load_data
from tests.risk_models.surveillance.series import weekly_events, write_events

TODAY = date(2026, 6, 30)
OUTBREAK = 120
WEEKS = 125


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> SurveillanceRequest:
    """Two and a half years; an outbreak of strokes in one district, few in the other."""
    rows = [
        *weekly_events(WEEKS, each=6, extra={w: w % 3 for w in range(WEEKS)} | {OUTBREAK: 40}),
        *weekly_events(WEEKS, each=2, district="延庆区", extra={w: w % 4 for w in range(WEEKS)}),
        *weekly_events(WEEKS, each=9, code="E11"),
        ("2030-01-01", "I63", "=cmd()", "男", "60"),
    ]
    path = write_events(tmp_path_factory.mktemp("run") / "events.csv", rows)
    return SurveillanceRequest(
        path,
        (GROUPS["stroke"],),
        ("ears_c1", "farrington"),
        Period.WEEK,
        TODAY,
        options=Options(years=1),
    )


@pytest.fixture(scope="module")
def run(request_: SurveillanceRequest) -> Surveillance:
    return run_surveillance(replace(request_, each_district=True))


def test_the_outbreak_is_named_with_its_numbers(run: Surveillance) -> None:
    whole = run.results[0]
    found = {alarm.method: alarm for alarm in whole.alarms() if alarm.period == "2026-W17"}
    assert set(found) == {"ears_c1", "farrington"}
    assert found["farrington"].observed == 48
    assert found["farrington"].threshold is not None
    assert found["farrington"].expected < found["farrington"].threshold < 48
    assert found["farrington"].reason.startswith("48 observed, ")
    assert [result.district for result in run.results] == [None, "东城区", "延庆区"]


def test_public_files_hide_small_counts_and_records_do_not(
    run: Surveillance, tmp_path: Path
) -> None:
    written = write_results(run, tmp_path, ("zh",), ("html",), "2026-06-30")
    assert {path.name for path in written} >= {"counts.csv", "alarms.csv", "report.zh.html"}

    def rows(path: Path) -> list[dict[str, str]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    public, exact = rows(tmp_path / "counts.csv"), rows(tmp_path / "records" / "counts.csv")
    assert not [row for row in public if row["events"] in {"1", "2", "3", "4"}]
    hidden = [(p, e) for p, e in zip(public, exact, strict=True) if p["events"] == "*"]
    assert {e["events"] for _, e in hidden} >= {"2", "3", "4"}
    # Whole less one district is no way to the other one.
    for period in {row["period"] for row in public}:
        marks = [row["events"] for row in public if row["period"] == period]
        assert marks.count("*") != 1
    summary = json.loads((tmp_path / "surveillance.json").read_text("utf-8"))
    assert summary["cells_not_used"] == 1 and summary["by"] == "week"
    assert (tmp_path / "records").stat().st_mode & 0o777 == 0o700
    html = (tmp_path / "report.zh.html").read_text("utf-8")
    assert "疾病事件监测报告" in html and "延庆区" in html
    assert "=cmd()" not in html


def test_a_formula_in_a_district_is_not_run_by_a_spreadsheet(
    request_: SurveillanceRequest, tmp_path: Path
) -> None:
    path = write_events(tmp_path / "e.csv", weekly_events(40, district="=1+1"))
    found = run_surveillance(
        replace(request_, source=path, methods=("ears_c1",), each_district=True)
    )
    write_results(found, tmp_path, (), (), "2026-06-30")
    text = (tmp_path / "counts.csv").read_text("utf-8-sig")
    assert "'=1+1" in text and ",=1+1" not in text


def test_exact_shows_everything(request_: SurveillanceRequest) -> None:
    found = run_surveillance(replace(request_, exact=True, each_district=True))
    assert not any(result.hidden.any() for result in found.results)


def test_a_short_baseline_names_what_is_needed_and_what_would_do(
    request_: SurveillanceRequest,
) -> None:
    with pytest.raises(BaselineError) as caught:
        run_surveillance(replace(request_, methods=("farrington",), options=Options(years=5)))
    text = str(caught.value)
    assert "farrington needs 264 completely reported weeks" in text and "265 in all" in text
    assert "hold 125" in text
    assert "--years 2 (needs 108)" in text
    assert "ears_c1 (7)" in text
    with pytest.raises(BaselineError, match="before 2024-W03 there are 2"):
        run_surveillance(replace(request_, methods=("ears_c1",), since=date(2024, 1, 15)))


def test_what_can_be_judged_is_judged_and_the_rest_says_why(
    request_: SurveillanceRequest,
) -> None:
    found = run_surveillance(
        replace(request_, methods=("ears_c1", "farrington"), options=Options(years=5))
    )
    assert [judgement.method for judgement in found.results[0].judgements] == ["ears_c1"]
    assert "264" in found.results[0].problems[0]
    text = render_html(build_document(found, "zh", "2026-06-30"))
    assert "未判定的方法：Farrington原法" in text


def test_choices_that_cannot_be(request_: SurveillanceRequest) -> None:
    with pytest.raises(UnknownChoiceError, match="no method 'farington'; there are: ears_c1"):
        run_surveillance(replace(request_, methods=("farington",)))
    overlapping = (GROUPS["tumour"], GROUPS["malignant_tumour"])
    with pytest.raises(UnknownChoiceError, match="tumour and malignant_tumour share events"):
        run_surveillance(replace(request_, groups=overlapping))
    with pytest.raises(UnknownChoiceError, match="stroke and all share"):
        run_surveillance(replace(request_, groups=(GROUPS["stroke"], group_named("all"))))
    with pytest.raises(EventTableError, match="complete to 2027-01-01, which is after 2026-06-30"):
        run_surveillance(replace(request_, coverage=Coverage(last=date(2027, 1, 1))))
    with pytest.raises(EventTableError, match="--since 2019-01-01 is outside"):
        run_surveillance(replace(request_, since=date(2019, 1, 1)))
    with pytest.raises(EventTableError, match="'x' is not a gap; write two days"):
        parse_gap("x")
    with pytest.raises(EventTableError, match="end is before"):
        parse_gap("2024-02-01..2024-01-01")


def test_what_is_not_counted_is_said(request_: SurveillanceRequest, tmp_path: Path) -> None:
    header = ("日期", "病种")
    rows = [("2020-02-02", "乙肝"), *[(row[0], "乙肝") for row in weekly_events(20)]]
    rows += [(row[0], "流感样病例") for row in weekly_events(20)] + [("2024-01-01", "怪病")]
    path = write_events(tmp_path / "e.csv", rows, header)
    chosen = (GROUPS["notifiable_b"],)
    found = run_surveillance(replace(request_, source=path, groups=chosen, methods=("ears_c1",)))
    notes = "\n".join(found.notes)
    assert "1 events before 2024-01-01 or after 2024-05-19 are not counted" in notes
    assert "in no chosen group, the most frequent: 流感样病例 (120)" in notes
    assert "怪病" not in notes  # too few to be named


def test_months(request_: SurveillanceRequest) -> None:
    found = run_surveillance(
        replace(request_, period=Period.MONTH, methods=tuple(METHODS), options=Options(years=1))
    )
    assert len(found.results[0].judgements) == len(METHODS)
    assert {alarm.period for alarm in found.results[0].alarms()} >= {"2026-04"}


@pytest.fixture(scope="module")
def chinese(run: Surveillance) -> Document:
    return build_document(run, "zh", "2026-06-30")


def test_the_report_has_a_chart_for_each_method_and_series(chinese: Document) -> None:
    charts = [block for block in chinese.blocks if isinstance(block, Chart)]
    assert len(charts) == 6
    assert all("预警" in chart.svg and "阈值" in chart.svg for chart in charts)
    names = [block.name for block in chinese.blocks if isinstance(block, Table)]
    assert "alarms" in names and "issues" in names


def test_every_text_is_translated(chinese: Document) -> None:
    words = load_data("texts_zh")
    needed = set()
    folder = Path(risk_models.surveillance.__file__).parent
    for source in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[0] if node.args else None
                if node.func.id in ("w", "N_") and isinstance(first, ast.Constant):
                    needed.add(first.value)
    assert len(needed) > 50
    assert not sorted(needed - set(words))
    for english, translated in words.items():
        fields = re.compile(r"{\w+}")
        assert sorted(fields.findall(english)) == sorted(fields.findall(translated)), english
