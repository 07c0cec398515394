"""Our own results of a person as facts: whose they are, and whether they are signed."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import insert

from clinical_ai.assessment.assess import assess
from clinical_ai.findings import Reading
from clinical_ai.imaging_facts import imaging_facts
from clinical_ai.record_link import (
    LinkedRecord,
    linked_record,
    match_policy,
    record_of_study,
    study_patient,
)
from clinical_ai.record_settings import RecordSettings
from clinical_ai.records.match_queue import count_waiting, match_known
from clinical_ai.records.matching import PatientQuery
from clinical_ai.records.store import RecordStore
from clinical_ai.services import Services, open_services
from clinical_ai.settings import Settings
from clinical_ai.store.reads import finish_read, queue_read
from clinical_ai.store.tables import decision, signature
from pacs_bridge.database import writing
from pacs_bridge.tables import study
from tests.clinical_ai.assessment.test_assess import KNOWN, finding, reading

PATIENT = {
    "resourceType": "Patient",
    "id": "zhang",
    "identifier": [{"value": "MRN-1", "system": "urn:hospital"}],
    "name": [{"family": "Zhang", "given": ["Wei"]}, {"text": "张伟"}],
    "gender": "male",
    "birthDate": "1966-05-17",
}
ZHANG = {"patient_id": "MRN-1", "patient_name": "Zhang^Wei=张^伟", "patient_birth_date": "19660517"}
OTHER = {"patient_id": "MRN-1", "patient_name": "Li^Na=李^娜", "patient_birth_date": "19800101"}


@pytest.fixture
def services(tmp_path) -> Iterator[Services]:
    settings = Settings(
        data_dir=tmp_path / "data", records=RecordSettings(default_issuer="urn:hospital")
    )
    opened = open_services(settings)
    RecordStore(opened.engine).put([PATIENT], origin="local")
    yield opened
    opened.close()


def lung(uid: str, *sizes: float) -> Reading:
    found = [finding(number, size) for number, size in enumerate(sizes, start=1)]
    one = replace(reading(*found), id=f"r-{uid}", study_uid=uid)
    return assess(one, KNOWN)


def store(services: Services, uid: str, who: dict[str, str], day: str, done: Reading) -> None:
    with writing(services.engine) as connection:
        connection.execute(
            insert(study).values(
                study_instance_uid=uid,
                study_date=day,
                patient_sex="M",
                created_at=0.0,
                last_received_at=0.0,
                state="complete",
                **who,
            )
        )
    queue_read(services.engine, uid, done.content_version, 1)
    with writing(services.engine) as connection:
        finish_read(connection, done, None, [])


def sign(services: Services, done: Reading, verdicts: dict[str, str]) -> None:
    with writing(services.engine) as connection:
        for finding_id, verdict in verdicts.items():
            connection.execute(
                insert(decision).values(
                    reading_id=done.id,
                    finding_id=finding_id,
                    verdict=verdict,
                    reason="",
                    username="liwei",
                    made_at=time.time(),
                )
            )
        connection.execute(
            insert(signature).values(
                reading_id=done.id,
                username="liwei",
                full_name="Li Wei",
                signed_at=time.time(),
                sr_sop_instance_uid=f"2.25.{abs(hash(done.id))}",
            )
        )


def test_a_preliminary_result_is_unsigned_and_has_its_follow_up(services):
    store(services, "1.1", ZHANG, "20260102", lung("1.1", 7.0))
    rads, due = imaging_facts(services, "zhang")
    assert (rads.kind, rads.value, str(rads.on), rads.signed) == (
        "lung_rads",
        "3",
        "2026-01-02",
        False,
    )
    assert rads.source.reference == "Reading/r-1.1"
    assert (due.kind, due.value) == ("nodule_followup_due", "2026-07-04")


def test_a_signed_result_is_that_of_the_accepted_findings(services):
    done = lung("1.1", 23.0, 7.0)
    store(services, "1.1", ZHANG, "20260102", done)
    assert imaging_facts(services, "zhang")[0].value == "4B"
    sign(services, done, {"1": "rejected", "2": "accepted"})
    rads = imaging_facts(services, "zhang")[0]
    assert (rads.value, rads.signed) == ("3", True)


def test_the_oldest_come_first_and_another_patient_with_the_number_is_left_out(services):
    store(services, "1.2", ZHANG, "20260301", lung("1.2", 7.0))
    store(services, "1.1", ZHANG, "20250301", lung("1.1", 5.0))
    store(services, "1.3", OTHER, "20260401", lung("1.3", 23.0))
    values = [f.value for f in imaging_facts(services, "zhang") if f.kind == "lung_rads"]
    assert values == ["2", "3"]


def test_an_unknown_person_has_none(services):
    assert imaging_facts(services, "nobody") == ()


def test_the_record_of_a_study_is_used_only_when_it_is_certain(services):
    store(services, "1.1", ZHANG, "20260102", lung("1.1", 7.0))
    store(services, "1.3", OTHER, "20260102", lung("1.3", 7.0))
    mine = study_patient(services, "1.1")
    other = study_patient(services, "1.3")
    assert mine is not None
    assert other is not None
    policy = match_policy(services.settings)

    def link(query: PatientQuery, *unanswered: str) -> LinkedRecord:
        return linked_record(services, match_known(services.engine, query, policy), unanswered)

    linked = link(mine.query)
    assert (linked.state, linked.record.person, linked.origin) == ("matched", "zhang", "local")
    outdated = link(mine.query, "his")
    assert outdated.record.complete is False
    assert "his did not answer" in str(outdated.cautions[0])
    doubtful = record_of_study(services, "1.3")
    assert (doubtful.state, doubtful.record) == ("uncertain", None)
    assert doubtful.cautions == (doubtful.why,)
    assert count_waiting(services.engine) == 1  # a person is asked
    nobody = replace(other.query, patient_id="X")
    assert link(nobody).state == "not_found"
    assert link(nobody, "his").state == "unavailable"
