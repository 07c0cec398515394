"""``clinical-ai case``: the multidisciplinary case board."""

import getpass
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of
from clinical_ai.commands.progress import progress_bars
from clinical_ai.formats import iso_moment, visible

if TYPE_CHECKING:
    from clinical_ai.accounts import Account
    from clinical_ai.case_board import Case
    from clinical_ai.services import Services

case = typer.Typer(
    no_args_is_help=True,
    help="Case board: gather a patient's studies, readings, record and risk, record opinions, "
    "and hand the case without identity to a tele-consultation. See docs/case_board.md.",
)
LIST_COLUMNS = ("case", "title", "state", "opened", "by", "studies", "entries")
ENTRY_COLUMNS = ("entry", "at", "kind", "by", "role", "answers", "text")
CaseArgument = Annotated[str, typer.Argument(help="Id of the case; see: clinical-ai case list.")]
ByOption = Annotated[str, typer.Option(help="User name of the clinician who says it.")]


@case.command("open")
def case_open(
    ctx: typer.Context,
    title: Annotated[str, typer.Argument(help="What the case is called; no patient's name.")],
    study: Annotated[list[str], typer.Option(help="Study Instance UID; repeat for several.")],
    question: Annotated[str, typer.Option(help="What is to be decided.")],
    by: ByOption,
) -> None:
    """Open a case about one patient and print its id.

    Asks for the password of the clinician.
    """
    from clinical_ai.case_board import open_case

    with _services(ctx) as services:
        account = _account(services, by, _password())
        opened = open_case(services, account, title, question, study)
    print(opened.id)  # noqa: T201 - alone on standard output, for scripts


@case.command("list")
def case_list(
    ctx: typer.Context,
    closed: Annotated[bool, typer.Option("--closed", help="Closed cases too.")] = False,
    json_output: JsonOption = False,
) -> None:
    """List cases, the newest first."""
    from clinical_ai.case_board import list_cases

    with _services(ctx) as services:
        rows = [
            {
                "case": c.id,
                "title": visible(c.title),
                "state": "open" if c.is_open else "closed",
                "opened": iso_moment(c.opened_at),
                "by": c.opened_by,
                "studies": len(c.study_uids),
                "entries": len(c.entries),
            }
            for c in list_cases(services, closed=closed)
        ]
    print_rows(rows, LIST_COLUMNS, as_json=json_output)


@case.command("show")
def case_show(ctx: typer.Context, case_id: CaseArgument, json_output: JsonOption = False) -> None:
    """Show everything said of a case."""
    from clinical_ai.case_board import view_case

    with _services(ctx) as services:
        found = view_case(services, case_id, f"shell:{getpass.getuser()}")
    if not found.is_intact:
        typer.echo("the entries of this case were altered in the database", err=True)
    rows = [
        {
            "entry": e.number,
            "at": iso_moment(e.at),
            "kind": e.kind,
            "by": visible(e.full_name),
            "role": visible(e.role),
            "answers": "" if e.refers_to is None else str(e.refers_to),
            "text": visible(e.text),
        }
        for e in found.entries
    ]
    print_rows(rows, ENTRY_COLUMNS, as_json=json_output)


@case.command("opinion")
def case_opinion(
    ctx: typer.Context,
    case_id: CaseArgument,
    text: Annotated[str, typer.Argument(help="The opinion.")],
    by: ByOption,
    answers: Annotated[int | None, typer.Option(help="Number of the entry it answers.")] = None,
) -> None:
    """Record an opinion, which can be neither altered nor deleted.

    Asks for the password of the clinician.
    """
    from clinical_ai.case_board import add_opinion

    with _services(ctx) as services:
        entry = add_opinion(services, case_id, _account(services, by, _password()), text, answers)
    out.print(f"recorded as entry {entry.number}", highlight=False)


@case.command("close")
def case_close(
    ctx: typer.Context,
    case_id: CaseArgument,
    conclusion: Annotated[str, typer.Argument(help="What was decided.")],
    by: ByOption,
) -> None:
    """Close a case with a conclusion; asks for the password of the clinician."""
    from clinical_ai.case_board import close_case

    password = _password()
    with _services(ctx) as services:
        close_case(services, case_id, _account(services, by, password), password, conclusion)
    out.print("closed")


@case.command("question")
def case_question(
    ctx: typer.Context,
    case_id: CaseArgument,
    text: Annotated[str, typer.Argument(help="What is to be decided, too.")],
    by: ByOption,
) -> None:
    """Add an open question; asks for the password of the clinician."""
    from clinical_ai.case_board import add_question

    with _services(ctx) as services:
        entry = add_question(services, case_id, _account(services, by, _password()), text)
    out.print(f"recorded as entry {entry.number}", highlight=False)


@case.command("reopen")
def case_reopen(
    ctx: typer.Context,
    case_id: CaseArgument,
    reason: Annotated[str, typer.Argument(help="Why.")],
    by: ByOption,
) -> None:
    """Reopen a closed case; its conclusion stays. Asks for the password of the clinician."""
    from clinical_ai.case_board import reopen_case

    password = _password()
    with _services(ctx) as services:
        reopen_case(services, case_id, _account(services, by, password), password, reason)
    out.print("open again")


@case.command("export")
def case_export(
    ctx: typer.Context,
    case_id: CaseArgument,
    file: Annotated[Path, typer.Argument(help="Zip to be written; must not exist.")],
    free_text: Annotated[
        bool,
        typer.Option(
            "--free-text",
            help="With questions and opinions. Names and numbers are searched for, but people "
            "can be described without either: read them first.",
        ),
    ] = False,
) -> None:
    """Write a case without identity: images, record, summary in Chinese and English, a form.

    Nothing is written when a name, number or birth date of the patient would be in it.
    """
    from clinical_ai.case_bundle.export import export_case

    with _services(ctx) as services, progress_bars() as bars:
        task = bars.add_task("images", total=None)
        written = export_case(
            services,
            _case(services, case_id),
            file,
            f"shell:{getpass.getuser()}",
            free_text=free_text,
            progress=lambda done, total: bars.update(task, completed=done, total=total),
        )
    out.print(f"{written.images} images of patient {written.pseudonym}", highlight=False)
    for reason, count in written.left_out.items():
        out.print(f"left out: {count} files: {escape(reason)}", highlight=False)


@case.command("import")
def case_import(
    ctx: typer.Context,
    case_id: CaseArgument,
    file: Annotated[Path, typer.Argument(help="The filled-in form opinion.json.")],
) -> None:
    """Record the opinion of a tele-consultation."""
    from clinical_ai.case_bundle.imported import import_opinion

    with _services(ctx) as services:
        entry = import_opinion(
            services, _case(services, case_id), file, f"shell:{getpass.getuser()}"
        )
    out.print(f"opinion of {escape(visible(entry.full_name))} recorded", highlight=False)


@contextmanager
def _services(ctx: typer.Context) -> "Iterator[Services]":
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        yield services


def _case(services: "Services", case_id: str) -> "Case":
    from clinical_ai.case_board import find_case

    return find_case(services, case_id)


def _account(services: "Services", username: str, password: str) -> "Account":
    """Return the account under whose name an entry is to stand, once it has signed in."""
    from clinical_ai.accounts import authenticate

    return authenticate(services.engine, username, password)


def _password() -> str:
    answer: str = typer.prompt("Password", hide_input=True, err=True)
    return answer
