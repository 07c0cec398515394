import json
import time
from pathlib import Path

import pytest

from clinical_ai.errors import RecordError
from clinical_ai.records import importing
from clinical_ai.records.importing import import_files, refused_items
from clinical_ai.records.store import RecordStore
from clinical_ai.store.migrate import migrate
from pacs_bridge.database import open_engine
from tests.clinical_ai.records.test_store import heart_rate, patient

FHIR = Path(__file__).parents[4] / "shared" / "data" / "fhir"


@pytest.fixture
def engine(database_url):
    engine = open_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


def ndjson(path, *resources):
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in resources))
    return path


def test_an_import_and_its_repetition(engine, tmp_path):
    path = ndjson(tmp_path / "a.ndjson", heart_rate(), patient(), "{broken", {"no": "type"})
    (report,) = import_files(engine, [path])
    assert (report.state, report.put.added, report.refused) == ("imported", 2, 2)
    assert RecordStore(engine).record("p1").latest("heart_rate").value == 70
    (again,) = import_files(engine, [path])
    assert again.state == "imported before"
    (forced,) = import_files(engine, [path], again=True)
    assert (forced.put.unchanged, forced.refused) == (2, 2)
    assert [(r.name, r.place) for r in refused_items(engine)] == [
        ("a.ndjson", "line 4"),
        ("a.ndjson", "line 3"),
    ]


def test_what_no_patient_owns_is_kept_aside(engine, tmp_path):
    lone = heart_rate() | {"subject": {"reference": "Group/g"}}
    (report,) = import_files(engine, [ndjson(tmp_path / "a.ndjson", patient(), lone)])
    assert (report.put.added, report.refused) == (1, 1)
    assert refused_items(engine)[0].place == "line 2"


def test_an_interrupted_import_is_started_again(engine, tmp_path, monkeypatch):
    lines = [patient(), *(heart_rate(f"o{i}", value=60 + i) for i in range(20))]
    path = ndjson(tmp_path / "a.ndjson", *lines)
    monkeypatch.setattr(importing, "_AT_ONCE", 8)
    real = RecordStore.put
    calls = []

    def killed(self, resources, *, origin):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, resources, origin=origin)

    monkeypatch.setattr(RecordStore, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        list(import_files(engine, [path]))
    assert RecordStore(engine).counts() == {"Observation": 7, "Patient": 1}
    (report,) = import_files(engine, [path])
    assert (report.put.added, report.put.unchanged) == (13, 8)


def test_a_failed_file_does_not_stop_the_others(engine, tmp_path):
    bad = tmp_path / "a.ndjson.gz"
    bad.write_bytes(b"no gzip")
    good = ndjson(tmp_path / "b.ndjson", patient())
    seen = []
    first, second = import_files(engine, [tmp_path], progress=lambda *a: seen.append(a))
    assert (first.state, first.name) == ("failed", "a.ndjson.gz")
    assert "damaged" in first.reason and "a.ndjson.gz" not in first.reason
    assert second.put.added == 1 and good.exists()
    assert seen[-1] == ("", 2, 2)


def test_a_file_that_is_no_fhir_at_all_is_given_up(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "_MOST_REFUSED", 50)
    (report,) = import_files(engine, [ndjson(tmp_path / "a.ndjson", *["oops"] * 200)])
    assert report.state == "failed" and "is it FHIR?" in report.reason


@pytest.mark.parametrize("origin", ["", "a" * 65, "ward 7", "../x"])
def test_an_origin_is_a_name(engine, tmp_path, origin):
    with pytest.raises(RecordError, match="origin"):
        list(import_files(engine, [tmp_path], origin=origin))


def test_deletions_in_the_order_of_the_file(engine, tmp_path):
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {"resource": patient()},
            {"resource": heart_rate()},
            {"request": {"method": "DELETE", "url": "Observation/o1"}},
        ],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps(bundle))
    (report,) = import_files(engine, [path])
    assert report.deleted == 1
    assert RecordStore(engine).record("p1").measurements == ()


def test_an_export_comes_back_the_same(engine, tmp_path):
    from clinical_ai.records.exporting import export_records

    store = RecordStore(engine)
    store.put([patient(), heart_rate(), patient("p2")], origin="local")
    before = store.record("p1")
    written = export_records(engine, tmp_path / "all.ndjson.gz")
    assert (written.persons, written.resources) == (2, 3)
    (report,) = import_files(engine, [tmp_path / "all.ndjson.gz"])
    assert report.put.unchanged == 3
    assert store.record("p1") == before


@pytest.mark.slow
@pytest.mark.skipif(not FHIR.is_dir(), reason="the shared FHIR samples are not here")
def test_the_synthea_patients_in_thirty_seconds(tmp_path):
    """The numbers of the sample's own description; the database that comes without a server."""
    engine = open_engine(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    migrate(engine)
    start = time.perf_counter()
    reports = list(import_files(engine, [FHIR / "synthea-r4-615"]))
    seconds = time.perf_counter() - start
    assert sum(r.put.added for r in reports) == 70_671
    assert sum(r.refused for r in reports) == 0
    store = RecordStore(engine)
    assert store.counts()["Patient"] == 615
    assert store.without_patient() == 0
    records = [store.record(p.person) for p in store.persons()]
    with_all = [
        r
        for r in records
        if r.smoking is not None
        and all(r.series(k) for k in ("systolic_bp", "total_cholesterol", "hdl_cholesterol"))
    ]
    assert len(with_all) == 426
    assert sum(not r.demographics.deceased for r in with_all) == 315
    assert sum(bool(r.series("uacr")) for r in records) == 36
    assert seconds < 30
    engine.dispose()


@pytest.mark.skipif(not FHIR.is_dir(), reason="the shared FHIR samples are not here")
def test_untouched_synthea_bundles(engine):
    reports = list(import_files(engine, [FHIR / "synthea-r4-raw-bundles"]))
    assert [r.state for r in reports] == ["imported"] * 15
    assert sum(r.refused for r in reports) == 0
    store = RecordStore(engine)
    assert len(store.persons()) == 15 and store.without_patient() == 0
    assert all(store.record(p.person).series("ldl_cholesterol") for p in store.persons())
