"""``clinical-ai bridge find``, ``pull``, ``worklist``: other archives, and what they have."""

import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from clinical_ai.commands.common import JsonOption, out, peer_named, print_rows, settings_of
from clinical_ai.formats import iso_moment
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.sources import dimse_source, source_named
from pacs_bridge.retrieve.keep import keep_in
from pacs_bridge.retrieve.matches import StudyQuery
from pacs_bridge.retrieve.retrievals import list_retrievals
from pacs_bridge.retrieve.source import MAX_STUDIES, FetchProgress, Keep, StudySource
from pacs_bridge.retrieve.worklist import WorklistQuery, find_scheduled

retrieve = typer.Typer()

PeerArgument = Annotated[
    str, typer.Argument(help="Name of a peer in the settings, or AETITLE@host:port.")
]
STUDY_COLUMNS = (
    "study_uid",
    "study_date",
    "modalities",
    "patient_id",
    "patient_name",
    "accession_number",
    "study_description",
    "instance_count",
)
WORKLIST_COLUMNS = (
    "accession_number",
    "start_date",
    "start_time",
    "modality",
    "station_ae_title",
    "patient_id",
    "patient_name",
    "step_description",
    "step_status",
)
RETRIEVAL_COLUMNS = (
    "id",
    "created_at",
    "purpose",
    "peer",
    "study_uid",
    "state",
    "attempts",
    "instances_done",
    "last_error",
)
_DATES = re.compile(r"(?P<first>[0-9]{8})?(?P<dash>-)?(?P<last>[0-9]{8})?")


def source_for(settings: Settings, peer: str, keep: Keep | None = None) -> StudySource:
    """Return the source that the user means: a name of the settings, or an address."""
    if peer in settings.web_peers:
        return source_named(settings, peer, keep)
    return dimse_source(settings, peer_named(settings, peer), keep)


def date_range(text: str) -> tuple[str, str]:
    """Return first and last date of ``20240101``, ``20240101-``, ``-20241231`` or both.

    Raises
    ------
    typer.BadParameter
        If it is none of these.
    """
    match = _DATES.fullmatch(text)
    if match is None or (match["first"] and match["last"] and not match["dash"]):
        raise typer.BadParameter(f"{text!r}: write 20240101, 20240101-20241231, or one end open")
    first, last = match["first"] or "", match["last"] or ""
    return (first, first) if first and not match["dash"] else (first, last)


@retrieve.command()
def find(
    ctx: typer.Context,
    peer: PeerArgument,
    patient_id: Annotated[str, typer.Option(help="Patient ID; * and ? are wildcards.")] = "",
    name: Annotated[str, typer.Option(help="Patient name, such as WANG* or 王*.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    date: Annotated[
        str, typer.Option(help="Study date or range: 20240101, 20240101-20241231, 20240101-.")
    ] = "",
    modality: Annotated[str, typer.Option(help="Such as CT; studies with such a series.")] = "",
    study: Annotated[str, typer.Option(help="Study Instance UID.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Stop after so many studies.")] = MAX_STUDIES,
    json_output: JsonOption = False,
) -> None:
    """List the studies that a peer has, by C-FIND (or QIDO-RS for a DICOMweb peer).

    Nothing is fetched. Example: clinical-ai bridge find pacs --patient-id 12345 --modality CT
    """
    settings = settings_of(ctx)
    first, last = date_range(date)
    query = StudyQuery(
        patient_id=patient_id,
        patient_name=name,
        accession_number=accession,
        study_uid=study,
        date_from=first,
        date_to=last,
        modality=modality,
    )
    found = source_for(settings, peer).find_studies(query, limit=limit)
    rows = [{**asdict(s), "modalities": " ".join(s.modalities)} for s in found]
    print_rows(rows, STUDY_COLUMNS, as_json=json_output)


class Method(StrEnum):
    """How a study is fetched."""

    MOVE = "move"
    GET = "get"
    WADO = "wado"


@retrieve.command()
def pull(
    ctx: typer.Context,
    peer: PeerArgument,
    study: Annotated[list[str], typer.Argument(help="Study Instance UIDs, see `find`.")],
    series: Annotated[
        list[str] | None, typer.Option(help="Only this series of one study; may be repeated.")
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(
            help="move: the peer sends to our listener, which it must know. get: on our own "
            "association. wado: from a DICOMweb peer. As the peer is set if left out."
        ),
    ] = None,
    keep_only: Annotated[
        bool, typer.Option("--keep-only", help="Archive the studies, do not read them.")
    ] = False,
    max_rate: Annotated[
        float | None, typer.Option(min=0.001, help="At most so many megabytes a second.")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Fetch studies from a peer into the archive; exit code 1 when one did not arrive whole.

    They are read like studies that a device sent, unless --keep-only.
    Example: clinical-ai bridge pull pacs 1.2.840.1 --method get --max-rate 5
    """
    from clinical_ai.pulling import pull as pull_study
    from clinical_ai.pulling import wanted_studies

    settings = settings_of(ctx)
    wanted = wanted_studies(
        peer, study, series or [], keep_only=keep_only, megabytes_per_second=max_rate
    )
    pulled = []
    with closing(open_services(settings)) as services, _progress() as progress:
        source = _source_to_pull(services, peer, method)
        for one in wanted:
            task = progress.add_task(one.study_uid, total=None)

            def show(seen: FetchProgress, task: TaskID = task) -> None:
                progress.update(task, completed=seen.done + seen.failed, total=seen.total)

            pulled.append(pull_study(services, source, one, on_progress=show))
    if json_output:
        print_rows([asdict(one) for one in pulled], (), as_json=True)
    else:
        for result in pulled:
            end = f"not whole: {result.reason}" if result.reason else "arrived"
            out.print(
                f"{result.study_uid}: {result.instances} images, {escape(end)}", highlight=False
            )
    sys.exit(1 if any(result.reason for result in pulled) else 0)


@retrieve.command()
def retrievals(
    ctx: typer.Context,
    json_output: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
) -> None:
    """List what was fetched from peers, or is to be: priors and pulled studies."""
    with closing(open_services(settings_of(ctx))) as services, services.engine.connect() as db:
        rows = [
            {**asdict(row), "created_at": iso_moment(row.created_at)}
            for row in list_retrievals(db, limit=limit)
        ]
    print_rows(rows, RETRIEVAL_COLUMNS, as_json=json_output)


@retrieve.command()
def worklist(
    ctx: typer.Context,
    peer: PeerArgument,
    date: Annotated[
        str, typer.Option(help="Scheduled day or range; today if left out, `all` for any day.")
    ] = "",
    modality: Annotated[str, typer.Option(help="Such as CT.")] = "",
    station: Annotated[str, typer.Option(help="AE title of the device.")] = "",
    patient_id: Annotated[str, typer.Option(help="Patient ID.")] = "",
    accession: Annotated[str, typer.Option(help="Accession number.")] = "",
    json_output: JsonOption = False,
) -> None:
    """List what is scheduled at a RIS: its DICOM modality worklist.

    Example: clinical-ai bridge worklist ris --modality CT
    """
    settings = settings_of(ctx)
    today = datetime.now(UTC).astimezone().strftime("%Y%m%d")
    first, last = ("", "") if date == "all" else date_range(date or today)
    query = WorklistQuery(
        date_from=first,
        date_to=last,
        modality=modality,
        station=station,
        patient_id=patient_id,
        accession_number=accession,
    )
    steps = find_scheduled(dimse_source(settings, peer_named(settings, peer)), query)
    print_rows([asdict(step) for step in steps], WORKLIST_COLUMNS, as_json=json_output)


def _source_to_pull(services: Services, peer: str, method: Method | None) -> StudySource:
    from clinical_ai.pulling import source_to_pull

    settings = services.settings
    if peer in settings.web_peers:
        if method not in (None, Method.WADO):
            raise typer.BadParameter(f"{peer} is a DICOMweb server: its method is wado")
        return source_named(settings, peer, keep_in(services.archive))
    if method is Method.WADO:
        raise typer.BadParameter(f"{peer} is no DICOMweb server: its method is move or get")
    return source_to_pull(services, peer_named(settings, peer), method)


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress
