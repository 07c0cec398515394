"""Which objects cannot be made free of identity, and which a person must look at first."""

from dataclasses import dataclass
from enum import Enum

from pydicom.dataset import Dataset
from pydicom.uid import UID

from pacs_bridge.deidentify.elements import is_assigned
from pacs_bridge.deidentify.options import Options

# SOP classes (PS3.4 table B.5-1).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_RAW_DATA = "1.2.840.10008.5.1.4.1.1.66"
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
# Modalities (PS3.3 C.7.3.1.1.1) whose images often have text burned in, are photographs of
# people, or are scans of paper.
_FLAGGED = frozenset(
    {"DG", "DMS", "DOC", "ECG", "ES", "GM", "IVUS", "OP", "OT", "RF", "SC", "US", "XC"}
)
_HEAD = frozenset({"BRAIN", "EAR", "EYE", "FACE", "HEAD", "HEADNECK", "JAW", "SINUS", "SKULL"})
_SHOWS_FACES = frozenset({"CT", "MR", "PT"})


class Verdict(Enum):
    """What to do with an object."""

    EXPORT = "export"
    FLAGGED = "flagged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and why.

    Parameters
    ----------
    reason
        Without text of the data set; for `Verdict.EXPORT` a note, often empty.
    """

    verdict: Verdict
    reason: str = ""


def judge(
    dataset: Dataset, options: Options, *, own_manufacturer: str, has_blackout: bool
) -> Judgement:
    """Decide on an object by its SOP class and what it says of its pixels.

    Parameters
    ----------
    own_manufacturer
        Manufacturer (0008,0070) of the results that this system makes; empty for none.
    has_blackout
        A rule blacks out the text in it.
    """
    sop_class = str(dataset.get("SOPClassUID", ""))
    kind = _refused_kind(sop_class, options)
    if kind:
        return Judgement(Verdict.REFUSED, kind)
    is_capture = sop_class == _SECONDARY_CAPTURE or sop_class.startswith(f"{_SECONDARY_CAPTURE}.")
    if is_capture and own_manufacturer and dataset.get("Manufacturer") == own_manufacturer:
        return Judgement(Verdict.REFUSED, "a summary image of this system, which shows names")
    if has_blackout:
        return Judgement(Verdict.EXPORT, "text blacked out by a rule")
    burned_in = str(dataset.get("BurnedInAnnotation", "")).strip().upper()
    if burned_in == "YES":
        return Judgement(
            Verdict.REFUSED, "Burned In Annotation is YES and no blackout rule fits the image"
        )
    modality = str(dataset.get("Modality", "")).strip().upper()
    if burned_in != "NO" and "Rows" in dataset and (is_capture or modality in _FLAGGED):
        return Judgement(
            Verdict.FLAGGED, "may show text or a person; nothing says that no text is burned in"
        )
    return Judgement(Verdict.EXPORT, _note(dataset, modality))


def _refused_kind(sop_class: str, options: Options) -> str:
    if not is_assigned(sop_class) or "Storage" not in UID(sop_class).name:
        return "a private or unknown SOP class"
    if sop_class == _RAW_DATA:
        return "raw data, whose content is private"
    if sop_class.startswith(_ENCAPSULATED):
        return "an encapsulated document, whose text cannot be cleaned"
    if sop_class.startswith(_STRUCTURED_REPORTS) and not options.structured_content:
        return "a structured report; ask for clean structured content to have its codes"
    return ""


def _note(dataset: Dataset, modality: str) -> str:
    part = str(dataset.get("BodyPartExamined", "")).strip().upper()
    if modality in _SHOWS_FACES and part in _HEAD:
        return "shows a head: a face can be made from it"
    return ""
