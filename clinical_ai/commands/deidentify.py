"""``clinical-ai bridge deidentify``: copies for research, without identity."""

import json
import sys
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clinical_ai.commands.common import JsonOption, out, settings_of

if TYPE_CHECKING:  # loaded by the command itself, so that others start fast
    from clinical_ai.research_export import Exported, Request

deidentify = typer.Typer()

_STATES = {
    "exported": "exported",
    "flagged": "held back: may show text or a person (look, then use --include-flagged)",
    "refused": "refused",
    "unreadable": "unreadable",
    "identified": "NOT exported: identifying values were found in the result",
}
_KEPT = "What to keep"
_FILES = "Files"


@deidentify.command("deidentify")
def deidentify_command(
    ctx: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[SOURCE] OUT",
            help="A DICOM file, folder or zip (left out with --study), and a new folder.",
        ),
    ],
    study: Annotated[
        list[str] | None,
        typer.Option(help="Study Instance UID in the archive, instead of SOURCE; repeatable."),
    ] = None,
    modified_dates: Annotated[
        bool,
        typer.Option(
            "--modified-dates",
            help="Keep dates, all of a patient moved by the same secret number of days.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    patient_characteristics: Annotated[
        bool,
        typer.Option(
            "--patient-characteristics",
            help="Keep sex, age (90 if older), size, weight, smoking status and the like.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    device_identity: Annotated[
        bool,
        typer.Option(
            "--device-identity", help="Keep serial numbers and stations.", rich_help_panel=_KEPT
        ),
    ] = False,
    keep_uids: Annotated[
        bool,
        typer.Option(
            "--uids",
            help="Keep UIDs: whoever has the PACS can find the patient.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    safe_private: Annotated[
        bool,
        typer.Option(
            "--safe-private",
            help="Keep private elements known to hold acquisition parameters.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    descriptions: Annotated[
        bool,
        typer.Option(
            "--descriptions",
            help="Keep descriptions, reduced to common words of radiology (en, zh).",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    words: Annotated[
        Path | None,
        typer.Option(help="As --descriptions, with the phrases of a file.", rich_help_panel=_KEPT),
    ] = None,
    structured_content: Annotated[
        bool,
        typer.Option(
            "--structured-content",
            help="Export structured reports, reduced to codes and numbers.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    graphics: Annotated[
        bool,
        typer.Option(
            "--graphics", help="Keep drawn annotations, without text.", rich_help_panel=_KEPT
        ),
    ] = False,
    include_flagged: Annotated[
        bool,
        typer.Option(
            "--include-flagged",
            help="Export ultrasound, photographs and screen captures too: after somebody has "
            "looked at all of them.",
            rich_help_panel=_KEPT,
        ),
    ] = False,
    blackout: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of rectangles to black out, by device and image size.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Key file; made if absent. Default: deidentify.key in the data folder.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    project: Annotated[
        str,
        typer.Option(
            help="Exports of different projects cannot be linked.", rich_help_panel=_FILES
        ),
    ] = "",
    report: Annotated[
        Path | None,
        typer.Option(
            help="CSV or .json of what became of each file. Default: OUT.report.csv.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(help="CSV of old and new IDs and UIDs; secret.", rich_help_panel=_FILES),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Copy DICOM objects for research, without identity (DICOM PS3.15 Basic Profile).

    Every copy is searched for the patient's identifying values before it is kept; see
    docs/deidentify.md for what this can find and what it cannot. Exit code 1 if anything
    identifying was found, or nothing exported. Example:
    clinical-ai bridge deidentify --modified-dates --patient-characteristics STUDIES OUT
    """
    from clinical_ai.research_export import Request, default_key_file, export_path, export_studies
    from clinical_ai.services import open_services
    from pacs_bridge.deidentify.allow_list import read_allow_list, standard_allow_list
    from pacs_bridge.deidentify.options import Options

    settings = settings_of(ctx)
    if len(paths) != (1 if study else 2):
        raise typer.BadParameter("give SOURCE and OUT, or --study UID and OUT alone")
    request = Request(
        out=paths[-1],
        options=Options(
            modified_dates=modified_dates,
            patient_characteristics=patient_characteristics,
            device_identity=device_identity,
            uids=keep_uids,
            safe_private=safe_private,
            descriptors=(
                read_allow_list(words) if words else standard_allow_list() if descriptions else None
            ),
            structured_content=structured_content,
            graphics=graphics,
        ),
        key_file=key or default_key_file(settings),
        project=project,
        blackout_file=blackout,
        include_flagged=include_flagged,
        report_file=report,
        mapping_file=mapping,
    )
    columns = (TextColumn("exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("export", total=None)

        def on_progress(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        if study:
            with closing(open_services(settings)) as services:
                done = export_studies(services, request, study, on_progress)
        else:
            done = export_path(request, paths[0], on_progress)
    _print(done, request, as_json=json_output)
    sys.exit(0 if done.count("exported") and not done.count("identified") else 1)


def _print(done: "Exported", request: "Request", *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(done), ensure_ascii=False))  # noqa: T201
        return
    counts = Counter(report.state for report in done.reports)
    lines = [f"{counts[state]} {text}" for state, text in _STATES.items() if counts[state]]
    if done.skipped:
        lines.append(f"{len(done.skipped)} left out: not DICOM objects")
    reasons = Counter(r.reason for r in done.reports if r.state != "exported" and r.reason)
    lines += [f"  {count} x {reason}" for reason, count in reasons.most_common(10)]
    lines.append(f"report: {request.report} (it names files of the hospital; do not give it away)")
    if done.new_key:
        lines.append(
            f"new key: {request.key_file}; keep it and make a copy: without it, later exports of "
            "the same patients do not fit this one"
        )
    for line in lines:
        out.print(escape(line), highlight=False, soft_wrap=True)
