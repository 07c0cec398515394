"""Whatever rows hold is reported row by row, and the other rows are scored."""

import polars as pl
import pytest

from risk_models.cohort.issues import Issue
from risk_models.cohort.mapping import ColumnPlan, TableMapping
from tests.risk_models.cohort.tables import CONSTANTS, GOOD, issues, person, scored, write_csv

RISK = "china_par_10y.ascvd_10y"


def one_bad(tmp_path, **changes):
    rows = [person(1), person(2, **changes), person(3)]
    found = scored(write_csv(tmp_path / "people.csv", rows), tmp_path / "out")
    risk = dict(found.select("person_id", RISK).iter_rows())
    assert risk["p1"] == risk["p3"] and risk["p1"] is not None
    return risk.get("p2"), issues(tmp_path / "out")


@pytest.mark.parametrize(
    ("column", "cell", "issue"),
    [
        ("收缩压", "1200", Issue.IMPLAUSIBLE),
        ("收缩压", "-3", Issue.IMPLAUSIBLE),
        ("收缩压", "偏高", Issue.NOT_A_NUMBER),
        ("收缩压", "<90", Issue.NOT_A_NUMBER),
        ("收缩压", "1e400", Issue.NOT_A_NUMBER),
        ("收缩压", "16", Issue.WRONG_UNIT),  # kPa
        ("总胆固醇(mmol/L)", "200", Issue.WRONG_UNIT),
        ("总胆固醇(mmol/L)", "4,9", None),
        ("出生日期", "2065-03-01", Issue.FUTURE_BIRTH),
        ("出生日期", "1965", Issue.BAD_DATE),
        ("出生日期", "1865-03-01", Issue.IMPLAUSIBLE),
        ("性别", "1", Issue.UNKNOWN_WORD),
        ("吸烟", "偶尔", Issue.UNKNOWN_WORD),
    ],
)
def test_one_bad_cell(tmp_path, column, cell, issue):
    if issue is None:
        cell, issue = '"4,9"', Issue.NOT_A_NUMBER
    risk, found = one_bad(tmp_path, **{column: cell})
    assert risk is None
    assert found.height == 1
    row = found.row(0, named=True)
    assert (row["source_row"], row["person_id"], row["issue"]) == ("2", "p2", issue.value)
    assert row["column"] == column and row["cell"].strip("'") == cell.strip('"')


def test_swapped_unit_names_the_unit_it_would_fit(tmp_path):
    row = {k.replace("总胆固醇(mmol/L)", "总胆固醇(mg/dL)"): v for k, v in GOOD.items()}
    scores = scored(write_csv(tmp_path / "people.csv", [row]), tmp_path / "out")
    assert scores.get_column(RISK).to_list() == [None]
    assert "total_cholesterol: missing" in scores.get_column("china_par_10y.problems")[0]
    assert issues(tmp_path / "out").row(0, named=True)["hint"] == (
        "plausible in mmol/L; check the unit"
    )


def test_negative_age_without_a_birth_date(tmp_path):
    rows = [person(1), person(2)]
    for row, age in zip(rows, ("60", "-60"), strict=True):
        del row["出生日期"]
        row["年龄"] = age
    scores = scored(write_csv(tmp_path / "people.csv", rows), tmp_path / "out")
    assert [risk is None for risk in scores.get_column(RISK)] == [False, True]
    assert issues(tmp_path / "out").get_column("field").to_list() == ["age"]


def test_a_row_without_a_person_is_reported_and_left_out(tmp_path):
    scores = scored(
        write_csv(tmp_path / "people.csv", [person(1), person(2, 编号="")]), tmp_path / "out"
    )
    assert scores.height == 1
    assert issues(tmp_path / "out").get_column("issue").to_list() == [Issue.NO_PERSON.value]


def test_a_visit_of_the_future_is_not_used(tmp_path):
    risk, found = one_bad(tmp_path, 体检日期="2031-01-01", 收缩压="999")
    assert risk is None
    assert Issue.FUTURE_DATE.value in found.get_column("issue").to_list()


def test_diastolic_above_systolic_is_a_contradiction(tmp_path):
    risk, found = one_bad(tmp_path, 收缩压="85", 舒张压="120")
    assert risk is None
    assert set(found.get_column("field")) == {"systolic_bp", "diastolic_bp"}
    assert set(found.get_column("issue")) == {Issue.CONTRADICTORY.value}


def test_short_and_long_rows(tmp_path):
    path = write_csv(tmp_path / "people.csv", [person(1), person(2), person(3)])
    lines = path.read_text("utf-8").splitlines()
    lines[2] = ",".join(lines[2].split(",")[:6])
    lines[3] += ",surplus"
    path.write_text("\n".join(lines), "utf-8")
    risk = scored(path, tmp_path / "out").get_column(RISK).to_list()
    assert [value is None for value in risk] == [False, True, False]


def test_a_unit_column_is_followed_row_by_row(tmp_path):
    rows = []
    for number, (value, unit) in enumerate(
        [("5.2", "mmol/L"), ("201.084", "mg/dl"), ("5.2", "ounces"), ("5.2", ""), ("", "")], 1
    ):
        row = person(number)
        del row["总胆固醇(mmol/L)"]
        rows.append({**row, "TC": value, "TC单位": unit})
    mapping = TableMapping(
        {"TC": ColumnPlan("TC", "total_cholesterol", unit_column="TC单位")}, CONSTANTS
    )
    path = write_csv(tmp_path / "people.csv", rows)
    found = scored(path, tmp_path / "out", mapping=mapping)
    risk = found.get_column(RISK).to_list()
    assert [value is None for value in risk] == [False, False, True, True, True]
    assert risk[0] == pytest.approx(risk[1], rel=2e-3)  # 38.67 and 1/0.0259
    assert issues(tmp_path / "out").get_column("source_row").to_list() == ["3", "4"]


def test_issue_report_is_safe_for_spreadsheets(tmp_path):
    _, found = one_bad(tmp_path, 收缩压="=1+1")
    assert found.get_column("cell").to_list() == ["'=1+1"]


@pytest.mark.slow
def test_a_million_rows_with_one_bad_row(tmp_path):
    rows = 1_000_000
    frame = pl.DataFrame({name: [value] for name, value in GOOD.items()})
    frame = pl.concat([frame] * rows).with_columns(
        pl.int_range(rows).cast(pl.String).alias("编号"),
        pl.when(pl.int_range(rows) == 654_321)
        .then(pl.lit("1200"))
        .otherwise(pl.col("收缩压"))
        .alias("收缩压"),
    )
    frame.write_csv(tmp_path / "people.csv")
    scores = scored(tmp_path / "people.csv", tmp_path / "out")
    assert scores.height == rows
    assert scores.get_column(RISK).null_count() == 1
    found = issues(tmp_path / "out")
    assert found.select("source_row", "person_id", "cell").rows() == [("654322", "654321", "1200")]
