"""``clinical-ai bridge find``, ``pull`` and ``worklist``: other archives, and what they have."""

import re
from dataclasses import asdict
from typing import Annotated

import typer

from clinical_ai.commands.common import JsonOption, peer_named, print_rows, settings_of
from clinical_ai.settings import Settings
from clinical_ai.sources import dimse_source, source_named
from pacs_bridge.retrieve.matches import StudyQuery
from pacs_bridge.retrieve.source import MAX_STUDIES, Keep, StudySource

retrieve = typer.Typer()

PeerArgument = Annotated[
    str, typer.Argument(help="Name of a peer in the settings, or AETITLE@host:port.")
]
STUDY_COLUMNS = (
    "study_date",
    "modalities",
    "patient_id",
    "patient_name",
    "accession_number",
    "study_description",
    "instance_count",
    "study_uid",
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
