import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.kinds import ATC, ICD10, LOINC, SNOMED, system_of, vocabulary
from risk_models.cohort.fields import FIELDS, Kind, load_table

TERMS = vocabulary()
ICD = "http://hl7.org/fhir/sid/icd-10"


def table(name):
    text = resources.files("clinical_ai.records.data").joinpath(f"{name}.json").read_text("utf-8")
    return json.loads(text)


def texts(node):
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def luhn(code):
    """The check digit of LOINC (LOINC Users' Guide, appendix C)."""
    digits, _, check = code.rpartition("-")
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 == 0 else digit
        total += doubled - 9 * (doubled > 9)
    return (10 - total % 10) % 10 == int(check)


_DIHEDRAL = [[(a + b) % 5 if a < 5 and b < 5 else 0 for b in range(10)] for a in range(10)]
for a in range(10):
    for b in range(10):
        turn = (a - b if a >= 5 else a + b) % 5
        _DIHEDRAL[a][b] = turn if (a < 5) == (b < 5) else turn + 5
_SHIFT = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def verhoeff(code):
    """The check digit of SNOMED CT (Release File Specification, 5.5)."""
    check = 0
    for place, digit in enumerate(map(int, reversed(code))):
        for _ in range(place % 8):
            digit = _SHIFT[digit]
        check = _DIHEDRAL[check][digit]
    return check == 0


@pytest.mark.parametrize("name", ["measures", "problems", "drugs", "procedures", "answers"])
def test_codes_have_good_check_digits_and_tables_name_their_source(name):
    found = table(name)
    assert found.pop("source")
    # The answers of LOINC (LA...) count their check digit otherwise.
    loinc = {t for t in texts(found) if system_of("", t) == LOINC and not t.startswith("LA")}
    snomed = {t for t in texts(found) if system_of("", t) == SNOMED}
    assert [c for c in sorted(loinc) if not luhn(c)] == []
    assert [c for c in sorted(snomed) if not verhoeff(c)] == []
    assert loinc or snomed or name == "drugs"


def test_the_check_digits_are_checked():
    assert verhoeff("44054006") and not verhoeff("44054007")
    assert luhn("8867-4") and not luhn("8867-5")


def test_every_observation_code_of_the_cohort_means_the_same_here():
    for code, name in load_table("loinc")["codes"].items():
        measure = TERMS.measure_of(LOINC, code)
        assert (measure.name, measure.unit) == (name, FIELDS[name].unit)


def test_every_problem_and_smoking_code_of_the_cohort_means_at_least_that():
    for kind, said in load_table("conditions")["fields"].items():
        for code in said["snomed"]:
            assert kind in TERMS.problem_kinds([(SNOMED, code)]), code
        for code in said["icd10"]:
            assert kind in TERMS.problem_kinds([(ICD10, code)]), code
    for answers in load_table("loinc")["smoking"].values():
        for code, flags in answers.items():
            current = TERMS.smoking[code] == "current"
            assert (current, TERMS.smoking[code] != "never") == (
                flags["current_smoker"],
                flags["ever_smoker"],
            )


def test_every_drug_of_the_cohort_has_a_class():
    classes = set(table("drugs")["classes"])
    for kind, drugs in load_table("medications")["ingredients"].items():
        for drug in drugs:
            found = set(TERMS.drug_kinds(f"{drug} 10 mg"))
            assert kind in found and found & classes, drug


def test_kinds_that_hold_as_well_are_kinds():
    cohort = set(load_table("conditions")["fields"])
    problems = table("problems")["kinds"]
    for said in problems.values():
        assert set(said.get("of", ())) <= cohort | set(problems)
    for measure in TERMS.measures.values():
        if measure.field:
            assert FIELDS[measure.field].kind is Kind.MEASURE


@pytest.mark.parametrize(
    ("system", "code", "kinds"),
    [
        (SNOMED, "44054006", {"diabetes", "diabetes_type_2"}),
        (ICD10, "E11.900", {"diabetes", "diabetes_type_2"}),
        (ICD10, "e11.3", {"diabetes", "diabetes_type_2", "diabetic_retinopathy"}),
        (ICD10, "I63.900x001", {"stroke", "stroke_ischaemic", "ascvd"}),
        (ICD10, "I61.9", {"stroke", "stroke_haemorrhagic"}),
        (ICD10, "G45.900", {"tia"}),
        (ICD10, "J43.9", {"emphysema", "copd"}),
        (ICD10, "C50.911", {"cancer", "breast_cancer"}),
        (ICD10, "N18.31", {"chronic_kidney_disease"}),
        (SNOMED, "22298006", {"myocardial_infarction", "coronary_disease", "ascvd"}),
    ],
)
def test_what_a_code_means(system, code, kinds):
    assert kinds <= set(TERMS.problem_kinds([(system, code)]))


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (ICD10, "G45.4"),  # transient global amnesia
        (ICD10, "C44.3"),  # skin
        (SNOMED, "E11"),
        ("http://hospital.example/codes", "E11.9"),
        (ICD10, "Z83.3"),  # family history of diabetes
    ],
)
def test_what_a_code_does_not_mean(system, code):
    assert not {"diabetes", "cancer", "tia"} & set(TERMS.problem_kinds([(system, code)]))


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("Simvistatin 10 MG", {"statin", "lipid_lowering_drug"}),
        (
            "沙库巴曲缬沙坦钠片",
            {"neprilysin_inhibitor", "angiotensin_receptor_blocker", "bp_treated"},
        ),
        ("24 HR Metformin hydrochloride 500 MG", {"metformin", "glucose_lowering_drug"}),
        ("门冬胰岛素注射液", {"insulin"}),
        ("Aspirin 81 MG Oral Tablet", {"antiplatelet"}),
        ("达格列净片 10mg", {"sglt2_inhibitor"}),
        ("hydrochlorothiazide 25 MG", {"thiazide", "bp_treated"}),
        ("非奈利酮", {"finerenone"}),
    ],
)
def test_drug_classes_by_name(words, kinds):
    assert kinds <= set(TERMS.drug_kinds(words))


@pytest.mark.parametrize("words", ["Acetaminophen 325 MG", "timolol eye drops", "", "维生素"])
def test_other_drugs_have_no_class(words):
    assert TERMS.drug_kinds(words) == ()


def test_drug_classes_by_atc():
    assert set(TERMS.drug_kinds("", [(ATC, "C10AA05")])) == {"statin", "lipid_lowering_drug"}
    assert TERMS.drug_kinds("", [("http://other", "C10AA05")]) == ()


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("http://loinc.org", "8867-4", LOINC),
        ("https://loinc.org/", "8867-4", LOINC),
        ("urn:oid:2.16.840.1.113883.6.1", "8867-4", LOINC),
        ("http://snomed.info/sct/900000000000207008", "44054006", SNOMED),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", ICD),
        ("", "8867-4", LOINC),
        ("", "44054006", SNOMED),
        ("", "E11.900", ICD),
        ("", "glu", ""),
        ("http://hospital.example", "8867-4", "http://hospital.example"),
    ],
)
def test_systems(system, code, expected):
    assert system_of(system, code) == expected


@pytest.mark.parametrize(
    ("kind", "written", "unit"),
    [
        ("heart_rate", "次/分", "/min"),
        ("body_temperature", "℃", "Cel"),
        ("body_temperature", "F", "[degF]"),
        ("creatinine", "μmol/L", "umol/L"),
        ("total_cholesterol", "mmol/l", "mmol/L"),
        ("glucose", "mg/dL", "mg/dL"),
        ("hba1c", "mmol/mol", "mmol/mol"),
        ("potassium", "mEq/L", "meq/L"),
        ("systolic_bp", "mmHg", "mm[Hg]"),
        ("systolic_bp", "/min", None),
        ("heart_rate", "c", None),
    ],
)
def test_units_as_they_are_written(kind, written, unit):
    assert TERMS.unit_named(written, TERMS.measures[kind]) == unit


@given(st.sampled_from(sorted(TERMS.measures)), st.floats(0, 1))
def test_a_value_comes_back_from_every_unit(kind, share):
    measure = TERMS.measures[kind]
    value = measure.low + share * (measure.high - measure.low)
    for unit, change in measure.conversions.items():
        written = (value - change.offset) / change.factor
        assert measure.convert(written, unit) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert measure.convert(value, "furlong") is None
