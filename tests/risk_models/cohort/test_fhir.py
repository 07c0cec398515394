import gzip
import time
from datetime import date
from pathlib import Path

import orjson
import polars as pl
import pytest

from risk_models.cohort.errors import InputFileError, MappingError
from risk_models.cohort.fhir_input import read_export
from risk_models.cohort.fhir_resources import fhir_codes
from risk_models.cohort.issues import Issue
from risk_models.cohort.mapping import TableMapping
from risk_models.cohort.run import read_counts, read_manifest
from tests.risk_models.cohort.tables import CONSTANTS, issues, scored
from tests.risk_models.cohort.test_persons import people

SYNTHEA = Path(__file__).parents[4] / "shared" / "data" / "fhir" / "synthea-r4-615"
needs_synthea = pytest.mark.skipif(not SYNTHEA.is_dir(), reason=f"no Synthea export at {SYNTHEA}")
PREVENT = "prevent_2023"


def patient(number, **more):
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "gender": "male",
        "birthDate": "1965-03-01",
        "address": [{"city": "上海", "district": "浦东新区"}],
        "name": [{"family": "Secret"}],
        **more,
    }


def observation(person, code, value, unit, day="2025-01-01T08:00:00Z", **more):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/p{person}"},
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "code": unit},
        **more,
    }


def pressure(person, systolic, day="2025-01-01"):
    whole = observation(person, "85354-9", 0, "mm[Hg]", day)
    del whole["valueQuantity"]
    whole["component"] = [
        {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "unit": "mmHg"}}
        for code, value in (("8480-6", systolic), ("8462-4", 80))
    ]
    return whole


def condition(person, code, status="active", **more):
    return {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"code": status}]},
        "code": {"coding": [{"code": code}]},
        "subject": {"reference": f"urn:uuid:p{person}"},
        **more,
    }


def everything(person):
    smoking = observation(person, "72166-2", 0, "")
    del smoking["valueQuantity"]
    smoking["valueCodeableConcept"] = {"coding": [{"code": "8517006"}]}
    return [
        patient(person),
        pressure(person, 145),
        observation(person, "2093-3", 201.084, "mg/dL"),
        observation(person, "14646-4", 1.3, "mmol/L"),
        observation(person, "2160-0", 0.9, "mg/dL"),
        observation(person, "8302-2", 170, "cm"),
        observation(person, "29463-7", 70, "kg"),
        smoking,
        condition(person, "E11.9"),
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "medicationCodeableConcept": {"text": "苯磺酸氨氯地平片 5mg"},
            "subject": {"reference": f"Patient/p{person}"},
        },
    ]


def write(folder, resources, name="export.ndjson"):
    folder.mkdir(exist_ok=True)
    lines = [r if isinstance(r, bytes) else orjson.dumps(r) for r in resources]
    data = b"\n".join(lines) + b"\n"
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def test_a_whole_person(tmp_path):
    found = scored(write(tmp_path / "in", everything(1)), tmp_path / "out", PREVENT)
    assert found.get_column("prevent_2023.total_cvd_10y")[0] == pytest.approx(0.19, abs=0.05)
    record = people(tmp_path / "out").row(0, named=True)
    assert record["age"] == 60 and record["district"] == "浦东新区"
    assert record["total_cholesterol_mg_dl"] == 201.084
    assert record["total_cholesterol_mmol_l"] == pytest.approx(5.2)
    assert record["hdl_cholesterol_mmol_l"] == 1.3 and record["hdl_cholesterol_mg_dl"] is None
    assert (record["current_smoker"], record["ever_smoker"]) == (False, True)
    assert record["diabetes"] is True and record["bp_treated"] is True
    # The list of conditions is part of the export, so what it lacks is "no".
    assert record["ascvd"] is False and record["statin"] is False
    assert record["derived"] == "bmi egfr ckd_stage"
    assert "Secret" not in str(record)


def test_without_lists_of_conditions_nothing_is_known(tmp_path):
    only = [r for r in everything(1) if r["resourceType"] in ("Patient", "Observation")]
    scored(write(tmp_path / "in", only), tmp_path / "out", PREVENT)
    assert people(tmp_path / "out").row(0, named=True)["diabetes"] is None
    assert read_manifest(tmp_path / "out").absent_means_no == ()


def test_latest_by_date_and_what_is_not_used(tmp_path):
    more = [
        pressure(1, 160, "2025-03-01"),
        pressure(1, 150, "2024-03-01"),
        {**pressure(1, 190, "2025-04-01"), "status": "entered-in-error"},
        pressure(1, 200, "2031-04-01"),
        observation(1, "2160-0", 1.9, "mg/dL", "2025-04-01", status="preliminary"),
        observation(1, "2093-3", 5.2, "mg/dL", "2025-04-01"),
        observation(1, "2093-3", 5.2, "furlong", "2025-04-01"),
        {
            **observation(1, "14646-4", 2, "mmol/L", "2025-04-01"),
            "valueQuantity": {"value": 2, "code": "mmol/L", "comparator": "<"},
        },
        condition(1, "53741008", verificationStatus={"coding": [{"code": "refuted"}]}),
        patient(1, gender="female"),
        patient(2, birthDate="2065-01-01", deceasedBoolean=False),
        patient(3, deceasedDateTime="2024-01-01"),
        b"{not json",
        b'{"resourceType": 3}',
    ]
    scored(write(tmp_path / "in", everything(1) + more), tmp_path / "out", PREVENT)
    record = people(tmp_path / "out").row(0, named=True)
    assert record["systolic_bp"] == 160 and record["total_cholesterol_mg_dl"] == 201.084
    assert record["creatinine_mg_dl"] == 0.9 and record["hdl_cholesterol_mmol_l"] == 1.3
    assert record["prevalent_cvd"] is False and record["sex"] == "male"
    kinds = issues(tmp_path / "out").group_by("field", "issue").len().rows()
    assert ("systolic_bp", Issue.BAD_DATE.value, 1) in kinds
    assert ("total_cholesterol", Issue.IMPLAUSIBLE.value, 1) in kinds
    assert ("total_cholesterol", Issue.UNIT_UNKNOWN.value, 1) in kinds
    assert ("person_id", Issue.DUPLICATE.value, 1) in kinds
    assert ("birth_date", Issue.FUTURE_BIRTH.value, 1) in kinds
    assert (None, "line not readable", 2) in kinds
    totals = dict(read_counts(tmp_path / "out").totals.iter_rows())
    assert totals == {"rows": 0, "people": 2, "deceased": 1}


def test_parts_change_nothing(tmp_path, monkeypatch):
    resources = [r for n in range(40) for r in everything(n)]
    folder = write(tmp_path / "in", resources, "export.ndjson.gz")
    whole = scored(folder, tmp_path / "a", PREVENT)
    monkeypatch.setattr("risk_models.cohort.fhir_persons.VALUES_A_PART", 50)
    monkeypatch.setattr("risk_models.cohort.fhir_input.VALUES_AT_ONCE", 33)
    assert scored(folder, tmp_path / "b", PREVENT).equals(whole)
    assert whole.height == 40


def test_local_codes(tmp_path):
    resources = [*everything(1), observation(1, "LAB-17", 99, "cm")]
    folder = write(tmp_path / "in", resources)
    mapping = TableMapping(constants=CONSTANTS, codes={"LAB-17": "waist"})
    found = scored(folder, tmp_path / "out", mapping=mapping)
    assert found.get_column("china_par_10y.ascvd_10y").null_count() == 0
    with pytest.raises(MappingError, match="nonsense"):
        scored(folder, tmp_path / "out", mapping=TableMapping(codes={"X": "nonsense"}))


def test_an_export_without_patients_is_refused(tmp_path):
    with pytest.raises(InputFileError, match="no Patient"):
        scored(write(tmp_path / "in", everything(1)[1:]), tmp_path / "out")


@needs_synthea
def test_synthea_end_to_end(tmp_path):
    scored(SYNTHEA, tmp_path / "out", PREVENT, as_of=date(2021, 4, 1))
    counts = read_counts(tmp_path / "out")
    totals = dict(counts.totals.iter_rows())
    assert (totals["people"], totals["deceased"]) == (491, 124)
    scored_people = counts.problems.filter(pl.col("problem") == "").get_column("count").item()
    assert 100 < scored_people < 200
    valid = dict(counts.completeness.select("field", "valid").iter_rows())
    assert valid["systolic_bp"] == 491
    no_unit = counts.issues.filter(
        (pl.col("field") == "systolic_bp") & (pl.col("issue") == Issue.UNIT_UNKNOWN.value)
    )
    assert no_unit.get_column("count").to_list() == [343]  # values without any unit in the file


@needs_synthea
def test_speed_of_a_bulk_import(tmp_path):
    before = time.process_time()
    export = read_export(SYNTHEA, tmp_path, fhir_codes())
    rate = sum(export.counts.values()) / (time.process_time() - before)
    assert sum(export.counts.values()) == 70_671
    assert rate > 20_000, f"{rate:.0f} resources a second of one core"
