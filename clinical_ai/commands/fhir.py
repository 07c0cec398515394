"""``clinical-ai fhir``: servers that records come from and results go to."""

import json
import sys
from contextlib import closing
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of
from clinical_ai.fhir_settings import FhirServerSettings
from clinical_ai.settings import Settings

fhir = typer.Typer(
    no_args_is_help=True,
    help="FHIR servers: records from them, results to them; settings in docs/fhir.md.",
)
QUEUE_COLUMNS = ("id", "server", "state", "attempts", "key", "created_at", "due_at", "last_error")
DEAD_COLUMNS = ("id", "server", "attempts", "key", "subject", "created_at", "last_error")
ServerArgument = Annotated[str, typer.Argument(help="Name of a server in fhir_servers.")]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="Name of a server in fhir_servers.")
]


class TransactionState(StrEnum):
    """States of a transaction to send."""

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


@fhir.command()
def echo(ctx: typer.Context, server: ServerArgument) -> None:
    """Ask a server what it offers, sign in and search; exit code 1 when it does not let us.

    Exit code 1 too when it lacks what the settings need of it.
    """
    from clinical_ai.records.fhir.echo import echo as ask

    told = ask(server, _server(settings_of(ctx), server))
    out.print(
        f"{escape(server)} (FHIR {escape(told.fhir_version or 'of unknown version')}) answered "
        f"and let us in, in {told.seconds:.3f} s",
        highlight=False,
    )
    for one in told.lacking:
        out.print(f"it does not offer {escape(one)}", highlight=False)
    if told.unnamed:
        out.print(f"it does not name {', '.join(told.unnamed)}", highlight=False)
    if told.lacking:
        sys.exit(1)


@fhir.command()
def fetch(
    ctx: typer.Context,
    server: ServerArgument,
    patient: Annotated[
        str, typer.Argument(help="Id of the Patient there, or its number with --number.")
    ],
    number: Annotated[
        bool,
        typer.Option("--number", help="PATIENT is an identifier, such as the patient number."),
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Copy the record of a patient into the local store, and tell what came.

    Only counts are shown; `clinical-ai records show` shows the record. With --number, every
    Patient with that identifier is listed, and the record is copied if there is just one.
    """
    from clinical_ai.records.fhir.copies import RecordServers
    from clinical_ai.records.store import RecordStore
    from clinical_ai.services import open_services

    settings = settings_of(ctx)
    _server(settings, server)
    with closing(open_services(settings)) as services:
        servers = RecordServers(services.engine, settings.fhir_servers)
        if number:
            found = servers.find(server, patient)
            if len(found) != 1:
                out.print(
                    f"{len(found)} Patients of {escape(server)} have that identifier"
                    + "".join(f"\n{escape(one)}" for one in found),
                    highlight=False,
                )
                sys.exit(1)
            patient = found[0]
        copy = servers.refresh(server, patient)
        counts: dict[str, int] = {}
        for one in RecordStore(services.engine).resources(patient, origin=server):
            kind = str(one["resourceType"])
            counts[kind] = counts.get(kind, 0) + 1
    if json_output:
        print(json.dumps({"counts": counts, "missing": copy.missing, "id": patient}))  # noqa: T201
        return
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    out.print(f"copied {sum(counts.values())} resources: {told}", highlight=False)
    if copy.missing:
        out.print(f"not given whole: {', '.join(copy.missing)}", highlight=False)


@fhir.command()
def queue(
    ctx: typer.Context,
    server: ServerOption = None,
    state: Annotated[
        TransactionState | None, typer.Option(help="Only transactions in this state.")
    ] = None,
    show: Annotated[
        int | None, typer.Option(help="Print the Bundle of a transaction; holds patient data.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """List the transactions to send, newest first.

    "last error" may quote what the server answered, and so hold patient data.
    """
    from clinical_ai.fhir_transactions import transaction_row, transactions
    from clinical_ai.records.outgoing import transaction_body
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        if show is not None:
            bundle = json.loads(transaction_body(services.engine, show))
            # As JSON escapes it, so that no letter of it is obeyed by a terminal.
            print(json.dumps(bundle, indent=2))  # noqa: T201
            return
        found = transactions(services, server=server, state=state)
    rows = [transaction_row(one) for one in found]
    print_rows(rows, QUEUE_COLUMNS, as_json=json_output)


@fhir.command("dead-letter")
def dead_letter(
    ctx: typer.Context,
    server: ServerOption = None,
    resend: Annotated[
        str | None,
        typer.Option(help="Send again: the number of a transaction, or 'all' with --server."),
    ] = None,
    drop: Annotated[
        int | None, typer.Option(help="Give up the transaction of this number for good.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Drop without asking.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List transactions that the server refused, with the reason; send them again or drop them.

    What is sent again starts with a fresh count of attempts; not one whose subject has a later
    transaction that arrived, because it would put old content in its place. Both leave an audit
    event.
    """
    from clinical_ai import fhir_transactions as outbox
    from clinical_ai.services import open_services

    if resend is not None and drop is not None:
        raise typer.BadParameter("use either --resend or --drop")
    with closing(open_services(settings_of(ctx))) as services:
        if resend == "all":
            if server is None:
                raise typer.BadParameter("'all' needs --server: which server is ready again?")
            again, superseded = outbox.send_all_again(services, server)
            out.print(f"{again} transactions to {escape(server)} are queued again")
            if superseded:
                out.print(f"{superseded} are not: a later one on their subject has arrived")
        elif resend is not None:
            if not resend.isdigit():
                raise typer.BadParameter(f"{resend!r} is neither 'all' nor a number of the list")
            outbox.send_again(services, int(resend))
            out.print(f"transaction {resend} is queued again")
        elif drop is not None:
            if not yes:
                typer.confirm(f"Never send transaction {drop}?", abort=True)
            outbox.give_up(services, drop)
            out.print(f"transaction {drop} is dropped")
        else:
            found = outbox.transactions(services, server=server, state="dead")
            rows = [outbox.transaction_row(one) for one in found]
            print_rows(rows, DEAD_COLUMNS, as_json=json_output)


def _server(settings: Settings, name: str) -> FhirServerSettings:
    if name not in settings.fhir_servers:
        known = ", ".join(settings.fhir_servers) or "none"
        raise typer.BadParameter(f"{name!r} is not in [fhir_servers]; configured: {known}")
    return settings.fhir_servers[name]
