"""R's fits of the teaching cohorts beside ours.

``python -m tests.risk_models.survival.reference_cases [CASES.json [COHORT_FOLDER]]`` prints, for
each case, how many values agree and the largest difference of each kind.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from risk_models.survival.assumptions import proportional_hazards_tests
from risk_models.survival.baseline import efron
from risk_models.survival.competing import aalen_johansen
from risk_models.survival.cox import fit_cox
from risk_models.survival.data import NO_STRATUM, SurvivalData, survival_data
from risk_models.survival.metrics.harrell_c import harrell_c
from risk_models.survival.metrics.kaplan_meier import kaplan_meier
from risk_models.survival.prediction import ProportionalHazards

SHARED = Path(__file__).parents[4] / "shared"
CASES = SHARED / "risk" / "cases" / "cohort_survival_models.json"
COHORTS = SHARED / "data" / "cohorts"

TOLERANCES = {
    # R stops when the likelihood changes by less than 1e-9 of itself; ours are fitted further.
    "coef": 2e-7,
    "se": 2e-8,
    "loglik": 1e-8,
    "concordance": 1e-10,
    "km": 1e-10,
    "zph_p": 1e-8,
    "baseline_survival": 1e-10,
    # R's baseline after Efron's ties is Efron's estimate; models carry Breslow's, as lifelines.
    "survival_of_model": 1e-5,
    "aalen_johansen": 1e-10,
    "counts": 0.0,
}
"""Largest absolute difference that counts as agreement, by kind of value."""


@dataclass(frozen=True, slots=True)
class Comparison:
    case: str
    kind: str
    what: str
    expected: float
    found: float

    @property
    def difference(self) -> float:
        return abs(self.found - self.expected)

    @property
    def agrees(self) -> bool:
        return self.difference <= TOLERANCES[self.kind]


@cache
def read(name: str, folder: Path) -> pl.DataFrame:
    if name.endswith(".arff"):
        return _read_arff(folder / name)
    return pl.read_csv(folder / name, null_values=["NA", ""], infer_schema_length=None)


def _read_arff(path: Path) -> pl.DataFrame:
    lines = path.read_text().splitlines()
    names = [line.split()[1] for line in lines if line.lower().startswith("@attribute")]
    start = next(i for i, line in enumerate(lines) if line.lower().startswith("@data")) + 1
    rows = [line.replace("'", "").split(",") for line in lines[start:] if line]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.all().cast(pl.Float64))


def framingham(folder: Path) -> pl.DataFrame:
    rows = read("framingham_riskCommunicator_long.csv", folder).filter(pl.col("PERIOD") == 1)
    return rows.with_columns(FEMALE=pl.col("SEX") == 2)


def framingham_cvd(folder: Path) -> pl.DataFrame:
    model = ["AGE", "SYSBP", "BPMEDS", "CURSMOKE", "TOTCHOL", "DIABETES", "BMI"]
    rows = framingham(folder).filter(PREVCHD=0, PREVSTRK=0).filter(pl.col("TIMECVD") > 0)
    return rows.drop_nulls(model).rename({"TIMECVD": "time", "CVD": "event"})


def framingham_10y(folder: Path) -> pl.DataFrame:
    late = pl.col("time") > 3652
    return framingham_cvd(folder).with_columns(
        event=pl.when(late).then(0).otherwise("event"),
        time=pl.col("time").clip(upper_bound=3652),
    )


def framingham_stroke(folder: Path) -> pl.DataFrame:
    rows = framingham_cvd(folder).filter(pl.col("TIMESTRK") > 0).drop("time", "event")
    return rows.rename({"TIMESTRK": "time", "STROKE": "event"})


def framingham_hypertension(folder: Path) -> pl.DataFrame:
    rows = framingham(folder).filter(PREVHYP=0).filter(pl.col("TIMEHYP") > 0)
    model = ["AGE", "SYSBP", "DIABP", "CURSMOKE", "BMI"]
    return rows.drop_nulls(model).rename({"TIMEHYP": "time", "HYPERTEN": "event"})


def heart_failure(folder: Path) -> pl.DataFrame:
    rows = read("heart_failure_clinical_records.csv", folder)
    return rows.rename({"DEATH_EVENT": "event"}).with_columns(
        ln_serum_creatinine=pl.col("serum_creatinine").log()
    )


def nhanes(folder: Path) -> pl.DataFrame:
    rows = read("nhanes_2003_2006_covariates_mortality2015.csv", folder)
    rows = rows.filter(
        pl.col("RIDAGEYR").is_between(40, 84),
        pl.col("BMI").is_not_null(),
        pl.col("permth_exm") > 0,
        pl.col("SmokeCigs").is_not_null(),
        pl.col("Diabetes").is_in(["Yes", "No", "Borderline"]),
    )
    return rows.with_columns(
        FEMALE=pl.col("Gender") == "Female",
        CURRENT=pl.col("SmokeCigs") == "Current",
        FORMER=pl.col("SmokeCigs") == "Former",
        DM=pl.col("Diabetes") == "Yes",
        time="permth_exm",
        event="mortstat",
    )


def nhanes_cause_specific(folder: Path) -> pl.DataFrame:
    cardiovascular = pl.col("ucod_leading").cast(pl.Int64, strict=False).is_in([1, 5])
    return nhanes(folder).with_columns(
        event=pl.when(pl.col("mortstat") == 0)
        .then(0)
        .when(cardiovascular.fill_null(value=False))
        .then(1)
        .otherwise(2)
    )


def whas500(folder: Path) -> pl.DataFrame:
    return read("sksurv_whas500.arff", folder).rename({"lenfol": "time", "fstat": "event"})


ROWS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    "framingham_cvd": framingham_cvd,
    "framingham_cvd_10y_censored": framingham_10y,
    "framingham_stroke": framingham_stroke,
    "framingham_hypertension_onset": framingham_hypertension,
    "heart_failure_death": heart_failure,
    "nhanes_death": nhanes,
    "nhanes_cvd_death_cause_specific": nhanes_cause_specific,
    "whas500_death": whas500,
}
"""How the rows of each case are chosen, by its name."""


def cohort(name: str, covariates: list[str], folder: Path = COHORTS) -> SurvivalData:
    return survival_data(ROWS[name](folder), duration="time", event="event", covariates=covariates)


Found = Iterator[tuple[str, str, float, float]]


def compare(expected: Mapping[str, Any], folder: Path = COHORTS) -> list[Comparison]:
    """Every value of one case beside ours."""
    return [
        Comparison(expected["name"], *(kind, what), float(theirs), float(ours))
        for kind, what, theirs, ours in _compare(expected, folder)
    ]


def _compare(expected: Mapping[str, Any], folder: Path) -> Found:
    data = cohort(expected["name"], list(expected["coef"]), folder)
    fit = fit_cox(data)
    yield "counts", "n", expected["n"], fit.n
    yield "counts", "events", expected["events"], fit.events
    for coefficient in fit.coefficients:
        yield "coef", coefficient.name, expected["coef"][coefficient.name], coefficient.value
        yield "se", coefficient.name, expected["se"][coefficient.name], coefficient.standard_error
    null, value = expected["loglik"]
    yield "loglik", "null", null, fit.log_likelihood_null
    yield "loglik", "model", value, fit.log_likelihood
    risk = fit.prediction.linear_predictor(data.x)
    c = harrell_c(data.time, data.event == 1, risk)
    yield "concordance", "Harrell", expected["concordance"], c
    curve = kaplan_meier(data.time, data.event == 1)
    for time, survival in expected["km"].items():
        yield "km", time, survival, curve.at(float(time))[0]
    if "zph_p" in expected:
        for test in proportional_hazards_tests(data, fit):
            yield "zph_p", test.name, expected["zph_p"][test.name], test.p
    if "baseline_survival_at_reference" in expected:
        yield from _baseline(expected, data, fit.prediction)
    for time, causes in expected.get("aalen_johansen_cif", {}).items():
        for code, cause in ((1, "cvd"), (2, "other")):
            ours = aalen_johansen(data.time, data.event, code).at(float(time))[0]
            yield "aalen_johansen", f"{cause} {time}", causes[cause], ours


def _baseline(expected: Mapping[str, Any], data: SurvivalData, model: ProportionalHazards) -> Found:
    reference = np.array([[expected["reference_covariates"][n] for n in data.covariates]])
    relative = (data.x - reference) @ model.coefficients
    curve = efron(data, relative)[NO_STRATUM]
    for time, survival in expected["baseline_survival_at_reference"].items():
        ours = np.exp(-curve.at(np.array([float(time)]))[0])
        yield "baseline_survival", time, survival, ours
        yield "survival_of_model", time, survival, 1 - model.risk(reference, float(time))[0, 0]


def load(path: Path = CASES) -> list[Mapping[str, Any]]:
    return [case["expected"] for case in json.loads(path.read_text(encoding="utf-8"))["cases"]]


def main(path: Path, folder: Path) -> int:
    differing = 0
    for expected in load(path):
        if expected["name"] not in ROWS:
            print(f"{expected['name']}: no rule here for which rows it uses")
            differing += 1
            continue
        try:
            found = compare(expected, folder)
        except FileNotFoundError as error:
            print(f"{expected['name']}: not compared, {error.filename} is not at hand")
            continue
        wrong = [item for item in found if not item.agrees]
        print(f"{expected['name']}: {len(found) - len(wrong)} of {len(found)} values agree")
        for kind in dict.fromkeys(item.kind for item in found):
            largest = max(item.difference for item in found if item.kind == kind)
            print(f"  {kind:18} largest difference {largest:.1e}, allowed {TOLERANCES[kind]:.0e}")
        for item in wrong:
            print(f"  {item}")
        differing += len(wrong)
    return 1 if differing else 0


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    sys.exit(main(*(given + [CASES, COHORTS][len(given) :])))
