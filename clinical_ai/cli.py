"""The command line: ``clinical-ai run``, ``listen``, ``worker``, ``ui``, ``send``, ...

Exit codes: 0 done; 1 something failed, with the reason on standard error; 2 wrong usage.
"""

import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from sqlalchemy.exc import OperationalError

from clinical_ai import __version__
from clinical_ai.commands.bridge import bridge
from clinical_ai.commands.case import case
from clinical_ai.commands.cohort import cohort
from clinical_ai.commands.common import (
    JsonOption,
    out,
    peer_named,
    print_rows,
    settings_of,
    wait_for_signal,
)
from clinical_ai.commands.fhir import fhir
from clinical_ai.commands.knowledge import knowledge
from clinical_ai.commands.pathways import pathways
from clinical_ai.commands.records import records
from clinical_ai.commands.route import route
from clinical_ai.commands.surveillance import surveillance
from clinical_ai.commands.users import users
from clinical_ai.errors import ClinicalAIError
from clinical_ai.logs import configure_logs
from clinical_ai.settings import load_settings, missing_settings_file
from pacs_bridge.errors import BridgeError
from risk_models.errors import RiskModelError

_log = structlog.get_logger(__name__)

app = typer.Typer(
    name="clinical-ai",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From the PACS to a signed finding: receives DICOM studies, reads them with models, "
    "shows the results for review and sends them back. Settings: clinical-ai.toml or "
    "CLINICAL_AI_... variables; see docs/install.md.",
)
app.add_typer(bridge, name="bridge")
app.add_typer(case, name="case")
app.add_typer(cohort, name="cohort")
app.add_typer(fhir, name="fhir")
app.add_typer(knowledge, name="knowledge")
app.add_typer(pathways, name="pathways")
app.add_typer(records, name="records")
app.add_typer(route, name="route")
app.add_typer(surveillance, name="surveillance")
app.add_typer(users, name="users")
STUDY_COLUMNS = (
    "study_uid",
    "study_date",
    "modalities",
    "instances",
    "version",
    "priority",
    "state",
    "result",
)
REFUSED_COLUMNS = ("received_at", "calling_ae_title", "sop_instance_uid", "reason")


def main() -> None:
    """Entry point of the command ``clinical-ai``."""
    try:
        app()
    except (ClinicalAIError, BridgeError, RiskModelError) as error:
        fail(str(error))
    except OperationalError as error:
        if error.statement is not None:
            raise  # not the connection: a fault of ours, whose traceback is wanted
        reason = str(error.orig).splitlines()[0]
        fail(f"the database cannot be opened: {reason}; check database_url and that it runs")


def fail(reason: str) -> NoReturn:
    """Print `reason` on standard error and end with exit code 1."""
    Console(stderr=True).print(f"clinical-ai: {escape(reason)}", style="red", highlight=False)
    sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="Print the version."),
    ] = False,
) -> None:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    if log_level.upper() not in levels:
        raise typer.BadParameter(f"{log_level!r}; use one of {', '.join(levels)}")
    configure_logs(log_level.upper())
    ctx.obj = load_settings()
    missing = missing_settings_file()
    if missing is not None:
        _log.warning("settings.file_missing", file=str(missing), cure="correct CLINICAL_AI_CONFIG")


@app.command()
def run(
    ctx: typer.Context,
    study: Annotated[
        list[Path] | None,
        typer.Option(help="A folder or zip of DICOM to send instead of the demonstration."),
    ] = None,
    demo: Annotated[bool, typer.Option(help="Send the demonstration studies.")] = True,
    exit_when_done: Annotated[
        bool, typer.Option("--exit-when-done", help="Stop when every study sent is read.")
    ] = False,
) -> None:
    """Start listener, worker and page on this machine and send a study through them.

    Without --study, two real mammography cases and a chest CT phantom are sent. Results go
    to the peers in result_peers, or else to a demonstration PACS that is started too.
    """
    from clinical_ai.launcher import run_system

    good = run_system(
        settings_of(ctx),
        study or [],
        lambda line: out.print(escape(line), highlight=False),
        demo=demo,
        exit_when_done=exit_when_done,
    )
    sys.exit(0 if good else 1)


@app.command()
def listen(ctx: typer.Context) -> None:
    """Run the DICOM listener: receive studies, store them, queue complete ones."""
    from clinical_ai.listener import running_listener
    from clinical_ai.services import open_services

    with closing(open_services(settings_of(ctx))) as services, running_listener(services):
        wait_for_signal()


@app.command()
def worker(ctx: typer.Context) -> None:
    """Run a worker: read queued studies and send results to the result peers."""
    from clinical_ai.readers.installed import installed_readers
    from clinical_ai.services import open_services
    from clinical_ai.worker import running_worker

    settings = settings_of(ctx)
    with (
        closing(open_services(settings)) as services,
        running_worker(services, installed_readers(settings)),
    ):
        wait_for_signal()


@app.command()
def ui(ctx: typer.Context) -> None:
    """Serve the review page."""
    # The page is a layer above this package; only the command line, its shell, knows it.
    from importlib import import_module

    import_module("ui.server").serve(settings_of(ctx))


@app.command()
def dicomweb(ctx: typer.Context) -> None:
    """Serve DICOMweb alone (QIDO-RS, WADO-RS, STOW-RS); the review page serves it too.

    Clients need a token: clinical-ai bridge token add NAME --scope read.
    """
    from clinical_ai.dicomweb import ROOT, serve_dicomweb
    from clinical_ai.services import open_services

    settings = settings_of(ctx)
    web = settings.dicomweb
    with closing(open_services(settings)) as services:
        scheme = "https" if web.use_tls else "http"
        out.print(f"DICOMweb: {scheme}://{escape(web.host)}:{web.port}{ROOT}", highlight=False)
        serve_dicomweb(services)


@app.command()
def cds(ctx: typer.Context) -> None:
    """Serve decision support alone (CDS Hooks 2.0); the review page serves it too.

    Clients sign their calls: [cds.clients.NAME] in the settings, see docs/cds_hooks.md.
    """
    from clinical_ai.cds_hooks import ROOT, serve_cds
    from clinical_ai.services import open_services

    settings = settings_of(ctx)
    web = settings.cds
    with closing(open_services(settings)) as services:
        scheme = "https" if web.use_tls else "http"
        out.print(f"CDS Hooks: {scheme}://{escape(web.host)}:{web.port}{ROOT}", highlight=False)
        serve_cds(services)


@app.command("demo-pacs", hidden=True)
def demo_pacs(ctx: typer.Context) -> None:
    """Receive results on the port after the listener's, in place of a PACS."""
    from clinical_ai.launcher import running_demo_pacs

    with running_demo_pacs(settings_of(ctx)):
        wait_for_signal()


@app.command()
def send(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(help="DICOM file, folder or zip.", exists=True)],
    to: Annotated[
        str | None,
        typer.Option(help="AETITLE@host:port, or the name of a peer; our own listener if left out"),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Send DICOM files by C-STORE; exit code 1 when one was refused."""
    from clinical_ai.sending import send_path

    settings = settings_of(ctx)
    peer = peer_named(settings, to)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=None)
        sent = send_path(
            path,
            peer,
            settings.dicom.ae_title,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    if json_output:
        print(json.dumps(asdict(sent), ensure_ascii=False))  # noqa: T201
    else:
        for name, reason in (*sent.skipped, *sent.failed):
            out.print(f"{escape(name)}: {escape(reason)}", highlight=False)
        out.print(f"{sent.sent} sent, {len(sent.failed)} refused, {len(sent.skipped)} left out")
    sys.exit(1 if sent.failed or not sent.sent else 0)


@app.command()
def studies(
    ctx: typer.Context,
    retry: Annotated[
        str | None, typer.Option(help="Study UID to read again, after not read or failed.")
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="Study UID to let go on, when it is held or ignored.")
    ] = None,
    refused: Annotated[
        bool, typer.Option("--refused", help="List the objects that were not taken, and why.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """List studies with the state of their reading; read one again; release a held one.

    --retry asks the routing rules again, so that a changed rule takes effect.
    """
    from clinical_ai.services import open_services
    from clinical_ai.studies_command import (
        refused_rows,
        release_study,
        retry_study,
        study_rows,
    )

    with closing(open_services(settings_of(ctx))) as services:
        if retry is not None:
            retried = retry_study(services, retry)
            out.print(f"attempt {retried.attempt} is {retried.state}")
            return
        if release is not None:
            out.print(f"released; the study is {release_study(services, release)}")
            return
        rows = refused_rows(services) if refused else study_rows(services)
    print_rows(rows, REFUSED_COLUMNS if refused else STUDY_COLUMNS, as_json=json_output)


@app.command()
def models(ctx: typer.Context, json_output: JsonOption = False) -> None:
    """List installed models; exit code 1 when the signature or a digest of one is wrong."""
    from clinical_ai.bundles.bundle import list_bundles

    bundles = list_bundles(settings_of(ctx).bundles_dir)
    if json_output:
        rows = [
            {
                "name": b.name,
                "version": b.version,
                "task": b.task,
                "status": b.status,
                "reason": str(b.reason) if b.reason else None,
            }
            for b in bundles
        ]
        print(json.dumps(rows, ensure_ascii=False))  # noqa: T201
    else:
        table = Table("model", "version", "task", "state")
        for b in bundles:
            table.add_row(b.name, b.version, b.task, escape(str(b.reason or "signed, unaltered")))
        out.print(table)
    sys.exit(1 if any(b.status != "ok" for b in bundles) else 0)


@app.command()
def doctor(ctx: typer.Context, json_output: JsonOption = False) -> None:
    """Check disk, database, ports, models and peers; exit code 1 when something is wrong."""
    from clinical_ai.doctor import examine

    worst = 0
    checks = []
    colours = {"ok": "green", "warning": "yellow", "error": "red"}
    for check in examine(settings_of(ctx)):
        worst = max(worst, int(check.level == "error"))
        checks.append(asdict(check))
        if not json_output:
            cure = f" - {check.cure}" if check.cure else ""
            out.print(
                f"[{colours[check.level]}]{check.level:8}[/] {escape(check.name)}: "
                f"{escape(check.detail)}{escape(cure)}",
                highlight=False,
            )
    if json_output:
        print(json.dumps(checks, ensure_ascii=False))  # noqa: T201
    sys.exit(worst)
