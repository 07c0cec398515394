"""``clinical-ai cohort``: score a population, report on it, explain one person."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from clinical_ai.commands.common import JsonOption, out, print_rows
from risk_models.cohort.scoring import DEFAULT_EQUATIONS

cohort = typer.Typer(
    no_args_is_help=True,
    help="Risk of a whole population: score a table or a FHIR export, report on it, explain one "
    "person. Start with: clinical-ai cohort score FILE --out FOLDER; see docs/cohort.md.",
)

STAGES = {"read": "reading", "score": "scoring parts", "write": "writing", "report": "reporting"}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2025-06-30") from None


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


@cohort.command()
def score(
    source: Annotated[
        Path,
        typer.Argument(
            help="CSV (UTF-8, GBK, GB18030), Parquet, or a folder or file of FHIR NDJSON."
        ),
    ],
    out_folder: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for the results; its subfolder records/ holds patient data."
        ),
    ],
    mapping: Annotated[
        Path | None,
        typer.Option(help="TOML file: which column is which field, units, words, constants."),
    ] = None,
    equation: Annotated[
        list[str] | None,
        typer.Option(
            help="name, name:variant, or name:variant,field=value; repeat for several. The "
            "first is the main one: its classes are the risk strata. Default: "
            + "; ".join(DEFAULT_EQUATIONS)
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Day for ages and due dates, YYYY-MM-DD; today if left out.")
    ] = None,
    oldest: Annotated[
        str | None, typer.Option(help="Do not use values dated before this day, YYYY-MM-DD.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local: this machine. ray: a Ray cluster (extra [cluster]).")
    ] = "local",
    with_ids: Annotated[
        bool,
        typer.Option("--with-ids", help="Name the person in scores; else a number of this run."),
    ] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Scores as CSV instead of Parquet.")] = False,
    hba1c_target: Annotated[
        float, typer.Option(help="HbA1c counts as controlled below this, per cent.")
    ] = 7.0,
    json_output: JsonOption = False,
) -> None:
    """Score everyone in a table or a FHIR export.

    Writes scores.parquet (no birth dates, no measured values), issues.csv (every cell that
    was not used, with row and reason), cohort.json (what was done) and records/ (what reports
    and explanations are made from). A bad row is reported; the others are scored.

    Units are never guessed: write them in the header, e.g. TC(mmol/L), or in the mapping file.
    """
    from risk_models.cohort.mapping import TableMapping, read_mapping
    from risk_models.cohort.run import ScoreRequest, read_counts, score_cohort
    from risk_models.cohort.scoring import parse_equation

    request = ScoreRequest(
        source=source,
        out=out_folder,
        equations=tuple(parse_equation(text) for text in equation or DEFAULT_EQUATIONS),
        as_of=_day(as_of) if as_of else date.today(),  # noqa: DTZ011 - the reader's own day
        mapping=read_mapping(mapping) if mapping else TableMapping(),
        oldest=_day(oldest) if oldest else None,
        engine=engine,
        with_ids=with_ids,
        csv=csv,
        hba1c_target=hba1c_target,
    )
    with _progress() as progress:
        task = progress.add_task("reading", total=None)
        manifest = score_cohort(
            request,
            lambda stage, done, total: progress.update(
                task, description=STAGES[stage], completed=done, total=total or None
            ),
        )
    counts = read_counts(out_folder)
    totals = dict(counts.totals.iter_rows())
    for note in manifest.notes:
        Console(stderr=True).print(f"read as {escape(note)}", highlight=False)
    rows = [
        {"equation": name, "scored": number, "people": totals["people"]}
        for name, problem, number in counts.problems.iter_rows()
        if problem == ""
    ]
    print_rows(rows, ("equation", "scored", "people"), as_json=json_output)
    if json_output:
        return
    issues = int(counts.issues.get_column("count").sum())
    if manifest.unused_columns:
        out.print(f"columns not used: {escape(', '.join(manifest.unused_columns))}")
    out.print(f"{issues} cells or rows not used: see {escape(str(out_folder / 'issues.csv'))}")
    out.print(
        f"why people are not scored: clinical-ai cohort explain {escape(str(out_folder))}",
        highlight=False,
    )
