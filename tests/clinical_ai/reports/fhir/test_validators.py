"""Everything that we write, judged by two independent validators of FHIR R4."""

import copy
import json

import pytest

from clinical_ai.reports.fhir import final_resources, preliminary_resources, transaction
from clinical_ai.reports.fhir.care_plan import GoalTarget, PlannedActivity, care_plan, goal
from clinical_ai.reports.fhir.checks import faults
from clinical_ai.reports.fhir.devices import software_device
from clinical_ai.reports.fhir.finished import finished
from tests.support.fhir_definitions import resources as definitions
from tests.support.fhir_readings import (
    LINKED,
    SIGNER,
    VERDICTS,
    lung,
    lung_with_record,
    mammography,
    newer,
    no_finding,
    risks,
    small_lung,
    told,
)

fhirkit = pytest.importorskip("fhirkit", reason="fhirkit-rs is not installed")


def plan():
    aim = goal(
        LINKED,
        ("p-1", "hypertension", "bp"),
        "收缩压低于 130 mmHg",
        targets=[
            GoalTarget(
                ("http://loinc.org", "8480-6", "Systolic blood pressure"), None, 130, "mm[Hg]"
            )
        ],
        said=["Chinese hypertension guideline"],
    )
    made = care_plan(
        LINKED,
        ("p-1", "hypertension"),
        "高血压管理",
        goals=[aim],
        activities=[PlannedActivity("复诊")],
        addresses=["Condition/c-1"],
    )
    return finished([software_device(), aim, made])


SETS = {
    "urgent lung CT, preliminary": lambda: preliminary_resources(told(), lung()),
    "small nodule, low and high risk": lambda: preliminary_resources(
        told(language="en"), small_lung()
    ),
    "with the patient's record": lambda: preliminary_resources(told(), lung_with_record()),
    "nothing found": lambda: preliminary_resources(told(), no_finding()),
    "mammography not read": lambda: preliminary_resources(told(), mammography()),
    "signed with a rejection": lambda: final_resources(
        told(), lung(), VERDICTS, SIGNER, corrects=False
    ),
    "corrected": lambda: final_resources(
        told(), newer(lung()), VERDICTS, SIGNER, corrects=True, earlier=[lung()]
    ),
    "risk": risks,
    "risk with refusals": lambda: risks(complete=False),
    "care plan": plan,
}


@pytest.mark.parametrize("name", SETS)
def test_fhirkit_finds_nothing(name):
    resources = SETS[name]()
    for resource in (*resources, transaction(resources), transaction(resources, client_ids=False)):
        assert [str(issue) for issue in fhirkit.validate(resource)] == []


@pytest.mark.parametrize("name", SETS)
def test_our_own_checks_find_nothing(name):
    assert faults(SETS[name]()) == ()


@pytest.fixture(scope="module")
def pyrofile(tmp_path_factory):
    """Return a function: the errors that pyrofile-validator finds in a resource."""
    config = pytest.importorskip("pyrofile_validator.config", reason="pyrofile is not installed")
    engine = pytest.importorskip("pyrofile_validator.core.engine")
    used = {r["resourceType"] for make in SETS.values() for r in make()} | {"Bundle"}
    folder = tmp_path_factory.mktemp("definitions")
    for file in ("profiles-types.json", "profiles-resources.json", "valuesets.json",
                 "v3-codesystems.json", "v2-tables.json"):  # fmt: skip
        for resource in definitions(file):
            kind, of = resource["resourceType"], resource.get("type")
            if kind in ("ValueSet", "CodeSystem") or (
                kind == "StructureDefinition" and (resource["kind"] != "resource" or of in used)
            ):
                path = folder / f"{kind}-{resource['id']}.json"
                path.write_text(json.dumps(resource))
    validator = engine.Validator(config.ValidatorConfig(local_package_paths=[str(folder)]))

    def errors(resource):
        report = validator.validate_resource(resource)
        return [f"{i.code} {i.path}: {i.message}" for i in report.errors if not known_fault(i)]

    return errors


def known_fault(issue):
    """Whether pyrofile asks for an element that is really named ``content[x]``.

    It resolves choices at the first level only (0.3.0); `contentString` is there, and our own
    checks ask for the payload.
    """
    return issue.code == "cardinality.min" and issue.path.endswith("].content[x]")


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_pyrofile_with_the_r4_definitions_finds_nothing(pyrofile, name):
    assert pyrofile(transaction(SETS[name]())) == []


# What each validator is known to find: that they look at all.
SEEDED = {
    "fhirkit": ("DiagnosticReport", "status", None),
    "pyrofile": ("DiagnosticReport", "status", "bananas"),
}


def broken(kind, name, value):
    resource = copy.deepcopy(next(r for r in risks_and_report() if r["resourceType"] == kind))
    resource[name] = value
    if value is None:
        del resource[name]
    return resource


def risks_and_report():
    return (*SETS["signed with a rejection"](), *risks())


def test_fhirkit_finds_a_seeded_error():
    assert fhirkit.validate(broken(*SEEDED["fhirkit"])) != []


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        SEEDED["pyrofile"],
        ("DiagnosticReport", "code", None),
        ("DiagnosticReport", "findings", "an element that there is not"),
        ("RiskAssessment", "probability", 12),
        ("Provenance", "agent", []),
    ],
    ids=lambda error: f"{error[0]}.{error[1]}",
)
def test_pyrofile_finds_seeded_errors(pyrofile, error):
    assert pyrofile(broken(*error)) != []
