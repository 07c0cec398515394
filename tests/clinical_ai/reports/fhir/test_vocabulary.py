"""Codes of HL7 against the R4 definitions."""

import pytest

from clinical_ai.reports.fhir import vocabulary
from clinical_ai.reports.fhir.vocabulary import Hl7Code
from tests.support.fhir_definitions import codes_of

TABLE = {name: code for name, code in vars(vocabulary).items() if isinstance(code, Hl7Code)}


@pytest.mark.parametrize("name", TABLE)
def test_every_code_is_one_of_r4_and_says_what_r4_says(name):
    code = TABLE[name]
    assert codes_of(code.system).get(code.value) == code.display
