"""``clinical-ai bridge``: the DICOM side, for PACS administrators."""

from contextlib import closing
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, peer_named, print_rows, settings_of
from clinical_ai.commands.deidentify import deidentify
from clinical_ai.commands.deliveries import deliveries
from clinical_ai.commands.hl7 import hl7, orders
from clinical_ai.commands.retrieve import retrieve
from clinical_ai.commands.tokens import token
from pacs_bridge.errors import AssociationRejectedError, PeerError
from pacs_bridge.send import echo as echo_peer

bridge = typer.Typer(no_args_is_help=True, help="DICOM nodes and queues, for PACS administrators.")
bridge.add_typer(retrieve)
bridge.add_typer(deidentify)
bridge.add_typer(deliveries)
bridge.add_typer(token, name="token")
bridge.add_typer(hl7, name="hl7")
bridge.add_typer(orders)


@bridge.command()
def echo(
    ctx: typer.Context,
    peer: Annotated[
        str | None,
        typer.Argument(help="Name of a peer, or AETITLE@host:port; our listener if left out."),
    ] = None,
) -> None:
    """Verify a peer by C-ECHO; exit code 1 with the reason when it does not answer."""
    settings = settings_of(ctx)
    one = peer_named(settings, peer)
    try:
        seconds = echo_peer(one, settings.dicom.ae_title)
    except PeerError as error:
        if peer is not None:
            raise
        raise PeerError(f"{error}; {_cure(error, settings.dicom.ae_title)}") from error
    out.print(
        f"{escape(one.ae_title)} at {escape(one.host)}:{one.port} answered in {seconds:.3f} s",
        highlight=False,
    )


def _cure(error: PeerError, ae_title: str) -> str:
    """Say what to do when our own listener does not answer us."""
    if isinstance(error, AssociationRejectedError):
        return f"it runs, but to test it from here, {ae_title} must be in dicom.allowed_calling"
    return "start it with `clinical-ai listen`"


SENDER_COLUMNS = (
    "ae_title",
    "known",
    "instances",
    "megabytes",
    "refused",
    "last_at",
    "last_hour",
    "last_day",
    "open",
    "mean_ms",
    "mb_per_s",
)


@bridge.command()
def peers(
    ctx: typer.Context,
    days: Annotated[float, typer.Option(min=0.01, help="Look back so many days.")] = 7.0,
    json_output: JsonOption = False,
) -> None:
    """Show who sent what, and how fast they are served.

    Counts are of the archive and the quarantine, whatever was restarted since. Open
    associations, mean answer time and megabytes a second are of the listener that runs now, if
    metrics_port is set, and only for senders that the settings name.
    """
    from clinical_ai.senders import sender_statistics
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        rows = sender_statistics(services, days)
    print_rows([row.shown() for row in rows], SENDER_COLUMNS, as_json=json_output)
