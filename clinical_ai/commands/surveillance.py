"""``clinical-ai surveillance``: count disease events and raise alarms on them."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows
from clinical_ai.commands.progress import progress_bars

if TYPE_CHECKING:
    from risk_models.surveillance.run import Surveillance

surveillance = typer.Typer(
    no_args_is_help=True,
    help="Weekly or monthly counts of disease events, and alarms where they are higher than the "
    "past lets expect. Start with: clinical-ai surveillance run EVENTS --group stroke --out "
    "FOLDER; see docs/surveillance.md.",
)

STAGES = {"read": "reading", "judge": "judging series", "report": "reporting"}
ALARM_COLUMNS = ("period", "group", "district", "method", "observed", "expected", "threshold")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text!r} is not a day such as 2025-06-30") from None


@surveillance.command()
def run(
    events: Annotated[
        Path,
        typer.Argument(
            help="CSV (UTF-8, GBK, GB18030) or Parquet; one row is one event: a date, an ICD-10 "
            "code or a disease name, and if you like district, sex, age."
        ),
    ],
    out_folder: Annotated[
        Path,
        typer.Option(
            "--out", help="Folder for the results; its subfolder records/ holds exact counts."
        ),
    ],
    group: Annotated[
        list[str],
        typer.Option(
            help="What is counted; repeat for several. A group (see: surveillance groups), all, "
            "ICD-10 categories such as I60-I64,G45, or name:NAME for a name used in the table."
        ),
    ],
    by: Annotated[str, typer.Option(help="week (ISO 8601, from Monday) or month.")] = "week",
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="Repeat for several; see: surveillance methods. Default: farrington_flexible."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="First day to be judged, YYYY-MM-DD. Default: the last year."),
    ] = None,
    years: Annotated[
        int, typer.Option(min=1, max=20, help="Past years in Farrington's baseline.")
    ] = 5,
    each_district: Annotated[
        bool, typer.Option("--each-district", help="Judge every district by itself too.")
    ] = False,
    sex: Annotated[str | None, typer.Option(help="Count only male or female.")] = None,
    ages: Annotated[
        str | None, typer.Option(help="Count only these ages, e.g. 60-79, both included.")
    ] = None,
    population: Annotated[
        Path | None,
        typer.Option(help="CSV or Parquet with year, population and, if several, district."),
    ] = None,
    complete_from: Annotated[
        str | None, typer.Option(help="Reporting was complete from this day. Default: first event.")
    ] = None,
    complete_to: Annotated[
        str | None, typer.Option(help="Reporting was complete to this day. Default: last event.")
    ] = None,
    gap: Annotated[
        list[str] | None,
        typer.Option(help="Days not reported, 2023-01-02..2023-01-15; repeat for several."),
    ] = None,
    silence_is_zero: Annotated[
        bool,
        typer.Option(
            "--silence-is-zero",
            help="A period without any event is a zero even where many events are usual.",
        ),
    ] = False,
    no_reset: Annotated[
        bool,
        typer.Option("--no-reset", help="A cumulative sum goes on after an alarm, not from zero."),
    ] = False,
    as_of: Annotated[
        str | None,
        typer.Option(help="Events dated later are refused, YYYY-MM-DD. Default: today."),
    ] = None,
    date_column: Annotated[str | None, typer.Option(help="Column with the date.")] = None,
    code_column: Annotated[str | None, typer.Option(help="Column with the ICD-10 code.")] = None,
    name_column: Annotated[str | None, typer.Option(help="Column with the disease name.")] = None,
    district_column: Annotated[str | None, typer.Option(help="Column with the district.")] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Hide no count: the report stays with the surveillance team."),
    ] = False,
    language: Annotated[
        list[str] | None, typer.Option(help="zh or en; repeat for both. Default: both.")
    ] = None,
    file_format: Annotated[
        list[str] | None,
        typer.Option("--format", help="html, pdf; repeat for both. Default: both."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Count events by week or month, judge the counts, list the alarms with their reasons.

    Writes counts.csv, alarms.csv, surveillance.json and reports with charts. Counts from 1 to 4
    are hidden in them unless you say --exact; exact numbers lie in records/.

    Periods that were not completely reported, such as the week that has just begun, are neither
    judged nor part of a baseline. Rows that cannot be counted (no date, a date in the future, no
    disease) are listed in records/issues.csv; the others are counted.
    """
    from risk_models.cohort.report.texts import LANGUAGES
    from risk_models.surveillance.counts import Coverage, Selection
    from risk_models.surveillance.events import EventColumns
    from risk_models.surveillance.files import FORMATS, write_results
    from risk_models.surveillance.groups import group_named
    from risk_models.surveillance.methods import Options
    from risk_models.surveillance.periods import Period
    from risk_models.surveillance.run import SurveillanceRequest, parse_gap, run_surveillance

    today = date.today()  # noqa: DTZ011 - the reader's own day
    request = SurveillanceRequest(
        source=events,
        groups=tuple(group_named(name) for name in dict.fromkeys(group)),
        methods=tuple(dict.fromkeys(method or ["farrington_flexible"])),
        period=Period(_one(by, tuple(Period), "--by")),
        as_of=_day(as_of, "--as-of") if as_of else today,
        coverage=Coverage(
            _day(complete_from, "--complete-from") if complete_from else None,
            _day(complete_to, "--complete-to") if complete_to else None,
            tuple(parse_gap(text) for text in gap or ()),
            silence_is_zero,
        ),
        columns=EventColumns(date_column, code_column, name_column, district_column),
        selection=Selection(
            None, _one(sex, ("male", "female"), "--sex") if sex else None, _ages(ages)
        ),
        each_district=each_district,
        since=_day(since, "--since") if since else None,
        options=Options(years, not no_reset),
        population=population,
        exact=exact,
    )
    languages = [_one(name, LANGUAGES, "--language") for name in language or LANGUAGES]
    formats = [_one(name, FORMATS, "--format") for name in file_format or FORMATS]
    with progress_bars() as progress:
        task = progress.add_task("reading", total=None)

        def show(stage: str, done: int, total: int) -> None:
            progress.update(task, description=STAGES[stage], completed=done, total=total or None)

        found = run_surveillance(request, show)
        write_results(found, out_folder, languages, formats, today.isoformat(), show)
    _tell(found, out_folder, json_output)


def _tell(found: "Surveillance", folder: Path, json_output: bool) -> None:
    from risk_models.surveillance.results import in_order

    said = Console(stderr=True)
    for note in found.notes:
        said.print(escape(note), highlight=False)
    for kind, count in found.issues_by_kind:
        said.print(f"{count} x {escape(kind)}: see records/issues.csv", highlight=False)
    for result in found.results:
        for problem in result.problems:
            name = result.district or result.series.group.name
            said.print(f"{escape(name)}: {escape(problem)}", highlight=False)
    alarms = in_order(
        [alarm for one in found.results for alarm in one.alarms(exact=found.request.exact)]
    )
    rows = [
        {
            "period": alarm.period,
            "group": alarm.group,
            "district": alarm.district or "",
            "method": alarm.method,
            "observed": "*" if alarm.observed is None else alarm.observed,
            "expected": round(alarm.expected, 1),
            "threshold": "*" if alarm.threshold is None else round(alarm.threshold, 1),
            "reason": alarm.reason,
        }
        for alarm in alarms
    ]
    print_rows(rows, ALARM_COLUMNS, as_json=json_output)
    if not json_output:
        out.print(f"{len(rows)} alarms; reports in {escape(str(folder))}", highlight=False)


@surveillance.command()
def groups(json_output: JsonOption = False) -> None:
    """List the disease groups: their ICD-10 categories, names and sources."""
    from risk_models.surveillance.groups import GROUPS

    rows = [
        {
            "group": group.name,
            "title": group.title,
            "chinese": group.title_zh,
            "icd10": ", ".join(group.icd10),
            "names": ", ".join(group.names),
            "source": group.source,
        }
        for group in GROUPS.values()
    ]
    print_rows(rows, ("group", "title", "chinese", "icd10", "names"), as_json=json_output)


@surveillance.command()
def methods(json_output: JsonOption = False) -> None:
    """List the methods and how many completely reported periods each needs beforehand."""
    from risk_models.surveillance.methods import METHODS, Options
    from risk_models.surveillance.periods import Period

    rows = [
        {
            "method": method.name,
            "title": method.title,
            "weeks_needed": method.needed(Period.WEEK, Options()),
            "months_needed": method.needed(Period.MONTH, Options()),
        }
        for method in METHODS.values()
    ]
    print_rows(rows, ("method", "title", "weeks_needed", "months_needed"), as_json=json_output)


def _one(value: str, known: tuple[str, ...], option: str) -> str:
    if value not in known:
        raise typer.BadParameter(f"{option} {value!r}; there are: {', '.join(known)}")
    return value


def _ages(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    low, _, high = text.partition("-")
    if not (low.isdigit() and high.isdigit() and int(low) <= int(high)):
        raise typer.BadParameter(f"--ages {text!r}; write for example 60-79")
    return int(low), int(high)
