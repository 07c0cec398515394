"""The transaction: where each resource goes, and what its references become."""

import json
import re

import pytest

from clinical_ai.reports.fhir import as_json, final_bundle, preliminary_resources, transaction
from tests.support.ct_series import STUDY_UID
from tests.support.fhir_readings import SIGNER, VERDICTS, lung, risks, told


def references(value):
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "reference" and isinstance(item, str):
                yield item
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def requests(bundle):
    return {entry["resource"]["resourceType"]: entry["request"] for entry in bundle["entry"]}


def test_our_ids_are_written_by_put():
    resources = preliminary_resources(told(), lung())
    for entry in transaction(resources)["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "ImagingStudy":
            continue
        url = f"{resource['resourceType']}/{resource['id']}"
        assert entry["request"] == {"method": "PUT", "url": url}


@pytest.mark.parametrize("client_ids", [True, False])
def test_the_study_of_another_is_never_overwritten(client_ids):
    bundle = transaction(preliminary_resources(told(), lung()), client_ids=client_ids)
    request = requests(bundle)["ImagingStudy"]
    assert request["method"] == "POST"
    assert request["ifNoneExist"].endswith(f"urn%3Adicom%3Auid%7Curn%3Aoid%3A{STUDY_UID}")


def test_where_a_server_gives_the_ids_everything_is_found_by_what_we_call_it():
    bundle = transaction([*preliminary_resources(told(), lung()), *risks()], client_ids=False)
    for entry in bundle["entry"]:
        resource, request = entry["resource"], entry["request"]
        assert "id" not in resource
        if resource["resourceType"] in ("Provenance", "AuditEvent"):
            assert request["ifNoneExist"].startswith("_tag=")
        elif resource["resourceType"] != "ImagingStudy":
            assert re.fullmatch(r"[A-Za-z]+\?identifier=\S+%7C[0-9a-f-]{36}", request["url"])


@pytest.mark.parametrize("client_ids", [True, False])
def test_every_reference_into_the_bundle_is_found_in_it(client_ids):
    bundle = final_bundle(told(), lung(), VERDICTS, SIGNER, corrects=False, client_ids=client_ids)
    urns = {entry["fullUrl"] for entry in bundle["entry"]}
    names = {f"{e['resource']['resourceType']}/{e['resource'].get('id')}" for e in bundle["entry"]}
    for reference in references(bundle):
        assert reference in urns or reference in names or reference.startswith("Patient/")
    if not client_ids:
        assert not [r for r in references(bundle) if r.split("/")[0] == "Observation"]


def test_a_resource_that_is_given_twice_goes_once():
    resources = preliminary_resources(told(), lung())
    assert transaction([*resources, *resources]) == transaction(resources)


def test_the_same_bundle_is_the_same_bytes():
    first, second = (as_json(transaction(preliminary_resources(told(), lung()))) for _ in range(2))
    assert first == second
    assert json.loads(first)["type"] == "transaction"
