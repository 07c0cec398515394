"""``clinical-ai bridge queue`` and ``dead-letter``: what waits to be sent, and what failed."""

from contextlib import closing
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of

deliveries = typer.Typer()
QUEUE_COLUMNS = (
    "peer",
    "waiting",
    "uncommitted",
    "oldest",
    "sent_today",
    "dead",
    "failing_for",
    "last_error",
)
DEAD_COLUMNS = ("id", "peer", "purpose", "queued", "attempts", "sop_instance_uid", "reason")
PeerOption = Annotated[
    str | None, typer.Option("--peer", help="Name of a peer or DICOMweb server in the settings.")
]


@deliveries.command()
def queue(ctx: typer.Context, peer: PeerOption = None, json_output: JsonOption = False) -> None:
    """Show what waits to be sent to each peer.

    "uncommitted" was sent, but the peer has not yet said that it keeps it; "oldest" counts both.
    "failing for" is since when nothing got through, with the last reason.
    """
    from clinical_ai.deliveries import queue_row, queues
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        rows = [queue_row(one) for one in queues(services, peer)]
    print_rows(rows, QUEUE_COLUMNS, as_json=json_output)


@deliveries.command("dead-letter")
def dead_letter(
    ctx: typer.Context,
    peer: PeerOption = None,
    resend: Annotated[
        str | None,
        typer.Option(help="Send again: the number of a delivery, or 'all' with --peer."),
    ] = None,
    drop: Annotated[
        int | None, typer.Option(help="Give up the delivery of this number for good.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Drop without asking.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List deliveries that were given up, with the reason; send them again or drop them.

    What is sent again starts with a fresh count of attempts. What is dropped is never sent;
    the object itself stays in the data folder. Both leave an audit event.
    """
    from clinical_ai import deliveries as outbox
    from clinical_ai.services import open_services

    if resend is not None and drop is not None:
        raise typer.BadParameter("use either --resend or --drop")
    with closing(open_services(settings_of(ctx))) as services:
        if resend == "all":
            if peer is None:
                raise typer.BadParameter("'all' needs --peer: which peer is ready again?")
            count = outbox.send_all_again(services, peer)
            out.print(f"{count} deliveries to {escape(peer)} are queued again")
        elif resend is not None:
            if not resend.isdigit():
                raise typer.BadParameter(f"{resend!r} is neither 'all' nor a number of the list")
            outbox.send_again(services, int(resend))
            out.print(f"delivery {resend} is queued again")
        elif drop is not None:
            if not yes:
                typer.confirm(f"Never send delivery {drop}?", abort=True)
            dropped = outbox.give_up(services, drop)
            out.print(f"delivery {drop} to {escape(dropped.peer)} is dropped")
        else:
            rows = [outbox.dead_row(one) for one in outbox.dead(services, peer)]
            print_rows(rows, DEAD_COLUMNS, as_json=json_output)
