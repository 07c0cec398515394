"""A made-up population in a Parquet file of any length, with Chinese headers.

Values are drawn independently of each other apart from blood pressure, which rises with age:
good for measuring speed, not for learning about people.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

CHUNK = 200_000
DISTRICTS = ("东城区", "西城区", "朝阳区", "海淀区", "丰台区", "石景山区", "通州区", "昌平区")


def write_population(path: Path, people: int, seed: int = 1) -> None:
    """Write `people` rows to `path`, chunk by chunk."""
    rng = np.random.default_rng(seed)
    folder = path.parent / f"{path.stem}.chunks"
    folder.mkdir()
    for number, first in enumerate(range(0, people, CHUNK)):
        chunk = _chunk(rng, first, min(CHUNK, people - first))
        chunk.write_parquet(folder / f"{number:05}.parquet")
    pl.scan_parquet(folder / "*.parquet").sink_parquet(path, row_group_size=100_000)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def _chunk(rng: np.random.Generator, first: int, people: int) -> pl.DataFrame:
    age = np.clip(rng.normal(55, 13, people), 20, 95)
    systolic = np.round(rng.normal(130 + 0.3 * (age - 55), 17, people)).clip(85, 230)
    diastolic = np.round(systolic * 0.6 + rng.normal(2, 6, people)).clip(45, 130)
    total = np.round(rng.normal(4.9, 0.95, people).clip(2, 10), 2)
    hdl = np.round(rng.normal(1.3, 0.3, people).clip(0.5, 2.8), 2)
    day = np.timedelta64(1, "D")

    def some(values: NDArray[np.float64], missing: float) -> pl.Series:
        gaps = rng.random(people) < missing
        return pl.Series(np.where(gaps, np.nan, values), nan_to_null=True)

    def flag(share: float) -> NDArray[np.bool_]:
        answers: NDArray[np.bool_] = rng.random(people) < share
        return answers

    return pl.DataFrame(
        {
            "编号": pl.Series(np.arange(first, first + people)).cast(pl.String),
            "性别": pl.Series(rng.choice(["男", "女"], people)),
            "出生日期": np.datetime64("2025-06-30") - (age * 365.25).astype(np.int64) * day,
            "体检日期": np.datetime64("2024-07-01") + rng.integers(0, 360, people) * day,
            "区县": pl.Series(rng.choice(DISTRICTS, people)),
            "收缩压": some(systolic, 0.03),
            "舒张压": some(diastolic, 0.03),
            "总胆固醇(mmol/L)": some(total, 0.1),
            "高密度脂蛋白(mmol/L)": some(hdl, 0.12),
            "低密度脂蛋白(mmol/L)": some(np.round((total - hdl) * 0.78, 2).clip(0.5, 9), 0.12),
            "肌酐(umol/L)": some(np.round(rng.normal(75, 15, people).clip(30, 300)), 0.15),
            "糖化血红蛋白(%)": some(np.round(rng.normal(5.8, 0.8, people).clip(4, 14), 1), 0.4),
            "身高": some(np.round(rng.normal(165, 8, people)), 0.05),
            "体重": some(np.round(rng.normal(65, 11, people).clip(35, 150), 1), 0.05),
            "腰围": some(np.round(rng.normal(84, 10, people)), 0.1),
            "吸烟": flag(0.25),
            "糖尿病": flag(0.12),
            "高血压": flag(0.25),
            "服用降压药": flag(0.2),
            "他汀": flag(0.1),
            "心血管病": flag(0.06),
            "心血管病家族史": flag(0.1),
        }
    )
