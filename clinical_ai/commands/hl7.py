"""``clinical-ai bridge hl7`` and ``clinical-ai bridge orders``: the RIS side."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of, wait_for_signal
from clinical_ai.formats import iso_moment
from clinical_ai.peers import hl7_peers
from clinical_ai.settings import Settings

hl7 = typer.Typer(
    no_args_is_help=True,
    help="HL7 v2 messages: results to a RIS, orders from it; settings and tables in docs/hl7.md.",
)
orders = typer.Typer()
QUEUE_COLUMNS = ("id", "peer", "state", "attempts", "control_id", "created_at", "last_error")
RECEIVED_COLUMNS = ("id", "received_at", "message_type", "control_id", "state", "times", "reason")
ORDER_COLUMNS = (
    "accession_number",
    "state",
    "priority",
    "procedure_text",
    "scheduled_at",
    "match",
    "study_uid",
)
IdOption = Annotated[
    int | None, typer.Option(help="Print one message, a segment a line; holds patient data.")
]


class QueueState(StrEnum):
    """States of a message to send."""

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"


class InboxState(StrEnum):
    """States of a received message."""

    APPLIED = "applied"
    ATTENTION = "attention"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"


class MatchState(StrEnum):
    """How an order and a study agree."""

    WAITING = "waiting"
    MATCHED = "matched"
    MISMATCH = "mismatch"


@hl7.command("send-test")
def send_test(
    ctx: typer.Context,
    peer: Annotated[str, typer.Argument(help="Name of a peer among hl7.peers of the settings.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the message, send nothing.")
    ] = False,
) -> None:
    """Send a result of a patient who does not exist; exit code 1 when it is not accepted.

    Patient ID and accession number are CLINICALAI-TEST, so that the RIS answers AE or AR
    unless it knows such an order; the answer is shown either way.
    """
    from clinical_ai.hl7_test_message import make_test_result
    from pacs_bridge.hl7.charset import encode
    from pacs_bridge.hl7.conformance import problem
    from pacs_bridge.hl7.sender import MllpConnection

    settings = settings_of(ctx)
    _check_peer(settings, peer)
    control_id, text = make_test_result(settings, peer, time.time())
    if dry_run:
        _print_message(text)
        return
    if wrong := problem(text):
        out.print(f"the message does not conform to its version: {escape(wrong)}", highlight=False)
    raw = encode(text, settings.hl7.peers[peer].character_set)
    with MllpConnection(hl7_peers(settings)[peer]) as connection:
        started = time.perf_counter()
        answer = connection.exchange(raw, control_id)
        seconds = time.perf_counter() - started
    said = f": {answer.text}" if answer.text else ""
    out.print(
        f"{escape(peer)} answered {answer.code} in {seconds:.3f} s{escape(said)}", highlight=False
    )
    sys.exit(0 if answer.verdict == "accept" else 1)


@hl7.command()
def queue(
    ctx: typer.Context,
    state: Annotated[QueueState | None, typer.Option(help="Only messages in this state.")] = None,
    resend: Annotated[
        int | None, typer.Option(help="Id of a dead or sent message to send again.")
    ] = None,
    show: IdOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the messages to send, newest first, or send one again."""
    from clinical_ai.services import open_services
    from pacs_bridge.hl7.outgoing import list_outgoing, outgoing_body, resend_message

    with closing(open_services(settings_of(ctx))) as services:
        if resend is not None:
            resend_message(services.engine, resend)
            out.print(f"message {resend} is queued again")
            return
        if show is not None:
            _print_raw(outgoing_body(services.engine, show))
            return
        found = list_outgoing(services.engine, state=state)
    rows = [
        {**asdict(m), **_times(created_at=m.created_at, due_at=m.due_at, sent_at=m.sent_at)}
        for m in found
    ]
    print_rows(rows, QUEUE_COLUMNS, as_json=json_output)


@hl7.command()
def received(
    ctx: typer.Context,
    state: Annotated[
        InboxState | None,
        typer.Option(help="Only these; attention: a person must act; quarantined: not taken."),
    ] = None,
    show: IdOption = None,
    json_output: JsonOption = False,
) -> None:
    """List the messages received, newest first, with the reason of those not taken."""
    from clinical_ai.services import open_services
    from pacs_bridge.hl7.inbox import incoming_body, list_incoming

    with closing(open_services(settings_of(ctx))) as services:
        if show is not None:
            _print_raw(incoming_body(services.engine, show))
            return
        found = list_incoming(services.engine, state=state)
    rows = [{**asdict(m), **_times(received_at=m.received_at)} for m in found]
    print_rows(rows, RECEIVED_COLUMNS, as_json=json_output)


@hl7.command()
def listen(ctx: typer.Context) -> None:
    """Receive orders only; clinical-ai listen does it too when hl7.receive.port is set."""
    from clinical_ai.hl7_orders import running_order_receiver
    from clinical_ai.services import open_services

    with (
        closing(open_services(settings_of(ctx))) as services,
        running_order_receiver(services) as receiver,
    ):
        if receiver is None:
            raise typer.BadParameter("set hl7.receive.port to the port to listen on")
        out.print(f"listening for HL7 on port {receiver.port}")
        wait_for_signal()


@orders.command("orders")
def list_all(
    ctx: typer.Context,
    match: Annotated[
        MatchState | None,
        typer.Option(help="Only these; mismatch: the study is of another patient."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """List the orders that the RIS sent, last changed first, with the study of each.

    Names of patients are not shown; the review page shows the reason for the examination.
    """
    from clinical_ai.services import open_services
    from pacs_bridge.hl7.order_index import list_orders

    with closing(open_services(settings_of(ctx))) as services:
        found = list_orders(services.engine, match=None if match is None else match.value)
    rows = []
    for one in found:
        order = asdict(one.order)
        for personal in ("patient_name", "patient_birth_date", "patient_sex", "reason"):
            del order[personal]
        times = _times(created_at=one.order.created_at, updated_at=one.order.updated_at)
        rows.append({**order, **times, "match": one.match, "study_uid": one.study_instance_uid})
    print_rows(rows, ORDER_COLUMNS, as_json=json_output)


def _check_peer(settings: Settings, peer: str) -> None:
    if peer not in settings.hl7.peers:
        known = ", ".join(settings.hl7.peers) or "none"
        raise typer.BadParameter(f"{peer!r} is not in [hl7.peers]; configured: {known}")


def _times(**moments: float | None) -> dict[str, str | None]:
    return {
        name: None if moment is None else iso_moment(moment) for name, moment in moments.items()
    }


def _print_raw(raw: bytes) -> None:
    from pacs_bridge.errors import MessageError
    from pacs_bridge.hl7.charset import UTF_8, decode

    try:
        text, _ = decode(raw, UTF_8)
    except MessageError:
        text = raw.decode("ascii", "backslashreplace")
    _print_message(text)


def _print_message(text: str) -> None:
    """Print a message; control characters, which a terminal would obey, are written out."""
    for line in _lines(text):
        shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
        out.print(escape(shown), highlight=False, soft_wrap=True)


def _lines(text: str) -> Sequence[str]:
    return [line for line in text.replace("\n", "\r").split("\r") if line]
