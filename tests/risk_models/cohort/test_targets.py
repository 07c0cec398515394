"""A guideline asked once per group answers as it does for each person."""

import numpy as np
import polars as pl
import pytest

from risk_models.cohort.followup import add_followup
from risk_models.cohort.targets import bp_targets, ldl_targets
from risk_models.guidelines import china_blood_pressure, china_cvd_2019, china_lipid
from risk_models.guidelines.classification import Classification
from tests.risk_models.cohort.tables import AS_OF

PEOPLE = 3000


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(5)

    def some(values, missing=0.15):
        gaps = rng.random(PEOPLE) < missing
        return pl.Series([None if gap else v for v, gap in zip(values, gaps, strict=True)])

    def flag(share):
        return some((rng.random(PEOPLE) < share).tolist())

    tc = np.round(rng.uniform(2.5, 8, PEOPLE), 1)
    return pl.DataFrame(
        {
            "age": some(np.floor(rng.uniform(15, 95, PEOPLE)).tolist(), 0.05),
            "sex": some(rng.choice(["male", "female"], PEOPLE).tolist(), 0.05),
            "total_cholesterol_mmol_l": some(tc.tolist()),
            "hdl_cholesterol_mmol_l": some(np.round(rng.uniform(0.7, 1.8, PEOPLE), 1).tolist()),
            "ldl_cholesterol_mmol_l": some(
                np.round(tc * rng.uniform(0.4, 0.9, PEOPLE), 1).tolist()
            ),
            "systolic_bp": some(rng.integers(90, 200, PEOPLE).astype(float).tolist()),
            "diastolic_bp": some(rng.integers(50, 120, PEOPLE).astype(float).tolist()),
            "bmi": some(np.round(rng.uniform(18, 35, PEOPLE), 1).tolist()),
            "ckd_stage": some(
                rng.choice([0.0, 3, 4, 5], PEOPLE, p=[0.85, 0.1, 0.03, 0.02]).tolist()
            ),
            "diabetes": flag(0.2),
            "hypertension": flag(0.3),
            "current_smoker": flag(0.3),
            "ascvd": flag(0.1),
            "prevalent_cvd": flag(0.1),
            "clinical_disease": flag(0.05),
            "severe_ascvd_events": some(rng.integers(0, 3, PEOPLE).astype(float).tolist(), 0.5),
            "ascvd_high_risk_factors": some(rng.integers(0, 4, PEOPLE).astype(float).tolist(), 0.5),
        }
    )


def given(row):
    return {name: value for name, value in row.items() if value is not None}


def test_ldl_targets_are_the_guidelines(people):
    memory = {}
    found = ldl_targets(people, memory)
    for row, answer in zip(people.iter_rows(named=True), found.iter_rows(), strict=True):
        wanted = china_lipid.ascvd_risk(given(row))
        if isinstance(wanted, Classification):
            assert answer == (wanted.category, wanted.details["ldl_target_mmol_l"]), row
        else:
            assert answer == (None, None), row
    assert found.get_column("ascvd_risk").n_unique() >= 6
    assert len(memory) < PEOPLE


def test_bp_targets_are_the_guidelines(people):
    found = bp_targets(people, {}).get_column("bp_target")
    for row, answer in zip(people.iter_rows(named=True), found, strict=True):
        disease = any(row[name] for name in ("ascvd", "prevalent_cvd", "clinical_disease"))
        if row["age"] is None or row["age"] < 18 or (row["age"] < 65 and not disease):
            assert answer is None
        else:
            wanted = china_blood_pressure.target(row["age"], "low", clinical_disease=disease)
            assert answer == wanted.category


def test_reassessment_is_the_guidelines(people):
    rng = np.random.default_rng(6)
    some = people.with_columns(
        has_hypertension=pl.Series(rng.random(PEOPLE) < 0.3),
        ldl_at_target=pl.Series(rng.random(PEOPLE) < 0.8),
        high_risk=pl.Series(rng.random(PEOPLE) < 0.2),
        date=pl.lit(AS_OF),
    )
    for row in add_followup(some, AS_OF, {}).iter_rows(named=True):
        factors = (
            row["has_hypertension"]
            or bool(row["diabetes"])
            or bool(row["current_smoker"])
            or not row["ldl_at_target"]
            or (row["bmi"] or 0) >= 28
        )
        if row["age"] is None:
            assert row["reassess"] is None
            continue
        wanted = china_cvd_2019.reassess_after(
            row["age"], high_risk=row["high_risk"], risk_factors=factors
        )
        assert row["reassess"] == (wanted.category if isinstance(wanted, Classification) else None)
        if row["reassess"] == "yearly":
            assert row["due"] == AS_OF.replace(year=AS_OF.year + 1) and not row["overdue"]
