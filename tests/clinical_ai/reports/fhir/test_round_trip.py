"""A read study and a risk assessment at an independent FHIR server: there, back, again, final."""

import asyncio

import pytest

from clinical_ai.records.fhir import FhirClient
from clinical_ai.reports.fhir import (
    PatientLink,
    as_json,
    final_resources,
    preliminary_resources,
    transaction,
    unique,
)
from clinical_ai.reports.fhir.elements import IDENTIFIERS
from tests.support.ct_series import STUDY_UID
from tests.support.fhir_readings import (
    LINKED,
    PATIENT_ID,
    SIGNER,
    VERDICTS,
    lung,
    newer,
    risks,
    told,
)
from tests.support.sekmet import running_sekmet

KINDS = (
    "ImagingStudy",
    "Observation",
    "DiagnosticReport",
    "RiskAssessment",
    "Device",
    "Provenance",
    "ServiceRequest",
    "Task",
    "Communication",
    "AuditEvent",
    "Patient",
)
PATIENT = {
    "resourceType": "Patient",
    "id": PATIENT_ID,
    "identifier": [{"system": LINKED.system, "value": LINKED.number}],
    "name": [{"text": "张三"}],
}


OF_THE_PACS = {
    "resourceType": "ImagingStudy",
    "id": "of-the-pacs",
    "status": "available",
    "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{STUDY_UID}"}],
    "subject": {"reference": f"Patient/{PATIENT_ID}"},
}


class Hospital:
    """A server with one patient: what it is sent, and what it holds.

    Parameters
    ----------
    client_ids
        Whether we choose ids there.
    """

    def __init__(self, server, *, client_ids):
        self.client_ids = client_ids
        self._settings = server.settings(client_ids=client_ids)
        self._server = server
        self.put(PATIENT)

    def _ask(self, work):
        async def asked():
            async with FhirClient("his", self._settings) as client:
                return await work(client)

        return asyncio.run(asked())

    def put(self, resource):
        self._ask(lambda client: client.update(resource))

    def send(self, resources):
        bundle = transaction(unique(resources), client_ids=self.client_ids)
        self._ask(lambda client: client.transaction(as_json(bundle)))

    def counts(self):
        return {kind: self._server.count(kind) for kind in KINDS}

    def held(self, kind):
        """Return all resources of a kind, by our identifier or tag."""

        async def found(client):
            return await client.search(kind)

        resources = self._ask(found).matches
        return {name_of(r): r for r in resources}

    def one(self, kind):
        (found,) = self.held(kind).values()
        return found


def name_of(resource):
    if "identifier" in resource:
        ours = [i for i in resource["identifier"] if i.get("system") == IDENTIFIERS]
        return ours[0]["value"] if ours else resource["id"]
    return resource["meta"]["tag"][0]["code"]


def stripped(value):
    """Return a resource without what a server adds or what its ids change."""
    if isinstance(value, dict):
        return {k: stripped(v) for k, v in value.items() if k not in ("id", "meta", "reference")}
    return [stripped(v) for v in value] if isinstance(value, list) else value


@pytest.fixture(params=[True, False], ids=["our ids", "ids of the server"])
def hospital(request, tmp_path):
    with running_sekmet(tmp_path) as server:
        yield Hospital(server, client_ids=request.param)


def test_a_read_study_and_a_risk_go_there_and_come_back(hospital):
    # This server cannot search for a RiskAssessment, and so cannot find one by identifier.
    risk = risks() if hospital.client_ids else ()
    early = unique([*preliminary_resources(told(), lung()), *risk])
    hospital.send(early)
    first = hospital.counts()
    assert first["Patient"] == 1
    assert first["DiagnosticReport"] == 1
    for kind in ("Observation", "DiagnosticReport", "RiskAssessment", "ServiceRequest", "Task",
                 "Communication", "Device", "Provenance", "ImagingStudy"):  # fmt: skip
        sent = {r["id"]: stripped(r) for r in early if r["resourceType"] == kind}
        assert {n: stripped(r) for n, r in hospital.held(kind).items()} == sent

    hospital.send(early)
    assert hospital.counts() == first

    hospital.send(final_resources(told(), lung(), VERDICTS, SIGNER, corrects=False))
    report = hospital.one("DiagnosticReport")
    assert report["status"] == "final"
    assert report["resultsInterpreter"][0]["display"] == SIGNER.full_name
    seen = hospital.held("Observation").values()
    assert {r["status"] for r in seen} == {"final", "entered-in-error"}
    assert {f"Observation/{r['id']}" for r in seen if r["status"] == "final"} == {
        r["reference"] for r in report["result"]
    }
    after = hospital.counts()
    assert after == {
        **first,
        "AuditEvent": 1,
        "Provenance": first["Provenance"] + 1,
        "Task": first["Task"] + 2,
    }

    corrected = final_resources(
        told(), newer(lung()), VERDICTS, SIGNER, corrects=True, earlier=[lung()]
    )
    hospital.send(corrected)
    hospital.send(corrected)
    assert hospital.one("DiagnosticReport")["status"] == "corrected"


def test_the_study_of_the_pacs_is_used_and_not_changed(hospital):
    hospital.put(OF_THE_PACS)
    hospital.send(preliminary_resources(told(), lung()))
    study = hospital.one("ImagingStudy")
    assert study["id"] == "of-the-pacs"
    assert "series" not in study
    report = hospital.one("DiagnosticReport")
    assert report["imagingStudy"] == [{"reference": "ImagingStudy/of-the-pacs"}]


def test_a_patient_who_is_not_matched_is_not_made(hospital):
    link = PatientLink(None, "P1", LINKED.system)
    hospital.send(preliminary_resources(told(patient=link), lung()))
    assert hospital.counts()["Patient"] == 1
    assert hospital.one("DiagnosticReport")["subject"]["identifier"]["value"] == "P1"
