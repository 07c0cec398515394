"""Fits and validates survival models on files: ``clinical-ai cohort fit`` and ``validate``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from polars.exceptions import PolarsError

from risk_models.cohort.errors import InputFileError, MappingError
from risk_models.cohort.table_input import open_table
from risk_models.survival.bootstrap import Progress
from risk_models.survival.data import SurvivalData, survival_data
from risk_models.survival.develop import Plan, StageProgress, develop
from risk_models.survival.errors import SurvivalDataError
from risk_models.survival.model_card import LANGUAGES, model_card
from risk_models.survival.model_json import ModelFile, read_model, write_model
from risk_models.survival.scoring import score_columns
from risk_models.survival.validation import Validation, validate

EMPTY = ("", "NA", "NaN", "nan", "null", "NULL", ".")
"""Cells of a text table that hold nothing."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows and columns of a file.

    Parameters
    ----------
    path
        CSV (UTF-8, GBK) or Parquet.
    where
        SQL condition on columns; None: all rows.
    derive
        New columns as (name, SQL expression), made before the condition is asked.
    """

    path: Path
    where: str | None = None
    derive: Sequence[tuple[str, str]] = ()


def read_rows(rows: Rows) -> pl.DataFrame:
    """The rows, columns of numbers as numbers.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    MappingError
        If an expression cannot be understood, or no row is left.
    """
    with TemporaryDirectory() as work:
        table = open_table(rows.path, Path(work))
        frame = pl.read_parquet(table.path)
    frame = frame.with_columns(_number_or_text(frame.get_column(name)) for name in frame.columns)
    for name, expression in rows.derive:
        frame = _asked(frame, expression, partial(_with_column, name=name))
    if rows.where is not None:
        frame = _asked(frame, rows.where, lambda f, e: f.filter(e))
    if frame.is_empty():
        raise MappingError(f"no row of {rows.path.name} meets {rows.where!r}")
    return frame


def fit_file(
    rows: Rows,
    plan: Plan,
    *,
    duration: str,
    event: str,
    covariates: Sequence[str],
    strata: Sequence[str],
    code_version: str,
    created: str,
    progress: StageProgress,
) -> ModelFile:
    """Fit a model to a file; columns, errors and plan as `survival_data` and `develop` say."""
    data = survival_data(
        read_rows(rows), duration=duration, event=event, covariates=covariates, strata=strata
    )
    return develop(data, plan, code_version=code_version, created=created, progress=progress)


def write_files(model: ModelFile, target: Path) -> tuple[Path, ...]:
    """Write the model and its card in each language beside it; the paths written."""
    written = [target]
    target.write_text(write_model(model), encoding="utf-8")
    for language in LANGUAGES:
        card = target.with_suffix(f".{language}.md")
        card.write_text(model_card(model, language), encoding="utf-8")
        written.append(card)
    return tuple(written)


@dataclass(frozen=True, slots=True)
class FileValidation:
    """A validation, and how many people could not be scored."""

    validation: Validation
    refused: int


def validate_file(
    model: ModelFile,
    rows: Rows,
    *,
    duration: str,
    event: str,
    horizon: float | None,
    repeats: int,
    seed: int,
    progress: Progress,
) -> FileValidation:
    """Score the people of a file and measure the risks; who is refused is counted and left out.

    Raises
    ------
    SurvivalDataError
        If nobody can be scored; see `survival_data`.
    HorizonError
        If the horizon is beyond the model's or the file's follow-up.
    """
    frame = read_rows(rows)
    asked = horizon or model.horizon
    scored = frame.hstack(score_columns(model, frame, asked))
    usable = scored.filter(pl.col("risk").is_not_null())
    if usable.is_empty():
        first = scored.get_column("problems").value_counts(sort=True).item(0, "problems")
        raise SurvivalDataError(f"nobody can be scored; most often: {first}")
    data: SurvivalData = survival_data(usable, duration=duration, event=event, covariates=())
    risk = usable.get_column("risk").to_numpy()
    found = validate(data, risk, asked, repeats=repeats, seed=seed, progress=progress)
    return FileValidation(found, frame.height - usable.height)


def read_model_file(path: Path) -> ModelFile:
    """Read a model file.

    Raises
    ------
    InputFileError
        If there is no such file.
    ModelFileError
        If it is not a model file of this version.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file")
    return read_model(path.read_bytes())


def _number_or_text(column: pl.Series) -> pl.Series:
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars()
    filled = text.set(text.is_in(EMPTY), None)
    if set(filled.drop_nulls().str.to_lowercase().unique()) <= {"true", "false"}:
        return filled.str.to_lowercase() == "true"
    number = filled.cast(pl.Float64, strict=False)
    # One cell that is no number: the column is text, and a model asked of it will say so.
    return number if number.null_count() == filled.null_count() else filled


def _with_column(frame: pl.DataFrame, value: pl.Expr, name: str) -> pl.DataFrame:
    return frame.with_columns(value.alias(name))


def _asked(
    frame: pl.DataFrame, expression: str, apply: Callable[[pl.DataFrame, pl.Expr], pl.DataFrame]
) -> pl.DataFrame:
    try:
        return apply(frame, pl.sql_expr(expression))
    except PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise MappingError(
            f'{expression!r}: {reason}; write SQL on columns, e.g. "SEX = 2 AND AGE >= 40"'
        ) from None
