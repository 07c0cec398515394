import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_ai.records.extract import USED_TYPES, clinical_record
from clinical_ai.records.record import Source

LOINC = "http://loinc.org"
SCT = "http://snomed.info/sct"


def concept(code, system=LOINC, display=""):
    return {"coding": [{"system": system, "code": code, "display": display}]}


def patient(**more):
    return {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1960-05-01",
        "name": [{"family": "Zhang", "given": ["Li", "Na"]}],
        "identifier": [
            {"system": "urn:hospital", "value": "0042", "type": concept("MR", "urn:x")},
        ],
        **more,
    }


def resource(kind, name="r1", **more):
    return {"resourceType": kind, "id": name, "subject": {"reference": "Patient/p1"}, **more}


def observation(code, value=None, unit=None, name="o1", **more):
    body = {"status": "final", "code": concept(code), "effectiveDateTime": "2024-03-01"}
    if value is not None:
        body["valueQuantity"] = {"value": value, "unit": unit, "code": unit}
    return resource("Observation", name, **{**body, **more})


def blood_pressure(name="bp", systolic=142, diastolic=88, code="85354-9", **more):
    return observation(
        code,
        name=name,
        component=[
            {
                "code": concept("8480-6"),
                "valueQuantity": {"value": systolic, "unit": "mmHg", "code": "mm[Hg]"},
            },
            {
                "code": concept("8462-4"),
                "valueQuantity": {"value": diastolic, "unit": "mmHg", "code": "mm[Hg]"},
            },
        ],
        **more,
    )


def record(*resources, **more):
    return clinical_record([patient(), *resources], origin="local", **more)


def test_who_the_patient_is():
    found = record().demographics
    assert found.birth_date == date(1960, 5, 1)
    assert found.sex == "female"
    assert (found.identifiers[0].value, found.identifiers[0].kind) == ("0042", "MR")
    assert (found.names[0].family, found.names[0].given) == ("Zhang", "Li Na")


@pytest.mark.parametrize("code", ["85354-9", "55284-4"])
def test_blood_pressure_of_a_panel_old_code_or_new(code):
    found = record(blood_pressure(code=code))
    assert [(m.kind, m.value) for m in found.measurements] == [
        ("systolic_bp", 142),
        ("diastolic_bp", 88),
    ]
    assert found.measurements[0].source == Source("local", "Observation/bp")


@pytest.mark.parametrize(
    ("code", "kind", "value", "unit", "kept", "stated"),
    [
        ("2093-3", "total_cholesterol", 193.35, "mg/dL", 5.0, "193.35 mg/dL"),
        ("18262-6", "ldl_cholesterol", 3, "mmol/L", 3, "3 mmol/L"),
        ("38483-4", "creatinine", 88.4, "umol/L", 1.0, "88.4 umol/L"),
        ("4548-4", "hba1c", 7.1, "%", 7.1, "7.1 %"),
        ("2339-0", "glucose", 5.5, "mmol/L", 5.5, "5.5 mmol/L"),
        ("8867-4", "heart_rate", 72, "beats/min", 72, "72 /min"),
        ("8310-5", "body_temperature", 98.6, "[degF]", 37.0, "98.6 [degF]"),
        ("59408-5", "spo2", 97, "%", 97, "97 %"),
    ],
)
def test_measures_in_their_own_unit_beside_what_was_stated(code, kind, value, unit, kept, stated):
    (found,) = record(observation(code, value, unit)).measurements
    assert (found.kind, found.stated) == (kind, stated)
    assert found.value == pytest.approx(kept, rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"status": "entered-in-error"}, "status is entered-in-error"),
        ({"status": "<script>"}, "status is not one of FHIR's"),
        ({"effectiveDateTime": "2024"}, "no usable date"),
        ({"effectiveDateTime": "9999-01-01"}, "no usable date"),
        ({"valueQuantity": {"value": 5}}, "no unit"),
        ({"valueQuantity": {"value": 5, "unit": "furlong"}}, "the unit is not one"),
        ({"valueQuantity": {"value": 500, "unit": "mmol/L"}}, "outside"),
        ({"valueQuantity": {"value": 5, "unit": "mmol/L", "comparator": "<"}}, "a limit"),
        ({"valueQuantity": {"value": "5", "unit": "mmol/L"}}, "no number"),
    ],
)
def test_what_cannot_be_used_is_listed_with_the_reason_and_without_the_value(changed, reason):
    found = record(observation("2093-3", 5, "mmol/L", **changed))
    assert found.measurements == ()
    (unused,) = found.unused
    assert unused.reference == "Observation/o1"
    assert reason in unused.reason
    assert not any(word in unused.reason for word in ("500", "furlong", "script"))


@pytest.mark.parametrize(
    "mark",
    [
        {"performer": [{"reference": "Patient/p1"}]},
        {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/us/vitals/StructureDefinition/MeasurementSettingExt",
                    "valueCodeableConcept": concept("264362003", SCT),
                }
            ]
        },
        {
            "meta": {
                "profile": ["http://hl7.org/fhir/uv/phd/StructureDefinition/PhdNumericObservation"]
            }
        },
    ],
)
def test_what_the_patient_measured_at_home(mark):
    found = record(blood_pressure("at-home", **mark), blood_pressure("office", 150, 90))
    assert [m.value for m in found.series("systolic_bp", home=True)] == [142]
    assert [m.value for m in found.series("systolic_bp", home=False)] == [150]


def test_steps_are_counted_at_home_and_need_no_unit():
    (found,) = record(observation("55423-8", valueInteger=6512)).measurements
    assert (found.kind, found.value, found.unit, found.home) == ("steps", 6512, "{steps}", True)


def test_smoking_with_its_details():
    found = record(
        observation(
            "72166-2",
            name="s1",
            valueCodeableConcept=concept("449868002", SCT),
            effectiveDateTime="2019-01-01",
        ),
        observation("72166-2", name="s2", valueCodeableConcept=concept("8517006", SCT)),
        observation("8664-5", 32, "{pack-years}", name="s3"),
        observation("74010-0", name="s4", valueDateTime="2021"),
    ).smoking
    assert (found.status, found.pack_years, found.quit_on) == ("former", 32, date(2021, 1, 1))
    assert found.source.reference == "Observation/s2"


def test_problems_with_kind_state_and_onset():
    found = record(
        resource(
            "Condition",
            "c1",
            code=concept("44054006", SCT, "Diabetes"),
            clinicalStatus=concept("active", "urn:x"),
            onsetDateTime="2009",
        ),
        resource(
            "Condition",
            "c2",
            code=concept("I63.900", "http://hl7.org/fhir/sid/icd-10"),
            clinicalStatus=concept("resolved", "urn:x"),
            onsetDateTime="2015-06-02",
        ),
        resource(
            "Condition",
            "c3",
            code=concept("I10.x00", ""),
            onsetAge={"value": 50, "code": "a"},
        ),
        resource(
            "Condition",
            "c4",
            code=concept("C34.9", "http://hl7.org/fhir/sid/icd-10-cm"),
            verificationStatus=concept("provisional", "urn:x"),
        ),
    )
    assert [p.source.reference for p in found.problems] == [
        "Condition/c1",
        "Condition/c3",
        "Condition/c2",
    ]
    assert found.has_problem("diabetes") and found.has_problem("diabetes_type_2")
    assert found.has_problem("hypertension")
    assert not found.has_problem("stroke_ischaemic")
    assert found.has_problem("stroke", ever=True)
    assert not found.has_problem("lung_cancer", ever=True)
    assert found.problems[1].onset.year == 2010
    assert [u.reference for u in found.unused] == ["Condition/c4"]


def test_drugs_by_name_by_code_and_by_reference():
    found = record(
        resource(
            "MedicationRequest",
            "m1",
            status="active",
            intent="order",
            medicationCodeableConcept=concept("316672", "urn:rx", "Simvistatin 10 MG"),
        ),
        resource(
            "MedicationRequest",
            "m2",
            status="active",
            intent="order",
            medicationReference={"reference": "#drug"},
            contained=[
                {"resourceType": "Medication", "id": "drug", "code": {"text": "缬沙坦胶囊"}}
            ],
        ),
        resource(
            "MedicationStatement",
            "m3",
            status="stopped",
            medicationReference={"reference": "Medication/d9"},
        ),
        {
            "resourceType": "Medication",
            "id": "d9",
            "code": concept("A10BK01", "http://www.whocc.no/atc"),
        },
        resource(
            "MedicationRequest",
            "m4",
            status="active",
            intent="proposal",
            medicationCodeableConcept={"text": "insulin glargine"},
        ),
    )
    assert found.takes("statin") and found.takes("lipid_lowering_drug")
    assert found.takes("angiotensin_receptor_blocker") and found.takes("bp_treated")
    assert not found.takes("sglt2_inhibitor") and not found.takes("insulin")
    assert {"sglt2_inhibitor"} <= {k for m in found.medications for k in m.kinds}


def test_allergies_family_and_procedures():
    found = record(
        {
            "resourceType": "AllergyIntolerance",
            "id": "a1",
            "patient": {"reference": "Patient/p1"},
            "criticality": "high",
            "code": {"text": "iodinated contrast"},
        },
        {
            "resourceType": "FamilyMemberHistory",
            "id": "f1",
            "status": "completed",
            "patient": {"reference": "Patient/p1"},
            "relationship": concept("FTH", "urn:v3"),
            "condition": [
                {"code": concept("22298006", SCT), "onsetAge": {"value": 48, "unit": "a"}}
            ],
        },
        resource(
            "Procedure",
            "x1",
            status="completed",
            code=concept("415070008", SCT),
            performedDateTime="2020-02-02",
        ),
    )
    assert found.allergies[0].criticality == "high"
    (father,) = found.family_history
    assert (father.relation, father.onset_age) == ("FTH", 48)
    assert "myocardial_infarction" in father.kinds
    assert "pci" in found.procedures[0].kinds


def test_imaging_results_signed_or_not():
    found = record(
        observation("71490-7", name="dr", valueCodeableConcept=concept("LA18645-4")),
        observation(
            "1",
            name="lr",
            status="preliminary",
            valueCodeableConcept=concept("RID50139", "http://radlex.org"),
        ),
        resource(
            "DiagnosticReport",
            "mg",
            status="final",
            code=concept("24606-6"),
            effectiveDateTime="2023-01-09",
            conclusionCode=[concept("397141009", SCT)],
        ),
    )
    dr = found.newest_imaging("dr_grade")
    assert (dr.value, dr.laterality, dr.signed) == ("2", "L", True)
    assert (found.newest_imaging("lung_rads").value, found.newest_imaging("lung_rads").signed) == (
        "4A",
        False,
    )
    assert found.newest_imaging("bi_rads").value == "2"
    assert "mammogram" in found.procedures[0].kinds


def test_others_are_left_out_and_those_replaced_are_not():
    old = {
        "resourceType": "Patient",
        "id": "p0",
        "link": [{"type": "replaced-by", "other": {"reference": "Patient/p1"}}],
    }
    of_old = blood_pressure("old") | {"subject": {"reference": "Patient/p0"}}
    of_other = blood_pressure("other") | {"subject": {"reference": "Patient/p2"}}
    found = record(old, of_old, of_other)
    assert found.person == "p1"
    assert {m.source.reference for m in found.measurements} == {"Observation/old"}
    assert [u.reason for u in found.unused] == ["about another patient"]


FULL = [
    patient(),
    blood_pressure("b1"),
    blood_pressure("b2", 151, 92, effectiveDateTime="2022-05-05T10:00:00+08:00"),
    observation("72166-2", name="s2", valueCodeableConcept=concept("8517006", SCT)),
    observation("71491-5", name="dr", valueCodeableConcept=concept("LA18645-4")),
    resource("Condition", "c1", code=concept("44054006", SCT), onsetDateTime="2009-01-01"),
    resource(
        "MedicationRequest",
        "m1",
        status="active",
        medicationCodeableConcept={"text": "metformin"},
    ),
]


@given(st.permutations(FULL))
def test_the_order_of_resources_does_not_matter(resources):
    assert clinical_record(resources, origin="x") == clinical_record(FULL, origin="x")


KEYS = sorted(
    {key for text in json.dumps(FULL).split('"') for key in [text] if key.isidentifier()}
    | {"patient", "extension", "medicationReference", "conclusionCode", "bodySite", "performer"}
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["Patient/p1", "final", "active", "2020-13-45", "0000-00-00", "8480-6"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            anything,
            st.dictionaries(st.sampled_from(KEYS), anything, max_size=6).flatmap(
                lambda body: st.sampled_from(USED_TYPES).map(
                    lambda kind: (
                        {"subject": {"reference": "Patient/p1"}, **body} | {"resourceType": kind}
                    )
                )
            ),
        ),
        max_size=4,
    )
)
def test_no_content_raises(resources):
    clinical_record([patient(), *resources], origin="x")


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FULL), st.data())
def test_no_wrong_type_in_a_good_resource_raises(good, data):
    """Any one place of a good resource holds something of another type."""
    broken = json.loads(json.dumps(good))
    node = broken
    while isinstance(node, dict | list) and node:
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else [0]))
        if not isinstance(node[key], dict | list) or data.draw(st.booleans()):
            node[key] = data.draw(anything)
            break
        node = node[key]
    clinical_record([patient(), broken], origin="x")
