"""``clinical-ai pathways``: care pathways, what is overdue, and alarms on home readings."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of
from clinical_ai.commands.progress import progress_bars
from clinical_ai.texts import LANGUAGE_NAMES, Language

if TYPE_CHECKING:
    from clinical_ai.follow_up import Progress, Standing
    from clinical_ai.pathways.state import PathwayState
    from clinical_ai.services import Services

pathways = typer.Typer(
    no_args_is_help=True,
    help="Care pathways of chronic diseases: where each person stands, which visits and tests "
    "are overdue, alarms on readings from home. See docs/pathways.md.",
)
LIST_COLUMNS = ("pathway", "title", "stages", "goals", "visits", "tests", "site_intervals")
GOAL_COLUMNS = ("title", "status", "facts")
DUE_COLUMNS = ("what", "every", "interval_by", "last", "due", "status", "days_overdue")
TREND_COLUMNS = ("kind", "days", "readings", "median", "unit", "slope_per_week", "direction")

PathwayOption = Annotated[
    str | None, typer.Option(help="Only this pathway; see: clinical-ai pathways list.")
]
OriginOption = Annotated[
    str | None, typer.Option(help="Source of the record, where several know the same id.")
]
LanguageOption = Annotated[str, typer.Option(help="Words of the pathways: en or zh.")]
OnOption = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="As of this day. Default: today."),
]
PersonArgument = Annotated[
    str, typer.Argument(help="Id of the Patient; see: clinical-ai records list.")
]


@pathways.command("list")
def list_pathways(
    ctx: typer.Context, language: LanguageOption = "en", json_output: JsonOption = False
) -> None:
    """List the pathways in force; site_intervals counts intervals that no source gives."""
    from clinical_ai.follow_up import rules_in_force
    from clinical_ai.follow_up_rows import pathway_rows

    rows = pathway_rows(rules_in_force(settings_of(ctx)), _language(language))
    print_rows(rows, LIST_COLUMNS, as_json=json_output)


@pathways.command()
def check(
    file: Annotated[Path, typer.Argument(help="A pathway file, or alarms.yaml.")],
    json_output: JsonOption = False,
) -> None:
    """Check a file; exit code 1 with every problem, its line and column, when it is bad."""
    from clinical_ai.pathways.definition import AlarmRules, Pathway
    from clinical_ai.pathways.load import ALARMS_FILE, PathwayFileError, read_pathway_file

    try:
        title = (
            read_pathway_file(file, AlarmRules).title
            if file.name == ALARMS_FILE
            else read_pathway_file(file, Pathway).title
        )
    except PathwayFileError as error:
        if json_output:
            problems = [
                {"line": p.place.line, "column": p.place.column, "problem": p.says}
                for p in error.problems
            ]
            print(json.dumps({"good": False, "problems": problems}, ensure_ascii=False))  # noqa: T201
        else:
            for problem in error.problems:
                out.print(escape(str(problem)), highlight=False, soft_wrap=True)
            count = len(error.problems)
            out.print(f"{count} problem{'s' if count > 1 else ''}; this file cannot be used")
        raise typer.Exit(1) from error
    if json_output:
        print(json.dumps({"good": True, "title": title.en}, ensure_ascii=False))  # noqa: T201
    else:
        out.print(f"{escape(title.en)}: good", highlight=False)


@pathways.command()
def state(
    ctx: typer.Context,
    person: PersonArgument,
    pathway: PathwayOption = None,
    on: OnOption = None,
    origin: OriginOption = None,
    language: LanguageOption = "en",
    json_output: JsonOption = False,
) -> None:
    """Show where a person stands: stage and why, goals, what is due, what is missing, trends."""
    from clinical_ai.follow_up_rows import state_row, trend_row

    words = _language(language)
    with _services(ctx) as services:
        found = _standing(services, person, origin, pathway, _day(on))
    if json_output:
        body = {
            "states": [state_row(s, words) for s in found.states],
            "trends": [trend_row(t) for t in found.trends],
        }
        print(json.dumps(body, ensure_ascii=False))  # noqa: T201
        return
    for one in found.states:
        _print_state(one, language)
    if found.trends:
        out.print("[bold]trends of readings from home, daily medians of 3 months[/]")
        print_rows([trend_row(t) for t in found.trends], TREND_COLUMNS, as_json=False)


@pathways.command()
def overdue(
    ctx: typer.Context,
    pathway: PathwayOption = None,
    district: Annotated[str | None, typer.Option(help="Only people of this district.")] = None,
    on: OnOption = None,
    language: LanguageOption = "en",
    limit: Annotated[int, typer.Option(min=1, help="Rows of the table for a terminal.")] = 50,
    csv_output: Annotated[
        bool, typer.Option("--csv", help="All rows as CSV, for a spreadsheet.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List visits and tests past their day, the longest overdue first.

    What the record does not show at all is "never recorded" and comes last: it may have been
    done elsewhere.
    """
    from clinical_ai.follow_up import overdue as overdue_of
    from clinical_ai.follow_up_rows import OVERDUE_COLUMNS, as_csv, overdue_row

    words = _language(language)
    with _services(ctx) as services:
        found = overdue_of(_standings(services, pathway, district, _day(on)))
    rows = [overdue_row(one, words) for one in found]
    if csv_output:
        print(as_csv(rows, OVERDUE_COLUMNS), end="")  # noqa: T201
        return
    print_rows(rows if json_output else rows[:limit], OVERDUE_COLUMNS, as_json=json_output)
    if not json_output:
        people = len({(o.who.origin, o.who.person) for o in found})
        hidden = f"; {len(rows) - limit} more with --csv" if len(rows) > limit else ""
        out.print(f"{len(rows)} overdue, of {people} people{hidden}", highlight=False)


@pathways.command()
def alarms(
    ctx: typer.Context,
    look: Annotated[
        bool, typer.Option(help="First look at the readings of all people for new alarms.")
    ] = True,
    all_alarms: Annotated[
        bool, typer.Option("--all", help="Those already acknowledged too.")
    ] = False,
    on: OnOption = None,
    language: LanguageOption = "en",
    json_output: JsonOption = False,
) -> None:
    """Raise what is new, and list the alarms that nobody has acknowledged.

    Each alarm is raised once. Run it from a timer so that alarms do not wait for somebody to
    look.
    """
    from clinical_ai.follow_up import keep_alarms
    from clinical_ai.follow_up_rows import ALARM_COLUMNS, alarm_row
    from clinical_ai.pathways.alarm_store import open_alarms

    words = _language(language)
    new = 0
    with _services(ctx) as services:
        if look:
            new = keep_alarms(services.engine, _standings(services, None, None, _day(on)))
        with services.engine.connect() as connection:
            rows = [alarm_row(a, words) for a in open_alarms(connection, all_alarms=all_alarms)]
    print_rows(rows, ALARM_COLUMNS, as_json=json_output)
    if not json_output:
        out.print(f"{len(rows)} alarms, {new} of them new", highlight=False)


@pathways.command()
def acknowledge(
    ctx: typer.Context,
    alarm: Annotated[int, typer.Argument(help="Number of the alarm; see: pathways alarms.")],
    by: Annotated[str, typer.Option(help="User name of the person who has seen it.")],
    note: Annotated[str, typer.Option(help="What was done.")] = "",
) -> None:
    """Note who has seen an alarm and what was done; it is no longer listed then."""
    from clinical_ai.accounts import list_accounts
    from clinical_ai.pathways.alarm_store import acknowledge as note_acknowledged
    from pacs_bridge.database import writing

    with _services(ctx) as services:
        names = [a.username for a in list_accounts(services.engine)]
        if by not in names:
            raise typer.BadParameter(f"--by {by!r} is no account; see: clinical-ai users list")
        with writing(services.engine) as connection:
            found = note_acknowledged(connection, alarm, by, note)
    out.print(f"alarm {alarm} ({escape(found.title.en)}) acknowledged by {escape(by)}")


@pathways.command("care-plan")
def care_plan(
    ctx: typer.Context,
    person: PersonArgument,
    pathway: PathwayOption = None,
    on: OnOption = None,
    origin: OriginOption = None,
    language: LanguageOption = "zh",
    send: Annotated[
        bool,
        typer.Option(
            "--send", help="Queue it for the FHIR server that the record is from; else print it."
        ),
    ] = False,
) -> None:
    """Print the pathways a person is on as FHIR R4 CarePlans with Goals: a transaction Bundle.

    They are drafts: a clinician takes them over. With --send the worker delivers them; the same
    plan is sent once.
    """
    import getpass

    from clinical_ai.care_plans import plan_resources, send_care_plan
    from clinical_ai.reports.fhir.bundle import as_json, transaction

    words = _language(language)
    with _services(ctx) as services:
        found = _standing(services, person, origin, pathway, _day(on))
        if send:
            is_new = send_care_plan(services, found, words, f"shell:{getpass.getuser()}")
            told = "queued" if is_new else "this plan was queued before"
            out.print(f"{told}; see: clinical-ai fhir queue")
            return
    resources = plan_resources(found, words)
    if not resources:
        Console(stderr=True).print("the person is on no pathway; see: pathways state", style="red")
        raise typer.Exit(1)
    print(as_json(transaction(resources)).decode())  # noqa: T201


def _print_state(one: "PathwayState", language: str) -> None:
    from clinical_ai.follow_up_rows import due_row, facts_text, missing_text

    words = _language(language)
    where = one.stage.title.in_language(words) if one.stage else f"{one.place} the pathway"
    out.print(f"[bold]{escape(one.pathway.title.in_language(words))}[/]: {escape(where)}")
    lines = {
        "why": facts_text(one.why),
        "exits": "; ".join(e.rule.title.in_language(words) for e in one.exits),
        "red flags": "; ".join(f.rule.title.in_language(words) for f in one.red_flags),
        "missing": missing_text(one.missing),
        "set aside": "; ".join(f"{s.reading.kind}: {s.reason}" for s in one.set_aside),
        "record": "" if one.complete else "a source did not answer; absence means nothing",
    }
    for name, text in lines.items():
        if text:
            out.print(f"  {name}: {escape(text)}", highlight=False)
    if one.goals:
        rows = [
            {
                "title": g.goal.title.in_language(words),
                "status": g.status,
                "facts": facts_text(g.facts),
            }
            for g in one.goals
        ]
        print_rows(rows, GOAL_COLUMNS, as_json=False)
    if one.schedule:
        print_rows([due_row(d, words) for d in one.schedule], DUE_COLUMNS, as_json=False)


@contextmanager
def _services(ctx: typer.Context) -> "Iterator[Services]":
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        yield services


def _standing(
    services: "Services", person: str, origin: str | None, pathway: str | None, on: date
) -> "Standing":
    from clinical_ai.follow_up import person_named, rules_in_force, standing
    from clinical_ai.records.store import RecordStore

    rules = rules_in_force(services.settings).chosen(pathway)
    who = person_named(RecordStore(services.engine), person, origin)
    found = standing(services, rules, who, on)
    assert found is not None  # the store has just told who it is
    return found


def _standings(
    services: "Services", pathway: str | None, district: str | None, on: date
) -> "Iterator[Standing]":
    from clinical_ai.follow_up import rules_in_force, standings
    from clinical_ai.records.store import RecordStore

    rules = rules_in_force(services.settings).chosen(pathway)
    people = [
        person
        for person in RecordStore(services.engine).persons()
        if district in (None, person.demographics.district)
    ]
    with _bar() as progress:
        yield from standings(services, rules, on, persons=people, progress=progress)


@contextmanager
def _bar() -> "Iterator[Progress]":
    with progress_bars() as bars:
        task = bars.add_task("people", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _day(on: datetime | None) -> date:
    return date.today() if on is None else on.date()  # noqa: DTZ011 - the reader's own day


def _language(text: str) -> Language:
    for language in LANGUAGE_NAMES:
        if text == language:
            return language
    raise typer.BadParameter(f"--language {text!r}; write zh or en")
