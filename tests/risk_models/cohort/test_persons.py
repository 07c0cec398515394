import polars as pl
import pytest

from risk_models.cohort.engines import people_files
from risk_models.cohort.issues import Issue
from tests.risk_models.cohort.tables import issues, person, scored, write_csv


def people(out):
    return pl.read_parquet(people_files(out / "records")).sort("person_id")


def test_latest_valid_value_of_each_field_with_its_row_and_date(tmp_path):
    rows = [
        person(1, 体检日期="2025-05-01", 收缩压="150"),
        person(1, 体检日期="2023-05-01", 收缩压="170", 吸烟="否"),
        person(1, 体检日期="2025-06-01", 收缩压="1500", 吸烟="", 腰围=""),
        person(2),
    ]
    out = tmp_path / "out"
    scored(write_csv(tmp_path / "people.csv", rows), out)
    first = people(out).row(0, named=True)
    assert (first["systolic_bp"], first["current_smoker"], first["waist"]) == (150, True, 88)
    assert (first["source_row"], str(first["date"])) == (3, "2025-06-01")
    provenance = pl.read_parquet(out / "records" / "provenance" / "*.parquet")
    where = {field: (row, str(day)) for _, field, row, day in provenance.iter_rows()}
    assert where["systolic_bp"] == (1, "2025-05-01")
    assert where["diastolic_bp"] == (3, "2025-06-01")
    assert issues(out).get_column("cell").to_list() == ["1500"]


def test_a_value_and_the_unit_it_was_given_in_come_from_one_row(tmp_path):
    rows = []
    for day, tc_mg_dl in (("2024-01-01", "200"), ("2025-01-01", "240"), ("2025-03-01", "")):
        row = person(1, 体检日期=day)
        del row["总胆固醇(mmol/L)"]
        rows.append({**row, "总胆固醇(mg/dL)": tc_mg_dl})
    out = tmp_path / "out"
    scored(write_csv(tmp_path / "people.csv", rows), out)
    found = people(out).row(0, named=True)
    assert found["total_cholesterol_mg_dl"] == 240
    assert found["total_cholesterol_mmol_l"] == pytest.approx(240 / 38.67)


def test_rows_without_dates_cannot_be_ordered(tmp_path):
    rows = [person(1, 体检日期="", 收缩压="150"), person(1, 体检日期="", 收缩压="120"), person(2)]
    out = tmp_path / "out"
    assert scored(write_csv(tmp_path / "people.csv", rows), out).height == 2
    assert people(out).get_column("systolic_bp").to_list() == [150, 145]
    found = issues(out)
    assert found.select("source_row", "issue").rows() == [("2", Issue.DUPLICATE.value)]


def test_one_person_two_sexes(tmp_path):
    rows = [
        person(1, 体检日期="2024-01-01"),
        person(1, 体检日期="2025-01-01", 性别="女"),
        person(2),
    ]
    out = tmp_path / "out"
    scores = scored(write_csv(tmp_path / "people.csv", rows), out)
    assert scores.get_column("china_par_10y.ascvd_10y").is_null().to_list() == [True, False]
    assert issues(out).select("source_row", "field", "issue").rows() == [
        ("1", "sex", Issue.CONTRADICTORY.value),
        ("2", "sex", Issue.CONTRADICTORY.value),
    ]


def test_parts_and_buckets_change_nothing(tmp_path, monkeypatch):
    rows = [person(n, 收缩压=str(110 + n % 60)) for n in range(300)]
    rows += [person(n, 体检日期="2025-06-01", 收缩压=str(120 + n % 50)) for n in range(0, 300, 3)]
    path = write_csv(tmp_path / "people.csv", rows)
    whole = scored(path, tmp_path / "a")
    monkeypatch.setattr("risk_models.cohort.parts.PART_ROWS", 37)
    split = scored(path, tmp_path / "b")
    assert whole.equals(split)
    assert issues(tmp_path / "a").equals(issues(tmp_path / "b"))
    assert len(people_files(tmp_path / "b" / "records")) > 10


def test_ages_count_completed_years_on_the_day(tmp_path):
    rows = [person(1, 出生日期="1965-06-30"), person(2, 出生日期="1965-07-01")]
    out = tmp_path / "out"
    scored(write_csv(tmp_path / "people.csv", rows), out)
    assert people(out).get_column("age").to_list() == [60, 59]
