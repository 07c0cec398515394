"""``clinical-ai records``: patients' records in the local store."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of
from clinical_ai.commands.progress import progress_bars
from clinical_ai.commands.record_matches import matches
from clinical_ai.errors import RecordError
from clinical_ai.formats import visible
from clinical_ai.records.record import Demographics, PersonName

records = typer.Typer(
    no_args_is_help=True,
    help="Patients' records: import FHIR resources, list and show what is known of a patient.",
)
records.add_typer(matches, name="matches")
LIST_COLUMNS = ("person", "name", "sex", "birth_date", "identifiers", "origin")
REFUSED_COLUMNS = ("refused_at", "file", "place", "reason")
FILE_COLUMNS = ("file", "state", "new", "replaced", "unchanged", "refused")
OriginOption = Annotated[
    str | None,
    typer.Option(help="local for what was imported, or the name of a FHIR server."),
]


@records.command("import")
def records_import(
    ctx: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="FHIR R4 files or folders: bundles or single resources (.json), bulk export "
            "(.ndjson, .jsonl), each also with .gz."
        ),
    ],
    origin: Annotated[
        str, typer.Option(help="Name under which the resources are kept, apart from others.")
    ] = "local",
    again: Annotated[
        bool, typer.Option("--again", help="Read also files that were imported whole before.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Import FHIR resources into the local store; exit code 1 when a file failed.

    Importing the same again changes nothing; of two versions of a resource the newer counts,
    whichever comes first. An import that was interrupted is started again. Lines that cannot
    be used are kept aside with file, line and reason: clinical-ai records refused.
    """
    from clinical_ai.records.importing import FileReport, import_files
    from clinical_ai.records.store import RecordStore
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        with progress_bars() as bars:
            task = bars.add_task("records", total=None)

            def show(name: str, done: int, total: int) -> None:
                bars.update(task, description=escape(name), completed=done, total=total)

            reports: list[FileReport] = list(
                import_files(services.engine, paths, origin=origin, again=again, progress=show)
            )
        waiting = RecordStore(services.engine).without_patient(origin=origin)
    failed = [report for report in reports if report.state == "failed"]
    rows = [
        {
            "file": one.name,
            "state": one.state,
            "new": one.put.added,
            "replaced": one.put.replaced,
            "unchanged": one.put.unchanged,
            "older": one.put.older,
            "deleted": one.deleted,
            "refused": one.refused,
            "reason": one.reason,
        }
        for one in reports
    ]
    if json_output:
        print_rows(rows, FILE_COLUMNS, as_json=True)
        sys.exit(1 if failed else 0)
    print_rows(rows, FILE_COLUMNS, as_json=False)
    for one in failed:
        out.print(f"{escape(one.name)}: {escape(one.reason)}", style="red", highlight=False)
    if any(one.refused for one in reports):
        out.print("lines that could not be used are listed by: clinical-ai records refused")
    if waiting:
        out.print(f"{waiting} resources are about a patient whose Patient resource has not come")
    sys.exit(1 if failed else 0)


@records.command("list")
def records_list(
    ctx: typer.Context,
    name: Annotated[str | None, typer.Option(help="Words of the name.")] = None,
    identifier: Annotated[str | None, typer.Option(help="A number of the patient.")] = None,
    birth_date: Annotated[str | None, typer.Option(help="YYYY-MM-DD.")] = None,
    origin: OriginOption = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many at most.")] = 50,
    json_output: JsonOption = False,
) -> None:
    """List the patients of the store, or those for whom all that is given holds."""
    from clinical_ai.records.store import RecordStore
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        found = RecordStore(services.engine).find(
            identifier=identifier,
            birth_date=_day(birth_date),
            name=name,
            origin=origin,
            limit=limit,
        )
    rows = [
        {
            "person": one.person,
            "name": _name(one.demographics.names),
            "sex": one.demographics.sex or "",
            "birth_date": str(one.demographics.birth_date or ""),
            "identifiers": _numbers(one.demographics),
            "origin": one.origin,
        }
        for one in found
    ]
    print_rows(rows, LIST_COLUMNS, as_json=json_output)


@records.command("show")
def records_show(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(help="Id of the patient, as records list shows it.")],
    origin: OriginOption = None,
    values: Annotated[int, typer.Option(min=1, help="Newest values of each measure.")] = 3,
    json_output: JsonOption = False,
) -> None:
    """Show what is known of a patient, each fact with its date and source."""
    from clinical_ai.records.show import record_rows
    from clinical_ai.records.store import RecordStore
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        record = RecordStore(services.engine).record(person, origin=origin)
    if record is None:
        raise RecordError(f"no patient {person!r}; clinical-ai records list shows those there are")
    if json_output:
        print(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())  # noqa: T201
        return
    who = record.demographics
    out.print(
        escape(f"{_name(who.names)}  {who.sex or ''}  {who.birth_date or ''}  {_numbers(who)}"),
        highlight=False,
        style="bold",
    )
    rows = [asdict(row) for row in record_rows(record, values)]
    print_rows(rows, ("what", "value", "on", "source"), as_json=False)


@records.command("refused")
def records_refused(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the newest first.")] = 50,
    json_output: JsonOption = False,
) -> None:
    """List lines and entries of imported files that could not be used, with the reason."""
    from clinical_ai.records.importing import refused_items
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        found = refused_items(services.engine, limit=limit)
    rows = [
        {
            "refused_at": datetime.fromtimestamp(one.refused_at, UTC).isoformat("T", "seconds"),
            "file": visible(one.name),
            "place": one.place,
            "reason": visible(one.reason),
        }
        for one in found
    ]
    print_rows(rows, REFUSED_COLUMNS, as_json=json_output)


@records.command("export")
def records_export(
    ctx: typer.Context,
    to: Annotated[Path, typer.Argument(help="File to write, .ndjson or .ndjson.gz.")],
    person: Annotated[
        list[str] | None, typer.Option(help="Id of a patient; everybody if left out.")
    ] = None,
    origin: OriginOption = None,
) -> None:
    """Write patients' resources to a file that records import reads; nothing is overwritten."""
    from clinical_ai.records.exporting import export_records
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        written = export_records(services.engine, to, persons=person, origin=origin)
    out.print(f"{written.resources} resources of {written.persons} patients")


def _name(names: Sequence[PersonName]) -> str:
    return visible(next((n.text or f"{n.family} {n.given}" for n in names), ""))


def _numbers(who: Demographics) -> str:
    return " ".join(visible(identifier.value) for identifier in who.identifiers)


def _day(written: str | None) -> date | None:
    if written is None:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise typer.BadParameter(f"{written!r} is no date; write it as 1960-05-01") from None
