"""``clinical-ai cohort fit`` and ``validate``: survival models of local data."""

from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.markup import escape

from clinical_ai import __version__
from clinical_ai.commands.common import JsonOption, out, print_rows
from clinical_ai.commands.progress import progress_bars

if TYPE_CHECKING:
    from risk_models.survival.metrics.estimate import Estimate

STAGES = {
    "impute": "imputing",
    "penalty": "choosing the penalty",
    "bootstrap": "bootstrap",
}


class ModelChoice(StrEnum):
    """Which model."""

    COX = "cox"
    WEIBULL = "weibull"
    FINE_GRAY = "fine-gray"


class MissingChoice(StrEnum):
    """What to do about missing values."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave-out"
    IMPUTE = "impute"


class PenaltyChoice(StrEnum):
    """Which penalty; its strength is found by cross-validation."""

    NONE = "none"
    RIDGE = "ridge"
    LASSO = "lasso"
    ELASTIC_NET = "elastic-net"


class UnitChoice(StrEnum):
    """Unit of time."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


L1_RATIO = {PenaltyChoice.RIDGE: 0.0, PenaltyChoice.LASSO: 1.0, PenaltyChoice.ELASTIC_NET: 0.5}

DataArgument = Annotated[
    Path, typer.Argument(help="CSV (UTF-8, GBK) or Parquet, one row a person.", metavar="DATA")
]
DurationOption = Annotated[str, typer.Option(help="Column of follow-up time, above 0.")]
EventOption = Annotated[
    str, typer.Option(help="Column: 0 censored, 1 the event, 2 and above competing events.")
]
WhereOption = Annotated[
    str | None,
    typer.Option(help="Only rows that meet this SQL condition, e.g. 'AGE >= 40 AND PREVCHD = 0'."),
]
DeriveOption = Annotated[
    list[str] | None,
    typer.Option(help="A new column, NAME: SQL, e.g. 'FEMALE: SEX = 2'; repeat for several."),
]
BootstrapOption = Annotated[
    int, typer.Option(min=0, help="Bootstrap samples; 200 or more for a report, 0 for none.")
]
SeedOption = Annotated[int, typer.Option(min=0, help="Makes samples, folds and imputations.")]


def fit(
    data: DataArgument,
    event: EventOption,
    duration: DurationOption,
    covariates: Annotated[
        str, typer.Option(help="Columns of numbers or 0/1, separated by commas.")
    ],
    horizon: Annotated[
        float, typer.Option(help="Time at which risk is given and measured, in --time-unit.")
    ],
    out_file: Annotated[Path, typer.Option("--out", help="Model file to write, e.g. model.json.")],
    strata: Annotated[
        str, typer.Option(help="Columns of groups with a baseline of their own, by commas (Cox).")
    ] = "",
    model: Annotated[
        ModelChoice,
        typer.Option(help="fine-gray where competing events matter for the absolute risk."),
    ] = ModelChoice.COX,
    time_unit: Annotated[UnitChoice, typer.Option(help="Unit of time.")] = UnitChoice.DAYS,
    missing: Annotated[
        MissingChoice,
        typer.Option(help="People with a missing covariate; impute: chained equations (Cox)."),
    ] = MissingChoice.REFUSE,
    imputations: Annotated[int, typer.Option(min=2, help="Completed copies.")] = 20,
    penalty: Annotated[
        PenaltyChoice, typer.Option(help="For many covariates or few events (Cox).")
    ] = PenaltyChoice.NONE,
    where: WhereOption = None,
    derive: DeriveOption = None,
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    outcome: Annotated[str | None, typer.Option(help="What the event is, in words.")] = None,
    population: Annotated[
        str | None, typer.Option(help="Who the people are: place, years, how chosen.")
    ] = None,
    bootstrap: BootstrapOption = 200,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Fit a survival model to a table and measure it.

    Writes the model (JSON: scores without any statistics library, refuses values it has not seen)
    and a model card in Chinese and English beside it. See docs/survival.md for which model to use
    when and how to read the numbers.
    """
    from risk_models.cohort.survival_models import Rows, fit_file, write_files
    from risk_models.survival.develop import Plan
    from risk_models.survival.model_json import Kind, Missing, TimeUnit

    kinds = dict(zip(ModelChoice, (Kind.COX, Kind.WEIBULL, Kind.FINE_GRAY), strict=True))
    gaps = dict(zip(MissingChoice, (Missing.NONE, Missing.LEFT_OUT, Missing.IMPUTED), strict=True))
    plan = Plan(
        name=name or out_file.stem,
        outcome=outcome or event,
        population=population or data.name,
        horizon=horizon,
        time_unit=TimeUnit(time_unit.value),
        kind=kinds[model],
        missing=gaps[missing],
        imputations=imputations,
        l1_ratio=L1_RATIO.get(penalty),
        repeats=bootstrap,
        seed=seed,
    )
    with progress_bars() as bars:
        task = bars.add_task("fitting", total=None)
        fitted = fit_file(
            Rows(data, where, _derived(derive)),
            plan,
            duration=duration,
            event=event,
            covariates=_names(covariates),
            strata=_names(strata),
            code_version=__version__,
            created=date.today().isoformat(),  # noqa: DTZ011 - the reader's own day
            progress=lambda stage, done, total: bars.update(
                task, description=STAGES[stage], completed=done, total=total
            ),
        )
    written = write_files(fitted, out_file)
    if json_output:
        _print_json(fitted.model_dump(mode="json", exclude={"baselines"}))
        return
    made = fitted.development
    out.print(f"{made.n} people, {made.events} events, {made.left_out} left out", highlight=False)
    print_rows(
        [
            {
                "covariate": entry.name,
                "coefficient": f"{entry.coefficient:.5g}",
                "standard error": _digits(entry.standard_error),
                "p": _p(entry.p),
                "proportional (p)": _short(made.proportional_hazards_p.get(entry.name)),
            }
            for entry in fitted.covariates
        ],
        ("covariate", "coefficient", "standard error", "p", "proportional (p)"),
        as_json=False,
    )
    if fitted.performance:
        print_rows(
            [
                {
                    "metric": metric,
                    "apparent": _short(entry.value),
                    "95 % interval": f"{_short(entry.low)} to {_short(entry.high)}",
                    "optimism": _short(entry.optimism),
                    "corrected": _short(
                        None
                        if entry.value is None or entry.optimism is None
                        else entry.value - entry.optimism
                    ),
                }
                for metric, entry in fitted.performance.items()
            ],
            ("metric", "apparent", "95 % interval", "optimism", "corrected"),
            as_json=False,
        )
    for path in written:
        out.print(escape(str(path)), highlight=False)


def validate(
    model: Annotated[Path, typer.Argument(help="Model file that cohort fit wrote.")],
    data: DataArgument,
    event: EventOption,
    duration: DurationOption,
    horizon: Annotated[
        float | None, typer.Option(help="In the model's time unit; the model's own if left out.")
    ] = None,
    where: WhereOption = None,
    derive: DeriveOption = None,
    bootstrap: BootstrapOption = 200,
    seed: SeedOption = 0,
    json_output: JsonOption = False,
) -> None:
    """Measure a model on people it was not fitted to: discrimination, calibration, net benefit.

    The table needs the model's covariates under the model's names (--derive makes them). People
    whose values the model refuses are counted and left out.
    """
    from risk_models.cohort.survival_models import Rows, read_model_file, validate_file

    fitted = read_model_file(model)
    with progress_bars() as bars:
        task = bars.add_task(STAGES["bootstrap"], total=bootstrap or None)
        found = validate_file(
            fitted,
            Rows(data, where, _derived(derive)),
            duration=duration,
            event=event,
            horizon=horizon,
            repeats=bootstrap,
            seed=seed,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    result = found.validation
    if json_output:
        _print_json({"model": fitted.name, "refused": found.refused, **asdict(result)})
        return
    if found.refused:
        Console(stderr=True).print(
            f"{found.refused} people not scored: a value missing or outside what the model has seen"
        )
    out.print(
        f"{result.n} people, {result.events} events by {result.horizon:g} {fitted.time_unit}; "
        f"predicted {100 * result.mean_predicted:.2f} %, observed "
        f"{100 * result.observed.value:.2f} % ({_percents(result.observed)})",
        highlight=False,
    )
    print_rows(
        [
            {
                "metric": metric,
                "value": _short(value.value),
                "95 % interval": f"{_short(value.low)} to {_short(value.high)}",
            }
            for metric, value in result.metrics.items()
        ],
        ("metric", "value", "95 % interval"),
        as_json=False,
    )
    print_rows(
        [
            {
                "people": group.n,
                "predicted %": f"{100 * group.predicted:.2f}",
                "observed %": f"{100 * group.observed.value:.2f}",
                "95 % interval": _percents(group.observed),
            }
            for group in result.groups
        ],
        ("people", "predicted %", "observed %", "95 % interval"),
        as_json=False,
    )
    print_rows(
        [
            {
                "act from risk %": f"{100 * point.threshold:g}",
                "acted on %": f"{100 * point.acted_on:.1f}",
                "net benefit": _short(point.model),
                "of treating all": _short(point.treat_all),
            }
            for point in result.decision_curve
        ],
        ("act from risk %", "acted on %", "net benefit", "of treating all"),
        as_json=False,
    )


def _print_json(content: object) -> None:
    # JSON has no NaN: what could not be computed is null.
    print(to_json(content, inf_nan_mode="null").decode())  # noqa: T201


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _derived(given: list[str] | None) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in given or ():
        name, colon, expression = text.partition(":")
        if not colon or not name.strip():
            raise typer.BadParameter(f"--derive {text!r}; write NAME: SQL, e.g. 'FEMALE: SEX = 2'")
        pairs.append((name.strip(), expression.strip()))
    return tuple(pairs)


def _percents(interval: "Estimate") -> str:
    return f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _p(value: float | None) -> str:
    return "< 0.0001" if value is not None and value < 0.0001 else _short(value)


def _short(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.4f}"
