from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinical_ai.errors import RecordError
from clinical_ai.records.store import RecordStore
from clinical_ai.store.migrate import migrate
from pacs_bridge.database import open_engine


@pytest.fixture
def store(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    yield RecordStore(engine)
    engine.dispose()


def patient(who="p1", **more):
    return {
        "resourceType": "Patient",
        "id": who,
        "birthDate": "1960-05-01",
        "gender": "male",
        "name": [{"family": "Müller", "given": ["Hans"]}, {"text": "张三"}],
        "identifier": [{"value": "0042", "system": "urn:h"}],
        **more,
    }


def heart_rate(name="o1", person="p1", value=70, **meta):
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "meta": meta,
        "subject": {"reference": f"Patient/{person}"},
        "effectiveDateTime": "2024-01-02",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "valueQuantity": {"value": value, "unit": "/min"},
    }


def rate(store, **more):
    return store.record("p1", **more).latest("heart_rate").value


def test_what_is_put_comes_back_in_whatever_order(store):
    report = store.put([heart_rate(), patient()], origin="local")
    assert (report.added, report.refused) == (2, ())
    assert rate(store) == 70
    assert store.put([patient(), heart_rate()], origin="local").unchanged == 2
    assert [r["resourceType"] for r in store.resources("p1")] == ["Observation", "Patient"]
    assert [r["id"] for r in store.resources("p1", ["Patient"])] == ["p1"]
    assert store.counts() == {"Observation": 1, "Patient": 1}


def test_an_observation_waits_for_its_patient(store):
    store.put([heart_rate()], origin="local")
    assert store.record("p1") is None
    assert store.without_patient() == 1
    store.put([patient()], origin="local")
    assert rate(store) == 70
    assert store.without_patient() == 0


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"lastUpdated": "2024-02-01T00:00:00Z"}, {"lastUpdated": "2024-01-01T00:00:00Z"}, 60),
        ({"lastUpdated": "2024-01-01T00:00:00Z"}, {"lastUpdated": "2024-02-01T00:00:00Z"}, 80),
        ({"versionId": "10"}, {"versionId": "9"}, 60),
        ({"versionId": "9"}, {"versionId": "10"}, 80),
        ({}, {}, 80),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_the_newer_version_counts(store, first, second, kept, together):
    versions = [heart_rate(value=60, **first), heart_rate(value=80, **second)]
    store.put([patient()], origin="local")
    if together:
        store.put(versions, origin="local")
    else:
        for version in versions:
            store.put([version], origin="local")
    assert rate(store) == kept


def test_the_same_id_of_two_origins_is_two_people(store):
    store.put([patient(), heart_rate(value=60)], origin="local")
    store.put([patient(), heart_rate(value=80)], origin="ward")
    assert (rate(store, origin="local"), rate(store, origin="ward")) == (60, 80)
    with pytest.raises(RecordError, match=r"2 origins.*local, ward"):
        store.record("p1")
    assert [(p.origin, p.person) for p in store.persons()] == [("local", "p1"), ("ward", "p1")]
    assert [p.origin for p in store.persons(after=("local", "p1"))] == ["ward"]


def test_a_patient_that_is_replaced_leads_to_the_other(store):
    link = [{"type": "replaced-by", "other": {"reference": "Patient/p2"}}]
    store.put(
        [patient(), patient("p2"), heart_rate(value=60), heart_rate("o2", "p2", 80)],
        origin="local",
    )
    store.put([patient(link=link)], origin="local")
    for name in ("p1", "p2"):
        found = store.record(name)
        assert found.person == "p2"
        assert [m.value for m in found.series("heart_rate")] == [60, 80]
    assert [p.person for p in store.persons()] == ["p2"]
    assert store.find(identifier="0042")[0].person == "p2"


def test_patients_that_replace_each_other_do_not_hang(store):
    def link(to):
        return [{"type": "replaced-by", "other": {"reference": f"Patient/{to}"}}]

    store.put([patient("p1", link=link("p2")), patient("p2", link=link("p1"))], origin="local")
    assert store.record("p1") is not None


def test_a_deleted_patient_is_gone_until_a_newer_one_comes(store):
    store.put([patient(), heart_rate()], origin="local")
    assert store.remove([("Patient", "p1"), ("Patient", "p9")], origin="local") == 1
    assert store.record("p1") is None
    assert store.persons() == [] and store.find(identifier="0042") == []
    store.put([patient()], origin="local")
    assert rate(store) == 70


def test_people_are_found_by_number_birth_date_and_name(store):
    store.put([patient(), patient("p2", birthDate="1970-01-01", identifier=[])], origin="local")
    assert [p.person for p in store.find(identifier="0042")] == ["p1"]
    assert [p.person for p in store.find(birth_date=date(1970, 1, 1))] == ["p2"]
    assert [p.person for p in store.find(name="MULLER hans")] == ["p1", "p2"]
    assert [p.person for p in store.find(name="张三")] == ["p1", "p2"]
    assert store.find(name="%") == []
    assert store.person("p1").demographics.birth_date == date(1960, 5, 1)


def test_drugs_referred_to_come_with_the_person(store):
    order = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "Medication/d"},
    }
    drug = {"resourceType": "Medication", "id": "d", "code": {"text": "metformin"}}
    store.put([patient(), order, drug], origin="local")
    assert store.record("p1").takes("metformin")
    assert "Medication" in [r["resourceType"] for r in store.resources("p1")]


@pytest.mark.parametrize(
    "bad",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Patient", "id": "../../etc"},
        {"id": "x"},
        {"resourceType": 5, "id": "x"},
        [],
        {"resourceType": "Patient", "id": "x", "name": "\ud800"},
    ],
)
def test_what_cannot_be_kept_is_said_with_its_place(store, bad):
    report = store.put([patient(), bad], origin="local")
    assert report.added == 1
    (refused,) = report.refused
    assert refused.position == 1


def test_text_that_a_database_refuses_does_not_stop_the_rest(store):
    strange = patient("p3", name=[{"text": "a\0b"}], identifier=[{"value": "\0"}])
    assert store.put([strange], origin="local").added == 1
    assert store.person("p3").demographics.names[0].text == "ab"


def test_several_writers_of_the_same_patients(store):
    versions = [
        [
            *(patient(f"p{i}") for i in range(20)),
            *(heart_rate(f"o{i}", f"p{i}", 60 + n, versionId=str(n)) for i in range(20)),
        ]
        for n in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda resources: store.put(resources, origin="local"), versions))
    assert store.counts() == {"Observation": 20, "Patient": 20}
    assert len(store.persons()) == 20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(
                ["resourceType", "id", "meta", "subject", "name", "identifier", "link", "birthDate"]
            ),
            json_values | st.sampled_from(["Patient", "Observation", "p1", "2020-02-30"]),
        )
        | json_values,
        max_size=4,
    )
)
def test_no_content_stops_the_store(store, resources):
    report = store.put([*resources, patient()], origin="local")
    assert len(report.refused) + report.kept == len(resources) + 1
    assert store.record("p1") is not None
