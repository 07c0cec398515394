"""What every command shares: the console, the settings in force, how a peer is named."""

import json
import signal
import threading
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from clinical_ai.commands.listing import listing
from clinical_ai.peers import dicom_peers, own_peer
from clinical_ai.settings import Settings
from pacs_bridge.peer import Peer

_SIGNAL_SECONDS = 1.0

out = Console()
JsonOption = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def settings_of(ctx: typer.Context) -> Settings:
    """Return the settings that the command line was started with."""
    settings = ctx.obj
    assert isinstance(settings, Settings)
    return settings


def peer_named(settings: Settings, to: str | None) -> Peer:
    """Return the peer that the user means.

    Parameters
    ----------
    to
        A name of the settings, or ``AETITLE@host:port``; None is our own listener.

    Raises
    ------
    typer.BadParameter
        If it is neither.
    """
    if to is None:
        return own_peer(settings)
    if to in settings.peers:
        return dicom_peers(settings)[to]
    if to in settings.web_peers:
        raise typer.BadParameter(f"{to!r} speaks DICOMweb; this needs one of [peers]")
    title, _, address = to.partition("@")
    host, _, port = address.rpartition(":")
    if not (title and host and port.isdigit()):
        raise typer.BadParameter(
            f"{to!r} is neither AETITLE@host:port nor a peer ({', '.join(settings.peers) or 'none'}"
            " configured)"
        )
    return Peer(name=to, ae_title=title, host=host, port=int(port))


def wait_for_signal() -> None:
    """Return when this process is asked to end (SIGINT or SIGTERM)."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # Not without a timeout: Python runs the handler between two calls of the main thread, and a
    # signal that came just before an endless one would wait for ever.
    while not stop.wait(_SIGNAL_SECONDS):
        pass


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """Print the given columns of rows for a terminal, or rows whole as JSON."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, default=str))  # noqa: T201
        return
    out.print(listing(rows, columns, out.width))
