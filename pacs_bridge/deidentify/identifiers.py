"""Collect the values of a data set that identify somebody; knows nothing of the profile.

The lists here are made by hand from the modules of PS3.3 that describe patients, visits,
orders, staff and institutions, not from table E.1-1, so that a mistake in the profile is not
repeated here.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import UID

from pacs_bridge.deidentify.elements import vr_of

NAME_PART_LETTERS = 2
NUMERIC = frozenset({"AT", "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_SHORTEST_ID = 3
_SHORTEST_TEXT = 4
# Written by de-identifiers (this one too) and by devices in place of a name.
_PLACEHOLDERS = frozenset(
    {"anonymised", "anonymized", "anonymous", "deidentified", "modified", "removed", "unknown"}
)
_SPLIT_NAME = re.compile(r"[\s^=,;.·・\\\-_/()（）]+")

_NUMBERS = (
    "PatientID OtherPatientIDs MedicalRecordLocator AccessionNumber PersonTelephoneNumbers "
    "PatientTelephoneNumbers ReferringPhysicianTelephoneNumbers OrderCallbackPhoneNumber "
    "OrderCallbackTelecomInformation PatientTelecomInformation PersonTelecomInformation "
    "ClinicalTrialSubjectID ClinicalTrialSubjectReadingID"
)
# Often filled with a word such as CHEST; only those with a digit count.
_ORDERS = (
    "StudyID AdmissionID ServiceEpisodeID IssuerOfPatientID InsurancePlanIdentification "
    "PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest "
    "RequestedProcedureID ScheduledProcedureStepID PerformedProcedureStepID ResultsID "
    "InterpretationID ContainerIdentifier SpecimenIdentifier"
)
_TEXTS = (
    "PatientAddress PersonAddress ReferringPhysicianAddress PatientInstitutionResidence "
    "CountryOfResidence RegionOfResidence BranchOfService Occupation PatientReligiousPreference "
    "InstitutionName InstitutionAddress InstitutionalDepartmentName RequestingService "
    "VerifyingOrganization CurrentPatientLocation PerformedLocation ScheduledStudyLocation "
    "OrderEntererLocation ResponsibleOrganization ClinicalTrialSponsorName ClinicalTrialSiteName "
    "PatientTransportArrangements CustodialOrganizationName"
)
_DEVICES = (
    "StationName DeviceSerialNumber PerformedStationName ScheduledStationName PlateID CassetteID "
    "DetectorID GantryID GeneratorID"
)
# UIDs of kinds of things; all others are of this study.
_KIND_UIDS = frozenset(
    [
        "SOPClassUID",
        "ReferencedSOPClassUID",
        "RelatedGeneralSOPClassUID",
        "OriginalSpecializedSOPClassUID",
        "SOPClassesInStudy",
        "SOPClassesSupported",
        "CodingSchemeUID",
        "ContextGroupExtensionCreatorUID",
        "ContextUID",
        "MappingResourceUID",
        "AvailableTransferSyntaxUID",
        "TransferSyntaxUID",
        "MediaStorageSOPClassUID",
        "ImplementationClassUID",
        "MACCalculationTransferSyntaxUID",
        "EncryptedContentTransferSyntaxUID",
        "PertinentSOPClassesInStudy",
        "PertinentSOPClassesInSeries",
    ]
)
_PLACE = "place or organisation"
_KIND_OF = (
    dict.fromkeys(_NUMBERS.split(), "number")
    | dict.fromkeys(_ORDERS.split(), "order number")
    | dict.fromkeys(_TEXTS.split(), _PLACE)
    | dict.fromkeys(_DEVICES.split(), "device")
)


@dataclass(slots=True)
class Identifiers:
    """What must not be found in the output; values normalised by `normal`.

    Parameters
    ----------
    name_parts
        Parts of names of at least two letters.
    values
        Whole values, of at least three characters, by value: what kind of value it is.
    uids
        UIDs of objects, studies, series, devices and the like.
    birth_dates
        As ``YYYYMMDD``.
    dates
        Values of VR DA, DT and TM by the path of their element.
    """

    name_parts: set[str] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    uids: set[str] = field(default_factory=set)
    birth_dates: set[str] = field(default_factory=set)
    dates: dict[str, str] = field(default_factory=dict)


def normal(text: str) -> str:
    """Return `text` in one form: compatibility characters, case and spaces made equal."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def collect(dataset: Dataset, *, source_ae_title: str = "") -> Identifiers:
    """Return the identifying values of all levels of a data set.

    Parameters
    ----------
    source_ae_title
        Of the file meta information.
    """
    found = Identifiers()
    _add_value(found, source_ae_title, "AE title", _SHORTEST_TEXT)
    for path, element in walk_elements(dataset):
        values = values_of(element)
        if element.VR == "PN":
            for value in values:
                _add_name(found, value)
        elif element.VR == "UI":
            if element.keyword not in _KIND_UIDS:
                found.uids.update(
                    v for v in values if len(v) > 6 and UID(v, config.IGNORE).name == v
                )
        elif element.VR in ("DA", "DT", "TM"):
            found.dates[path] = "\\".join(values)
            if element.keyword == "PatientBirthDate":
                found.birth_dates.update(v for v in values if re.fullmatch(r"\d{8}", v))
        elif element.VR == "AE":
            for value in values:
                _add_value(found, value, "AE title", _SHORTEST_TEXT)
        elif element.keyword in _KIND_OF:
            kind = _KIND_OF[element.keyword]
            shortest = _SHORTEST_ID if "number" in kind else _SHORTEST_TEXT
            for value in values:
                if kind != "order number" or re.search(r"\d", value):
                    _add_value(found, value, kind, shortest)
    _drop_makers(found, normal(str(dataset.get("Manufacturer", "") or "")))
    return found


def walk_elements(dataset: Dataset, prefix: str = "") -> Iterator[tuple[str, DataElement]]:
    """Yield every element but numbers and sequences, with its path.

    A path is such as ``(0008,1140)[0](0008,1155)``; items are counted from 0.
    """
    for tag in sorted(dataset.keys()):
        held = dataset.get_item(tag)
        vr = vr_of(held)
        if vr in NUMERIC:
            continue
        element = DataElement(tag, "UN", held.value) if vr == "UN" else dataset[tag]
        path = f"{prefix}{Tag(tag)}".replace(" ", "")
        if element.VR != "SQ":
            yield path, element
            continue
        for number, item in enumerate(element.value):
            yield from walk_elements(item, f"{path}[{number}]")


def values_of(element: DataElement) -> list[str]:
    """Return the values of a text element, without padding."""
    value = element.value
    if value is None:
        return []
    several = [value] if isinstance(value, (str, bytes)) or element.VM == 1 else list(value)
    return [str(v).strip(" \0") for v in several if str(v).strip(" \0")]


def birth_date_forms(birth_date: str) -> set[str]:
    """Return a birth date as people write it, normalised."""
    try:
        day = date(int(birth_date[:4]), int(birth_date[4:6]), int(birth_date[6:]))
    except ValueError:
        return {birth_date}
    forms = {birth_date, f"{day.year}年{day.month}月{day.day}日"}
    for mark in "-/.":
        forms.add(f"{day:%Y}{mark}{day:%m}{mark}{day:%d}")
        forms.add(f"{day:%d}{mark}{day:%m}{mark}{day:%Y}")
        forms.add(f"{day:%m}{mark}{day:%d}{mark}{day:%Y}")
    return forms


def _add_value(found: Identifiers, value: str, kind: str, shortest: int) -> None:
    text = normal(value)
    if len(text) >= shortest and text not in _PLACEHOLDERS:
        found.values.setdefault(text, kind)


def _drop_makers(found: Identifiers, manufacturer: str) -> None:
    """Forget institutions named like the device's maker, as devices come from the factory."""
    for value in [v for v, kind in found.values.items() if kind == _PLACE and v in manufacturer]:
        del found.values[value]


def _add_name(found: Identifiers, name: str) -> None:
    for group in name.split("="):
        parts = [p for p in _SPLIT_NAME.split(normal(group)) if p and p not in _PLACEHOLDERS]
        found.name_parts.update(p for p in parts if len(p) >= NAME_PART_LETTERS)
        # Written together, as Chinese names are; and in either order.
        for first, second in itertools.pairwise(parts):
            for together in (first + second, second + first):
                if len(together) >= NAME_PART_LETTERS:
                    found.name_parts.add(together)
