"""Every coded concept the system uses, in one table, each with the place it was confirmed.

Schemes: SCT = SNOMED CT, LN = LOINC, DCM = DICOM PS3.16, RADLEX, UCUM.
"dict" in a comment means pydicom's own dictionary of PS3.16 codes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept: value, scheme designator as in DICOM PS3.16 table 8-1, and meaning."""

    value: str
    scheme: str
    meaning: str


# Units
MILLIMETER = Code("mm", "UCUM", "mm")  # dict
CUBIC_MILLIMETER = Code("mm3", "UCUM", "cubic millimeter")  # dict
HOUNSFIELD_UNIT = Code("[hnsf'U]", "UCUM", "Hounsfield unit")  # dict

# Measurements
LONG_AXIS = Code("103339001", "SCT", "Long axis")  # dict
SHORT_AXIS = Code("103340004", "SCT", "Short axis")  # dict
MEAN_DIAMETER = Code("81827009", "SCT", "Diameter")  # dict; (long + short) / 2
VOLUME = Code("118565006", "SCT", "Volume")  # dict

# Body sites
LUNG = Code("39607008", "SCT", "Lung")  # dict
RIGHT_LUNG = Code("3341006", "SCT", "Right lung")
LEFT_LUNG = Code("44029006", "SCT", "Left lung")
BREAST = Code("76752008", "SCT", "Breast")  # dict

# Findings
LUNG_NODULE = Code("786838002", "SCT", "Nodule of lung")
