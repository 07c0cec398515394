"""``clinical-ai users``: accounts."""

from contextlib import closing
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import out, settings_of

users = typer.Typer(no_args_is_help=True, help="Accounts of the people who review and sign.")


@users.command("add")
def users_add(
    ctx: typer.Context,
    username: str,
    full_name: Annotated[str, typer.Argument(help="As it is to stand under a signed report.")],
    role: Annotated[
        str, typer.Option(help="radiologist, physician, administrator")
    ] = "radiologist",
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)
    ] = "",
) -> None:
    """Add an account; the password is asked for."""
    from clinical_ai.accounts import add_account
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        added = add_account(services.engine, username, full_name, role, password)
    out.print(f"{escape(added.username)} may sign in as {added.role}")


@users.command("password")
def users_password(
    ctx: typer.Context,
    username: str,
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)
    ] = "",
) -> None:
    """Set a new password and lift the lock of an account."""
    from clinical_ai.accounts import set_password
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        set_password(services.engine, username, password)
    out.print("password set")


@users.command("list")
def users_list(ctx: typer.Context) -> None:
    """List accounts."""
    from clinical_ai.accounts import list_accounts
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        for one in list_accounts(services.engine):
            out.print(f"{escape(one.username)}\t{escape(one.full_name)}\t{one.role}")
