"""``clinical-ai bridge``: the DICOM side, for PACS administrators."""

from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import out, peer_named, settings_of
from clinical_ai.commands.deidentify import deidentify
from clinical_ai.commands.retrieve import retrieve
from clinical_ai.commands.tokens import token
from pacs_bridge.send import echo as echo_peer

bridge = typer.Typer(no_args_is_help=True, help="DICOM nodes and queues, for PACS administrators.")
bridge.add_typer(retrieve)
bridge.add_typer(deidentify)
bridge.add_typer(token, name="token")


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
    seconds = echo_peer(one, settings.dicom.ae_title)
    out.print(
        f"{escape(one.ae_title)} at {escape(one.host)}:{one.port} answered in {seconds:.3f} s",
        highlight=False,
    )
