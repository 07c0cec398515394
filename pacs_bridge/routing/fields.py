"""The attributes that a rule file can name, in one table.

The loader, the JSON Schema and the documentation are all made from it.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["ae", "code", "text", "sop_class"]


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute with text values.

    Parameters
    ----------
    name
        Key in the rule file, and attribute of `StudyFacts`.
    label
        In sentences.
    kind
        Form of the values: AE title, code string, any text or SOP class.
    allowed
        The only values there are; empty when there are too many to list.
    says
        One sentence for the documentation.
    """

    name: str
    label: str
    kind: Kind
    says: str
    allowed: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether upper and lower case differ (VR AE and UI: PS3.5 table 6.2-1)."""
        return self.kind in {"ae", "sop_class"}


FIELDS: dict[str, Field] = {
    f.name: f
    for f in (
        Field("calling_ae", "calling AE", "ae", "AE title that sent the images."),
        Field("called_ae", "called AE", "ae", "Our AE title that the sender called."),
        Field("modality", "modality", "code", "Modality (0008,0060) of the series."),
        Field("body_part", "body part", "code", "Body Part Examined (0018,0015) of the series."),
        Field(
            "laterality",
            "laterality",
            "code",
            "Laterality (0020,0060) or Image Laterality (0020,0062).",
            ("L", "R", "B", "U"),
        ),
        Field(
            "study_description",
            "study description",
            "text",
            "Study Description (0008,1030).",
        ),
        Field(
            "series_description",
            "series description",
            "text",
            "Series Description (0008,103E) of the series.",
        ),
        Field("patient_sex", "sex", "code", "Patient's Sex (0010,0040).", ("M", "F", "O")),
        Field(
            "sop_class",
            "SOP class",
            "sop_class",
            "SOP class of the instances: its UID, or its keyword such as CTImageStorage.",
        ),
    )
}

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
