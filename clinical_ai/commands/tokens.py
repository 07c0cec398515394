"""``clinical-ai bridge token``: who may use the DICOMweb server."""

import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of

token = typer.Typer(
    no_args_is_help=True,
    help="Tokens of DICOMweb clients, sent as 'Authorization: Bearer TOKEN'.",
)
_COLUMNS = ("name", "scope", "state", "created", "expires")


@token.command("add")
def token_add(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Who uses it: 1 to 16 letters, digits, dots or hyphens.")
    ],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read (search, retrieve) or write (store); give it twice for both."),
    ] = None,
    days: Annotated[int, typer.Option(help="Until it expires; 0 for never.")] = 365,
) -> None:
    """Make a token and print it once; it cannot be shown again."""
    from clinical_ai.dicomweb_access import add_token
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        secret = add_token(services.engine, name, scope or ["read"], days)
    print(secret)  # noqa: T201 - alone on standard output, for scripts
    typer.echo(f"keep it now: the token of {name} cannot be shown again", err=True)


@token.command("list")
def token_list(ctx: typer.Context, json_output: JsonOption = False) -> None:
    """List the tokens with their scope and state; never the tokens themselves."""
    from clinical_ai.dicomweb_access import list_tokens
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        tokens = list_tokens(services.engine)
    rows = [
        {
            **asdict(one),
            "scope": " ".join(
                s for s, may in (("read", one.may_read), ("write", one.may_write)) if may
            ),
            "state": one.state(time.time()),
            "created": _day(one.created_at),
            "expires": _day(one.expires_at),
        }
        for one in tokens
    ]
    print_rows(rows, _COLUMNS, as_json=json_output)


@token.command("revoke")
def token_revoke(ctx: typer.Context, name: str) -> None:
    """End a token at once."""
    from clinical_ai.dicomweb_access import revoke_token
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        revoke_token(services.engine, name)
    out.print(f"the token of {escape(name)} is refused from now on")


def _day(seconds: float | None) -> str:
    return "never" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
