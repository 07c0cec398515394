"""The code table against pydicom's copy of PS3.16, and against itself."""

import re

import pytest
from pydicom.sr._concepts_dict import concepts

from clinical_ai import codes
from clinical_ai.codes import Code

TABLE = {name: code for name, code in vars(codes).items() if isinstance(code, Code)}

# SNOMED CT concepts and LOINC terms that PS3.16 does not use; their sources stand beside them
# in codes.py.
BEYOND_PS3_16 = {
    "RIGHT_LUNG",
    "LEFT_LUNG",
    "LUNG_NODULE",
    "RISK_ASCVD_10Y_PCE",
    "RISK_CVD_10Y_FRAMINGHAM",
    "DIABETIC_RETINOPATHY_SCREENING",
    "DIABETIC_FOOT_EXAMINATION",
    "URINE_ALBUMIN_CREATININE_RATIO",
    "EGFR_CREATININE",
    "SCREENING_CHEST_CT",
    "HBA1C",
    "LIPID_PANEL",
}
# RadLex and UMLS are in PS3.16 only in part; their sources stand beside them too.
PUBLISHED = {"SCT", "DCM", "UCUM", "LN"}


def known_meanings(code: Code) -> set[str]:
    """Return the meanings that PS3.16 gives this code value."""
    return {
        meanings[code.value][0].casefold()
        for meanings in concepts.get(code.scheme, {}).values()
        if code.value in meanings
    }


@pytest.mark.parametrize("name", [n for n, c in TABLE.items() if c.scheme in PUBLISHED])
def test_every_code_of_a_published_scheme_means_what_ps3_16_says(name: str) -> None:
    code = TABLE[name]
    known = known_meanings(code)
    if name in BEYOND_PS3_16:
        assert not known, f"{name} is in PS3.16 now: compare it and leave BEYOND_PS3_16"
        return
    assert code.meaning.casefold() in known


def test_only_known_schemes_are_used() -> None:
    allowed = {"SCT", "DCM", "UCUM", "LN", "UMLS", "RADLEX", codes.PRIVATE_SCHEME}
    assert {code.scheme for code in TABLE.values()} <= allowed


def test_no_two_constants_stand_for_the_same_concept() -> None:
    pairs = [(code.value, code.scheme) for code in TABLE.values()]
    assert len(pairs) == len(set(pairs))


def test_meanings_are_unique_within_the_table() -> None:
    meanings = [code.meaning.casefold() for code in TABLE.values()]
    assert len(meanings) == len(set(meanings))


@pytest.mark.parametrize("name", TABLE)
def test_code_fits_the_dicom_value_representations(name: str) -> None:
    code = TABLE[name]
    assert 0 < len(code.value) <= 64  # over 16 characters goes into Long Code Value (PS3.3 8.1)
    assert 0 < len(code.scheme) <= 16
    assert 0 < len(code.meaning) <= 64
    if code.scheme == "RADLEX":
        assert re.fullmatch(r"RID\d+", code.value)


def test_lung_rads_categories_run_in_the_order_of_radlex() -> None:
    categories = ["0", "1", "2", "3", "4A", "4B", "4X"]
    names = ["LUNG_RADS", *(f"LUNG_RADS_{category}" for category in categories)]
    assert [TABLE[name].value for name in names] == [f"RID{50134 + i}" for i in range(8)]
