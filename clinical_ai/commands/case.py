"""``clinical-ai case``: cases of the multidisciplinary board."""

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of

if TYPE_CHECKING:  # loaded by the commands themselves, so that others start fast
    from clinical_ai.case_board.cases import Case

case = typer.Typer(
    no_args_is_help=True,
    help="Cases of the multidisciplinary board: a patient's studies, readings, record and risk, "
    "open questions, opinions and a conclusion; see docs/case_board.md.",
)
Number = Annotated[int, typer.Argument(metavar="CASE", help="Number of the case.")]
User = Annotated[str, typer.Option(prompt=True, help="Account under whose name it stands.")]
Password = Annotated[
    str, typer.Option(prompt=True, hide_input=True, help="Asked for; better not on the line.")
]
Words = Annotated[str, typer.Option("--text", prompt="Text", help="What is to be written.")]


@case.command("open")
def case_open(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Study Instance UID; its patient is the case's.")],
    question: Annotated[str, typer.Option(prompt=True, help="What is to be decided.")],
    username: User,
    password: Password,
) -> None:
    """Open a case on the patient of a study."""
    from clinical_ai.accounts import authenticate
    from clinical_ai.case_board.cases import open_case
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        account = authenticate(services.engine, username, password)
        made = open_case(services.engine, study, account, question)
    out.print(f"case {made.id} is open; see: clinical-ai case show {made.id}", highlight=False)


@case.command("list")
def case_list(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Closed cases too.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List cases, the newest first."""
    from clinical_ai.case_board.cases import list_cases
    from clinical_ai.case_board.rows import LIST_COLUMNS, case_row
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        cases = list_cases(services.engine)
    rows = [case_row(c) for c in cases if everything or c.state == "open"]
    print_rows(rows, LIST_COLUMNS, as_json=json_output)


@case.command("show")
def case_show(ctx: typer.Context, number: Number, json_output: JsonOption = False) -> None:
    """Show a case: studies and readings, record and risk, and all that was said."""
    import getpass

    from clinical_ai.case_board import rows
    from clinical_ai.case_board.cases import view_case
    from clinical_ai.case_board.gather import gather
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        found = view_case(services.engine, number, f"shell:{getpass.getuser()}")
        board = gather(services, found)
    row, studies = rows.case_row(found), rows.study_rows(board)
    said, record = rows.entry_rows(found), rows.record_row(board)
    if json_output:
        whole = {**row, "studies": studies, "entries": said, **record, "left_out": board.left_out}
        print(json.dumps(whole, ensure_ascii=False))  # noqa: T201
        return
    print_rows([row], rows.LIST_COLUMNS, as_json=False)
    print_rows(studies, rows.STUDY_COLUMNS, as_json=False)
    print_rows([record], tuple(record), as_json=False)
    print_rows(said, rows.ENTRY_COLUMNS, as_json=False)
    if board.left_out:
        out.print(
            f"{len(board.left_out)} studies with the same patient number, but another name, birth "
            "date or sex, are not shown",
            highlight=False,
        )
    if not found.intact:
        out.print("the entries are NOT as they were written; ask who changed the database")


@case.command("question")
def case_question(
    ctx: typer.Context, number: Number, text: Words, username: User, password: Password
) -> None:
    """Add an open question."""
    from clinical_ai.accounts import authenticate
    from clinical_ai.case_board.cases import add_question
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        account = authenticate(services.engine, username, password)
        _told(add_question(services.engine, number, account, text))


@case.command("opinion")
def case_opinion(
    ctx: typer.Context, number: Number, text: Words, username: User, password: Password
) -> None:
    """Add an opinion under the name of an account; it cannot be changed or taken back."""
    from clinical_ai.accounts import authenticate
    from clinical_ai.case_board.cases import add_opinion
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        account = authenticate(services.engine, username, password)
        _told(add_opinion(services.engine, number, account, text))


@case.command("close")
def case_close(
    ctx: typer.Context, number: Number, text: Words, username: User, password: Password
) -> None:
    """Close a case with a conclusion; nothing can be added until it is opened again."""
    from clinical_ai.accounts import authenticate
    from clinical_ai.case_board.cases import close_case
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        account = authenticate(services.engine, username, password)
        _told(close_case(services.engine, number, account, password, text))


@case.command("reopen")
def case_reopen(
    ctx: typer.Context, number: Number, text: Words, username: User, password: Password
) -> None:
    """Open a closed case again, with the reason; its conclusion stays in the record."""
    from clinical_ai.accounts import authenticate
    from clinical_ai.case_board.cases import reopen_case
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        account = authenticate(services.engine, username, password)
        _told(reopen_case(services.engine, number, account, password, text))


def _told(found: "Case") -> None:
    last = found.entries[-1]
    out.print(f"case {found.id}: {last.kind} {last.number} added; {found.state}", highlight=False)
