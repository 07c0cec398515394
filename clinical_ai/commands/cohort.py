"""``clinical-ai cohort``: score a population, report on it, explain one person, fit models."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from clinical_ai.commands.cohort_models import fit, validate
from clinical_ai.commands.common import JsonOption, out, print_rows
from clinical_ai.commands.progress import progress_bars
from risk_models.cohort.scoring import DEFAULT_EQUATIONS

cohort = typer.Typer(
    no_args_is_help=True,
    help="Risk of a whole population: score a table or a FHIR export, report on it, explain one "
    "person; survival models of local follow-up. Start with: clinical-ai cohort score FILE --out "
    "FOLDER; see docs/cohort.md and docs/survival.md.",
)

STAGES = {"read": "reading", "score": "scoring parts", "write": "writing", "report": "reporting"}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2025-06-30") from None


cohort.command()(fit)
cohort.command()(validate)


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
    with progress_bars() as progress:
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


@cohort.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder that cohort score wrote.")],
    language: Annotated[
        list[str] | None, typer.Option(help="zh or en; repeat for both. Default: zh and en.")
    ] = None,
    file_format: Annotated[
        list[str] | None,
        typer.Option("--format", help="html, pdf, csv, fhir; repeat for several. Default: all."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    standard: Annotated[
        list[str] | None,
        typer.Option(help="who_2000_2025, china_2020; repeat for both. Default: both."),
    ] = None,
    ages: Annotated[
        str, typer.Option(help="Ages between which rates are standardised, e.g. 35-74.")
    ] = "35-74",
) -> None:
    """Write reports of a scored cohort: HTML, PDF, CSV tables, FHIR MeasureReport and Group.

    Reports are made from counts alone. Counts from 1 to 4, and those that would give them
    away, are hidden. The PDF needs a font with Chinese glyphs (Debian: fonts-noto-cjk).
    """
    from risk_models.cohort.report.content import ReportRequest
    from risk_models.cohort.report.files import FORMATS, write_reports
    from risk_models.cohort.report.texts import LANGUAGES
    from risk_models.cohort.standardise import STANDARDS

    languages = _of(language, LANGUAGES, "--language")
    formats = _of(file_format, FORMATS, "--format")
    request = ReportRequest(
        title,
        tuple(STANDARDS[name] for name in _of(standard, tuple(STANDARDS), "--standard")),
        _ages(ages),
        date.today().isoformat(),  # noqa: DTZ011 - the reader's own day
    )
    with progress_bars() as progress:
        task = progress.add_task("reporting", total=None)
        written = write_reports(
            folder,
            request,
            languages,
            formats,
            lambda stage, done, total: progress.update(
                task, description=STAGES[stage], completed=done, total=total or None
            ),
        )
    for path in written:
        out.print(escape(str(path)), highlight=False)


@cohort.command()
def followup(
    folder: Annotated[Path, typer.Argument(help="Folder that cohort score wrote.")],
    target: Annotated[Path, typer.Argument(help="CSV file to write.")],
) -> None:
    """Write the list of people to be seen: identifier, district, due day, reasons; no more.

    The list names people. It goes only to who calls them in.
    """
    from risk_models.cohort.run import read_manifest, write_followup

    read_manifest(folder)
    out.print(f"{write_followup(folder, target)} people in {escape(str(target))}")


@cohort.command()
def explain(
    folder: Annotated[Path, typer.Argument(help="Folder that cohort score wrote.")],
    person: Annotated[
        str | None,
        typer.Argument(help="Identifier of a person; if left out, why people are not scored."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Say why people are not scored, or where one person's numbers come from.

    For a person: every value with its row and day, every outcome with the share of each risk
    factor, and the cells that were not used.
    """
    from risk_models.cohort.run import read_counts, read_manifest

    read_manifest(folder)
    if person is None:
        counts = read_counts(folder)
        rows = [
            {"equation": equation, "reason": problem or "scored", "people": count}
            for equation, problem, count in counts.problems.sort(
                "equation", "count", descending=[False, True]
            ).iter_rows()
        ]
        print_rows(rows, ("equation", "reason", "people"), as_json=json_output)
        return
    _explain_person(folder, person, json_output)


def _explain_person(folder: Path, person: str, json_output: bool) -> None:
    from risk_models.cohort.one_person import explain_person

    told = explain_person(folder, person)
    values = [asdict(value) for value in told.values]
    outcomes = [
        {
            "equation": one.equation,
            "outcome": one.outcome,
            "value": None if one.value is None else round(one.value, 6),
            "class": one.category,
            "problems or cautions": one.problems if one.value is None else one.cautions,
        }
        for one in told.outcomes
    ]
    shares = [
        {"equation": one.equation, "factor": part.factor, "share": part.value}
        for one in told.outcomes
        if one.explanation is not None
        for part in one.explanation.contributions
    ]
    if json_output:
        content = {
            "record": values,
            "outcomes": outcomes,
            "shares": shares,
            "issues": list(told.issues),
        }
        print(json.dumps(content, ensure_ascii=False, default=str))  # noqa: T201
        return
    print_rows(values, ("field", "value", "unit", "origin"), as_json=False)
    print_rows(
        outcomes, ("equation", "outcome", "value", "class", "problems or cautions"), as_json=False
    )
    for one in told.outcomes:
        for part in () if one.explanation is None else one.explanation.contributions:
            out.print(
                f"{one.equation}: {part.factor} {100 * part.value:+.2f} points", highlight=False
            )
    if told.issues:
        print_rows(told.issues, ("source_row", "field", "issue", "cell", "hint"), as_json=False)


def _of(chosen: list[str] | None, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    wrong = [name for name in chosen or () if name not in known]
    if wrong:
        raise typer.BadParameter(f"{option} {wrong[0]!r}; there are: {', '.join(known)}")
    return tuple(chosen or known)


def _ages(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    if not (low.isdigit() and high.isdigit()) or not 15 <= int(low) < int(high) or int(low) % 5:
        raise typer.BadParameter(
            f"--ages {text!r}; write for example 35-74: from a multiple of five, 15 or above"
        )
    return int(low), int(high)
