"""``clinical-ai records matches``: whose record a patient's is, decided by a person."""

import getpass
import json
from contextlib import closing
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of

matches = typer.Typer(
    no_args_is_help=True,
    help="Patients of studies whose record is uncertain: look, accept, reject, revoke. "
    "Nothing is linked or merged without a certain match or a decision; see docs/records.md.",
)
Number = Annotated[int, typer.Argument(help="Number of the question, from the list.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision and audited.")]


@matches.command("list")
def matches_list(
    ctx: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Decided ones too, not only those that wait.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List the patients that wait for a person to name their record."""
    from clinical_ai.records.match_queue import State, list_matches
    from clinical_ai.records.match_rows import LIST_COLUMNS, match_row
    from clinical_ai.services import open_services

    states: tuple[State, ...] = ("waiting", "accepted", "rejected") if everything else ("waiting",)
    with closing(open_services(settings_of(ctx))) as services:
        rows = [match_row(one) for one in list_matches(services.engine, states)]
    print_rows(rows, LIST_COLUMNS, as_json=json_output)


@matches.command("show")
def matches_show(ctx: typer.Context, number: Number, json_output: JsonOption = False) -> None:
    """Show one question: the candidates, what speaks for (+) and against (-) each, decisions."""
    from clinical_ai.records import match_rows
    from clinical_ai.records.match_queue import find_match
    from clinical_ai.records.store import RecordStore
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        one = find_match(services.engine, number)
        candidates = match_rows.candidate_rows(RecordStore(services.engine), one)
    row, decisions = match_rows.match_row(one), match_rows.decision_rows(one)
    if json_output:
        whole = {**row, "candidates": candidates, "decisions": decisions}
        print(json.dumps(whole, ensure_ascii=False))  # noqa: T201
        return
    print_rows([row], match_rows.LIST_COLUMNS, as_json=False)
    print_rows(candidates, match_rows.CANDIDATE_COLUMNS, as_json=False)
    if decisions:
        print_rows(decisions, match_rows.DECISION_COLUMNS, as_json=False)


@matches.command("accept")
def matches_accept(
    ctx: typer.Context,
    number: Number,
    person: Annotated[str, typer.Argument(help="Id of the candidate that is the patient.")],
    reason: Reason,
    origin: Annotated[str, typer.Option(help="Origin of the candidate.")] = "local",
) -> None:
    """Decide that a candidate is the patient."""
    from clinical_ai.records.match_queue import accept
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        one = accept(services.engine, number, origin, person, reason=reason, username=_user())
    out.print(
        f"question {number}: the record of {escape(person)} is the patient's; to read the study "
        f"again with it: clinical-ai studies --retry {one.study_uid}",
        highlight=False,
    )


@matches.command("reject")
def matches_reject(ctx: typer.Context, number: Number, reason: Reason) -> None:
    """Decide that none of the candidates is the patient; a new candidate asks again."""
    from clinical_ai.records.match_queue import reject
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        reject(services.engine, number, reason=reason, username=_user())
    out.print(f"question {number}: none of the candidates is the patient")


@matches.command("revoke")
def matches_revoke(ctx: typer.Context, number: Number, reason: Reason) -> None:
    """Take a decision back; the patient has no record until it is decided again."""
    from clinical_ai.records.match_queue import revoke
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        revoke(services.engine, number, reason=reason, username=_user())
    out.print(f"question {number} waits for a decision again")


def _user() -> str:
    return f"shell:{getpass.getuser()}"
