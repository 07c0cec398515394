"""Where a chest CT differs from what the nodule model was made for, and what that means."""

from pydicom import Dataset

from clinical_ai.bundles.metadata import BundleMetadata
from clinical_ai.messages import N_, Message
from clinical_ai.readers.base import StudyInput

THICK_MM = 2.5  # LUNA16 left out scans above this; the model never saw them
_ADULT_YEARS = 18.0
_FLEISCHNER_YEARS = 35.0


def cautions_of(
    study: StudyInput, header: Dataset, slice_spacing_mm: float, metadata: BundleMetadata
) -> tuple[Message, ...]:
    """Return the cautions to show beside the reading.

    Parameters
    ----------
    header
        Of any slice of the series that was read.
    """
    found: list[Message] = []
    if _is_phantom(header):
        found.append(Message(N_("These are images of a phantom, not of a patient.")))
    thickness = float(header.get("SliceThickness") or slice_spacing_mm)
    if max(thickness, slice_spacing_mm) > THICK_MM + 0.01:
        found.append(
            Message(
                N_(
                    "Slices of {mm} mm are thicker than the model was made for; small nodules "
                    "are missed and sizes are less certain."
                ),
                {"mm": round(max(thickness, slice_spacing_mm), 2)},
            )
        )
    if study.patient_age_years is None:
        found.append(Message(N_("The age of the patient is unknown; the model is for adults.")))
    elif study.patient_age_years < _ADULT_YEARS:
        found.append(
            Message(N_("The patient is not an adult; the model was not made for children."))
        )
    elif study.patient_age_years < _FLEISCHNER_YEARS:
        found.append(Message(N_("The patient is younger than 35; nodules are rarely malignant.")))
    found += [
        Message(
            N_("Weak model: {metric} {value} misses the floor of {floor}."),
            {"metric": result.metric, "value": result.value, "floor": result.floor or 0.0},
        )
        for result in metadata.results
        if result.weak
    ]
    found.append(
        Message(N_("The detection rate on whole scans has been measured on one real scan only."))
    )
    return tuple(found)


def _is_phantom(header: Dataset) -> bool:
    texts = (header.get("PatientID"), header.get("StudyDescription"))
    return any("PHANTOM" in str(text or "").upper() for text in texts)
