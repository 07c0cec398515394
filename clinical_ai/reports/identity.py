"""Who makes our result objects, and under which identifiers and times.

Everything here depends on the reading only, so that making an object twice gives the same bytes.
"""

from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from clinical_ai import __version__
from clinical_ai.codes import Code
from clinical_ai.errors import ReportError
from clinical_ai.findings import ModelIdentity, Reading
from clinical_ai.identifiers import derive_uid
from pacs_bridge import DEVICE_CLASS_UID

MANUFACTURER = "clinical-ai"
SOFTWARE_VERSION = __version__

SEG = "SEG"
SR_PRELIMINARY = "SR-preliminary"
SR_FINAL = "SR-final"
SC_PRELIMINARY = "SC-preliminary"
SC_FINAL = "SC-final"
PR_PRELIMINARY = "PR-preliminary"
PR_FINAL = "PR-final"

# High, so that a PACS lists results after the images; one series a kind of object.
SERIES_NUMBERS = {
    SEG: 9101,
    SR_PRELIMINARY: 9102,
    SR_FINAL: 9103,
    SC_PRELIMINARY: 9104,
    SC_FINAL: 9105,
    PR_PRELIMINARY: 9106,
    PR_FINAL: 9107,
}


def instance_uid(reading: Reading, kind: str, *more: str) -> str:
    """Return the SOP Instance UID of a result: by study, content version, reader, model and kind.

    `Reading.id` is itself derived from all but the kind.

    Parameters
    ----------
    *more
        Who signed and when: two people who sign at the same moment make two objects, and
        only the one whose signature was kept is sent. The number of a page.
    """
    return derive_uid(reading.id, kind, *more)


def series_uid(reading: Reading, kind: str) -> str:
    """Return the Series Instance UID of a result."""
    return derive_uid(reading.id, kind, "series")


def model_of(reading: Reading) -> ModelIdentity:
    """Return the model of a reading that was read.

    Raises
    ------
    ReportError
        When there is none: an object must say which algorithm made it.
    """
    if reading.model is None:
        raise ReportError(f"reading {reading.id} names no model, so no result object can be made")
    return reading.model


def local_time(moment: datetime, source: Dataset) -> datetime:
    """Return `moment` in the zone of the study's own times.

    That is its Timezone Offset From UTC (0008,0201), or else the zone of this machine: dates
    and times without a zone are local (PS3.3 C.12.1.1.8).
    """
    offset = str(source.get("TimezoneOffsetFromUTC", "") or "")
    if len(offset) == 5 and offset[0] in "+-" and offset[1:].isdigit():
        minutes = int(offset[1:3]) * 60 + int(offset[3:])
        sign = -1 if offset[0] == "-" else 1
        return moment.astimezone(timezone(sign * timedelta(minutes=minutes)))
    return moment.astimezone()


def reading_time(reading: Reading) -> datetime:
    """Return `Reading.made_at` as a time with its zone.

    Raises
    ------
    ReportError
        When it is not ISO 8601 with a zone.
    """
    try:
        moment = datetime.fromisoformat(reading.made_at)
    except ValueError as error:
        raise ReportError(f"made_at {reading.made_at!r} is not an ISO 8601 time") from error
    if moment.tzinfo is None:
        raise ReportError(f"made_at {reading.made_at!r} has no time zone; add one, such as +00:00")
    return moment


def mark_as_ours(document: Dataset) -> None:
    """Mark an object as made by this software, so that it is known when it comes back."""
    document.ManufacturerDeviceClassUID = DEVICE_CLASS_UID


def settle_times(document: Dataset, *, of: str = "Content") -> None:
    """Replace the times that highdicom takes from the clock by the time of the content.

    Parameters
    ----------
    of
        Beginning of the keywords that hold that time: ``Content`` or ``PresentationCreation``.
    """
    day, time = document[f"{of}Date"].value, document[f"{of}Time"].value
    document.InstanceCreationDate = day
    document.InstanceCreationTime = time
    for item in document.get("ContributingEquipmentSequence", []):
        if item.get("ManufacturerModelName") == "highdicom":
            item.ContributionDateTime = f"{day}{time}"


def dicom_code(code: Code) -> tuple[str, str, str]:
    """Return `code` in the order of highdicom's `CodedConcept`."""
    return code.value, code.scheme, code.meaning
