"""Which options of PS3.15 Annex E are in force, and the codes that say so in each object."""

from dataclasses import dataclass
from enum import Enum

from pydicom.dataset import Dataset

from pacs_bridge.deidentify.allow_list import AllowList
from pacs_bridge.deidentify.table import EDITION


class Method(Enum):
    """Codes of CID 7050 De-identification Method (PS3.16), coding scheme DCM."""

    BASIC = ("113100", "Basic Application Confidentiality Profile")
    CLEAN_PIXEL_DATA = ("113101", "Clean Pixel Data Option")
    CLEAN_GRAPHICS = ("113103", "Clean Graphics Option")
    CLEAN_STRUCTURED_CONTENT = ("113104", "Clean Structured Content Option")
    CLEAN_DESCRIPTORS = ("113105", "Clean Descriptors Option")
    MODIFIED_DATES = (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    )
    PATIENT_CHARACTERISTICS = ("113108", "Retain Patient Characteristics Option")
    DEVICE_IDENTITY = ("113109", "Retain Device Identity Option")
    UIDS = ("113110", "Retain UIDs Option")
    SAFE_PRIVATE = ("113111", "Retain Safe Private Option")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the Basic Profile that an export asks for; by default none.

    Parameters
    ----------
    modified_dates
        Keep dates, all of one patient moved by the same number of days; times stay.
    patient_characteristics
        Keep sex, age, size, weight, ethnic group, smoking and pregnancy status; an age above
        89 years becomes 90.
    device_identity
        Keep serial numbers, station names and the like, except dates and AE titles.
    uids
        Keep UIDs. The objects can then be found again in the PACS they came from.
    safe_private
        Keep the private elements known to hold acquisition parameters only.
    descriptors
        Keep descriptions as far as they are made of these words; None removes them all.
    structured_content
        Keep structured reports without names, free text and local codes; otherwise they are
        refused.
    graphics
        Keep graphic annotations without their text; otherwise none.
    """

    modified_dates: bool = False
    patient_characteristics: bool = False
    device_identity: bool = False
    uids: bool = False
    safe_private: bool = False
    descriptors: AllowList | None = None
    structured_content: bool = False
    graphics: bool = False

    def methods(self) -> tuple[Method, ...]:
        """Return the methods to be stated in each object, without Clean Pixel Data."""
        chosen = (
            (Method.CLEAN_GRAPHICS, self.graphics),
            (Method.CLEAN_STRUCTURED_CONTENT, self.structured_content),
            (Method.CLEAN_DESCRIPTORS, self.descriptors is not None),
            (Method.MODIFIED_DATES, self.modified_dates),
            (Method.PATIENT_CHARACTERISTICS, self.patient_characteristics),
            (Method.DEVICE_IDENTITY, self.device_identity),
            (Method.UIDS, self.uids),
            (Method.SAFE_PRIVATE, self.safe_private),
        )
        return (Method.BASIC, *(method for method, is_chosen in chosen if is_chosen))


def state_methods(dataset: Dataset, options: Options, *, cleaned_pixels: bool) -> None:
    """Write into the data set what was done to it (PS3.3 C.7.1.1, C.12.1).

    Parameters
    ----------
    cleaned_pixels
        Text burned into the image was blacked out.
    """
    methods = list(options.methods())
    if cleaned_pixels:
        methods.insert(1, Method.CLEAN_PIXEL_DATA)
        dataset.BurnedInAnnotation = "NO"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"DICOM PS3.15 {EDITION} Basic Profile"
    dataset.DeidentificationMethodCodeSequence = [_code_item(m) for m in methods]
    dataset.LongitudinalTemporalInformationModified = (
        "MODIFIED" if options.modified_dates else "REMOVED"
    )


def _code_item(method: Method) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = method.value
    item.CodingSchemeDesignator = "DCM"
    return item
