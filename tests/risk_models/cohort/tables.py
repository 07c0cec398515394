"""Small tables, as health offices send them, and how to score them in one line."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from risk_models.cohort.mapping import TableMapping
from risk_models.cohort.run import ScoreRequest, score_cohort
from risk_models.cohort.scoring import parse_equation

AS_OF = date(2025, 6, 30)
CONSTANTS = {"north_of_yangtze": True, "urban": True, "family_history_ascvd": False}

GOOD = {
    "编号": "p1",
    "姓名": "张三",
    "性别": "男",
    "出生日期": "1965-03-01",
    "体检日期": "2025-05-01",
    "区县": "浦东新区",
    "收缩压": "145",
    "舒张压": "88",
    "总胆固醇(mmol/L)": "5.2",
    "高密度脂蛋白(mmol/L)": "1.3",
    "低密度脂蛋白(mmol/L)": "3.1",
    "腰围": "88",
    "吸烟": "是",
    "糖尿病": "否",
    "服用降压药": "否",
}
"""One person whom China-PAR can score (with `CONSTANTS`)."""


def write_csv(
    path: Path, rows: Sequence[Mapping[str, str]], encoding: str = "utf-8", separator: str = ","
) -> Path:
    headers = list(dict.fromkeys(name for row in rows for name in row))
    lines = [separator.join(headers)]
    lines += [separator.join(row.get(name, "") for name in headers) for row in rows]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def person(number: int, **changes: str) -> dict[str, str]:
    return {**GOOD, "编号": f"p{number}", **changes}


def scored(
    source: Path,
    out: Path,
    *equations: str,
    mapping: TableMapping | None = None,
    engine: str = "local",
    as_of: date = AS_OF,
) -> pl.DataFrame:
    """Score a file and return the scores, with the persons named."""
    chosen = tuple(parse_equation(text) for text in equations or ("china_par_10y",))
    request = ScoreRequest(
        source,
        out,
        chosen,
        as_of,
        mapping or TableMapping(constants=CONSTANTS),
        engine=engine,
        with_ids=True,
    )
    score_cohort(request)
    return pl.read_parquet(out / "scores.parquet").sort("person_id")


def issues(out: Path) -> pl.DataFrame:
    return pl.read_csv(out / "issues.csv", infer_schema=False)
