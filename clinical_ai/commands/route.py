"""``clinical-ai route``: routing rules, for PACS administrators."""

import json
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from clinical_ai.commands.common import JsonOption, out, print_rows, settings_of
from pacs_bridge.routing.decision import Decision

route = typer.Typer(
    no_args_is_help=True,
    help="Routing rules: check a file, explain a decision, try rules on studies. See "
    "docs/routing.md.",
)
_TRIAL_COLUMNS = ("study_uid", "modalities", "images", "rule", "actions", "differs")


@route.command()
def check(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A rule file; that of the settings if left out.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Check a rule file; exit code 1 with every problem, its line and column, when it is bad."""
    from clinical_ai.route_command import check_rules, rule_rows
    from pacs_bridge.routing.load import RulesError

    settings = settings_of(ctx)
    chosen = file or settings.routing_file
    if chosen is None:
        raise typer.BadParameter("the settings name no routing_file; give the file to check")
    try:
        loaded = check_rules(settings, chosen)
    except RulesError as error:
        if json_output:
            problems = [
                {"line": p.place.line, "column": p.place.column, "problem": p.says}
                for p in error.problems
            ]
            print(json.dumps({"good": False, "problems": problems}, ensure_ascii=False))  # noqa: T201
        else:
            for problem in error.problems:
                out.print(escape(str(problem)), highlight=False, soft_wrap=True)
            count = len(error.problems)
            out.print(f"{count} problem{'s' if count > 1 else ''}; these rules cannot be used")
        raise typer.Exit(1) from error
    rows = rule_rows(loaded.rules)
    if json_output:
        warnings = [str(w) for w in loaded.warnings]
        print(  # noqa: T201
            json.dumps({"good": True, "warnings": warnings, "rules": rows}, ensure_ascii=False)
        )
        return
    print_rows(rows, ("line", "name", "enabled", "actions"), as_json=False)
    for warning in loaded.warnings:
        out.print(f"warning: {escape(str(warning))}", highlight=False, soft_wrap=True)
    out.print(f"{len(loaded.rules.rules)} rules, good")


@route.command()
def explain(
    ctx: typer.Context,
    study: Annotated[str, typer.Argument(help="Study Instance UID of a study in the archive.")],
    json_output: JsonOption = False,
) -> None:
    """Show which rule decided about a study and why, and what the present rules would do."""
    from clinical_ai.route_command import explain as explain_study
    from clinical_ai.route_command import explanation_row
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services:
        explanation = explain_study(services, study)
    if json_output:
        print(json.dumps(explanation_row(explanation), ensure_ascii=False))  # noqa: T201
        return
    stored = explanation.stored
    if stored is None:
        out.print("no decision is stored: the study has not been complete since routing began")
    else:
        when = datetime.fromtimestamp(stored.decision.decided_at).astimezone()
        out.print(
            f"decision stored {when.isoformat(timespec='seconds')} about content version "
            f"{stored.content_version}, rules {stored.decision.rules_digest or 'none'}:",
            highlight=False,
            soft_wrap=True,
        )
        _print_decision(stored.decision)
        if stored.released_by is not None:
            out.print(f"released by {escape(stored.released_by)}", highlight=False)
    if stored is None or stored.decision.rules_digest != explanation.now.rules_digest:
        out.print(
            f"by the present rules ({explanation.now.rules_digest or 'no file'}), "
            f"{'DIFFERENT' if explanation.differs else 'the same actions'}:"
            if stored
            else "by the present rules:",
            highlight=False,
        )
        _print_decision(explanation.now)
    else:
        out.print("the rules have not changed since")
    for problem in explanation.problems:
        out.print(
            f"the rule file cannot be used as it is: {escape(problem)}",
            highlight=False,
            soft_wrap=True,
        )


def _print_decision(decision: Decision) -> None:
    from clinical_ai.route_command import decision_lines

    for line in decision_lines(decision):
        out.print(escape(f"  {line}"), highlight=False, soft_wrap=True)


@route.command()
def test(
    ctx: typer.Context,
    rules: Annotated[Path, typer.Argument(help="The rule file to try.")],
    path: Annotated[
        Path | None, typer.Argument(help="A DICOM file, a folder or a zip.", exists=True)
    ] = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Try on the newest studies of the archive.")
    ] = False,
    limit: Annotated[int, typer.Option(help="With --archive: how many studies.", min=1)] = 200,
    calling_ae: Annotated[
        str | None, typer.Option(help="Pretend that this AE title sent the studies.")
    ] = None,
    called_ae: Annotated[
        str | None, typer.Option(help="Pretend that this title of ours was called.")
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(help="Pretend that this is the local time.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Show what rules would do with studies, and where that differs from the rules in force.

    Nothing is changed: no study is read, sent or held.
    """
    from clinical_ai.route_command import (
        Pretend,
        check_rules,
        rules_in_force,
        try_on_archive,
        try_on_files,
    )
    from clinical_ai.services import open_services

    if (path is None) is not archive:
        raise typer.BadParameter("give a folder, file or zip, or --archive; one of them")
    settings = settings_of(ctx)
    tried = check_rules(settings, rules).rules
    before = rules_in_force(settings).rules
    pretend = Pretend(calling_ae, called_ae, at)
    if path is not None:
        trials = try_on_files(tried, before, path, pretend)
    else:
        with closing(open_services(settings)) as services:
            trials = try_on_archive(services, tried, before, pretend, limit=limit)
    rows = [trial.row() for trial in trials.trials]
    if json_output:
        print(  # noqa: T201
            json.dumps({"studies": rows, "skipped": trials.skipped}, ensure_ascii=False)
        )
        return
    print_rows(rows, _TRIAL_COLUMNS, as_json=False)
    for row in rows:
        if row["differs"]:
            out.print(
                escape(
                    f"{row['study_uid']}: now by {row['rule_in_force']}: "
                    f"{row['actions_in_force']} -> then by {row['rule']}: {row['actions']}"
                ),
                highlight=False,
                soft_wrap=True,
            )
    for name, reason in trials.skipped:
        out.print(f"{escape(name)}: {escape(reason)}", highlight=False)
    out.print(f"{len(rows)} studies, {sum(row['differs'] for row in rows)} treated differently")


@route.command()
def schema() -> None:
    """Print the JSON Schema of rule files, for editors that check while one types."""
    from pacs_bridge.routing.schema import json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201
