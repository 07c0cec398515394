"""Packages of PyPI that compute the same equations, one adapter each, for `risk_equations`.

They are no dependency of this project: one that is not installed is left out, with the
command that installs it.
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import polars as pl

from risk_models.equations.registry import equation_named
from risk_models.short_names import expand
from risk_models.units import CHOLESTEROL_MG_DL_PER_MMOL_L

Person = Mapping[str, Any]
"""Field names and units as `risk_models.evaluate` takes them."""

OnePerson = Callable[[Person], Callable[[], float]]
"""Makes a call that scores the person; what it returns is in per cent, or in points."""

Table = Callable[[pl.DataFrame], Callable[[], object]]
"""Makes a call that scores a table of people; the conversion to pandas is not part of it."""

CASES = Path(__file__).parents[2] / "tests" / "risk_models" / "data"


@dataclass(frozen=True, slots=True)
class Peer:
    """One equation of one package.

    Parameters
    ----------
    package
        Name on PyPI.
    equation, outcome
        The same equation here.
    step
        What the package rounds its numbers to; 0 if it does not round.
    load
        Imports the package and returns its adapter.
    load_table
        The same for its function of whole tables, where it has one.
    """

    package: str
    equation: str
    outcome: str
    step: float
    load: Callable[[], OnePerson]
    load_table: Callable[[], Table] | None = None


def loaded(peer: Peer) -> OnePerson | str:
    """The adapter, or why there is none: not installed, or its own error."""
    try:
        # One of them prints an example when it is imported.
        with contextlib.redirect_stdout(io.StringIO()):
            return peer.load()
    except ImportError as error:
        try:
            version = metadata.version(peer.package)
        except metadata.PackageNotFoundError:
            return f"not installed (pip install {peer.package})"
        return f"{version} cannot be imported: {error}"


def published_cases(peer: Peer) -> Iterator[tuple[Person, float]]:
    """People with a published number, in per cent or points."""
    name = "af_scores" if peer.equation in ("cha2ds2_vasc", "has_bled") else peer.equation
    content = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    for case in content["cases"]:
        value = _expected(peer, case["expected"])
        if value is not None and case["input"].get("model", "base") == "base":
            person, _ = expand(equation_named(peer.equation), case["input"])
            yield person, value


def _expected(peer: Peer, expected: Mapping[str, Any]) -> float | None:
    if peer.equation == "prevent_2023":
        return 100 * float(expected["10yr"]["total_cvd"]["full"])
    if peer.equation in expected:
        return float(expected[peer.equation])
    value = expected.get("full", expected.get("risk_percent"))
    return None if value is None else float(value)


def _pyprevent() -> OnePerson:
    score = import_module("pyprevent").calculate_10_yr_cvd_risk

    def one(p: Person) -> Callable[[], float]:
        values = (
            p["sex"],
            float(p["age"]),
            float(p["total_cholesterol_mg_dl"]),
            float(p["hdl_cholesterol_mg_dl"]),
            float(p["systolic_bp"]),
            bool(p["diabetes"]),
            bool(p["current_smoker"]),
            float(p["bmi"]),
            float(p["egfr"]),
            bool(p["bp_treated"]),
            bool(p["statin"]),
        )
        return lambda: float(score(*values))

    return one


def _pyprevent_table() -> Table:
    score = import_module("pyprevent").batch_calculate_10_yr_cvd_risk
    names = {
        "total_cholesterol_mg_dl": "total_cholesterol",
        "hdl_cholesterol_mg_dl": "hdl_cholesterol",
        "diabetes": "has_diabetes",
        "bp_treated": "on_htn_meds",
        "statin": "on_cholesterol_meds",
    }

    def table(people: pl.DataFrame) -> Callable[[], object]:
        frame = people.rename(names).to_pandas()
        return lambda: score(frame)

    return table


def _cvd_risk(module: str, model: str, mg_dl_per_mmol_l: float) -> Callable[[], OnePerson]:
    """Its input is one checked object for all models, made anew for each person."""

    def load() -> OnePerson:
        patient = import_module("cvd_risk.core.validation").PatientData
        score = getattr(import_module(f"cvd_risk.models.{module}"), model)().calculate

        def one(p: Person) -> Callable[[], float]:
            lipids = {
                name: p[f"{name}_mmol_l"]
                if f"{name}_mmol_l" in p
                else p[f"{name}_mg_dl"] / mg_dl_per_mmol_l
                for name in ("total_cholesterol", "hdl_cholesterol")
            }
            values = {
                **lipids,
                "age": int(p["age"]),
                "sex": p["sex"],
                "systolic_bp": p["systolic_bp"],
                "smoking": bool(p["current_smoker"]),
                "diabetes": bool(p["diabetes"]),
                "antihypertensive": bool(p.get("bp_treated", False)),
                "statin_use": bool(p.get("statin", False)),
                "egfr": p.get("egfr"),
                "race": p.get("race", "white"),
                "region": str(p.get("region", "Low")).lower().replace(" ", "_"),
            }
            return lambda: float(score(patient(**values)).risk_score)

        return one

    return load


def _cvd_risk_table(module: str, model: str) -> Callable[[], Table]:
    factor = CHOLESTEROL_MG_DL_PER_MMOL_L

    def load() -> Table:
        score = getattr(import_module(f"cvd_risk.models.{module}"), model)().calculate_batch

        def table(people: pl.DataFrame) -> Callable[[], object]:
            frame = people.select(
                "age",
                "sex",
                "systolic_bp",
                "diabetes",
                "egfr",
                "race",
                pl.col("total_cholesterol_mg_dl").alias("total_cholesterol") / factor,
                pl.col("hdl_cholesterol_mg_dl").alias("hdl_cholesterol") / factor,
                pl.col("current_smoker").alias("smoking"),
                pl.col("bp_treated").alias("antihypertensive"),
                pl.col("statin").alias("statin_use"),
                pl.col("region").str.to_lowercase(),
            ).to_pandas()
            return lambda: score(frame)

        return table

    return load


def _ascvd() -> OnePerson:
    score = import_module("ascvd").compute_ten_year_score

    def one(p: Person) -> Callable[[], float]:
        values = (
            p["sex"] == "male",
            p["race"] == "black",
            bool(p["current_smoker"]),
            bool(p["bp_treated"]),
            bool(p["diabetes"]),
            p["age"],
            p["systolic_bp"],
            p["total_cholesterol_mg_dl"],
            p["hdl_cholesterol_mg_dl"],
        )
        return lambda: float(score(*values))

    return one


def _emji() -> OnePerson:
    formula = import_module("ascvd_calculator").ASCVDFormulaExtended

    def one(p: Person) -> Callable[[], float]:
        values = {
            "age": p["age"],
            "sex": p["sex"],
            "race": "african_american" if p["race"] == "black" else p["race"],
            "systolic_bp": p["systolic_bp"],
            "total_cholesterol": p["total_cholesterol_mg_dl"],
            "hdl_cholesterol": p["hdl_cholesterol_mg_dl"],
            "diabetes": bool(p["diabetes"]),
            "smoker": bool(p["current_smoker"]),
            "hypertension_treatment": bool(p["bp_treated"]),
            # Asked for, not used by the equation.
            "diastolic_bp": 80,
            "ldl_cholesterol": 100,
            "statin": False,
            "aspirin": False,
        }
        return lambda: float(formula(**values).ten_year_risk().removesuffix("%"))

    return one


def _pyascvd() -> OnePerson:
    score = import_module("pyascvd").ascvd

    def one(p: Person) -> Callable[[], float]:
        values = {
            "age": p["age"],
            "sex": p["sex"],
            "race": p["race"],
            "systolic_blood_pressure": p["systolic_bp"],
            "total_cholesterol": p["total_cholesterol_mg_dl"],
            "hdl_cholesterol": p["hdl_cholesterol_mg_dl"],
            "diabetes": bool(p["diabetes"]),
            "smoker": bool(p["current_smoker"]),
            "on_hypertension_treatment": bool(p["bp_treated"]),
        }
        return lambda: float(score(**values))

    return one


def _acribis_vasc() -> OnePerson:
    score = import_module("acribis_scores.chads_vasc").calc_chads_vasc_score

    def one(p: Person) -> Callable[[], float]:
        values = {
            "Congestive heart failure/LV dysfunction": bool(p["congestive_heart_failure"]),
            "Hypertension": bool(p["hypertension"]),
            "Age ≥75y": p["age"] >= 75,
            "Diabetes mellitus": bool(p["diabetes"]),
            "Stroke/TIA/TE": bool(p["stroke_tia_thromboembolism"]),
            "Vascular diseases": bool(p["vascular_disease"]),
            "Age 65-74y": 65 <= p["age"] < 75,
            "Sex category": p["sex"] == "female",
        }
        return lambda: float(score(values))

    return one


PREVENT_MG_DL_PER_MMOL_L = 1 / 0.02586
"""The conversion of the published PREVENT equations."""

PEERS = (
    Peer("pyprevent", "prevent_2023", "total_cvd_10y", 0.0, _pyprevent, _pyprevent_table),
    Peer(
        "cvd-risk",
        "prevent_2023",
        "total_cvd_10y",
        0.0,
        _cvd_risk("prevent", "Prevent", PREVENT_MG_DL_PER_MMOL_L),
        _cvd_risk_table("prevent", "Prevent"),
    ),
    Peer(
        "cvd-risk",
        "score2",
        "cvd_10y",
        0.0,
        _cvd_risk("score2", "SCORE2", CHOLESTEROL_MG_DL_PER_MMOL_L),
        _cvd_risk_table("score2", "SCORE2"),
    ),
    Peer(
        "cvd-risk",
        "pce_2013",
        "ascvd_10y",
        0.0,
        _cvd_risk("ascvd", "ASCVD", CHOLESTEROL_MG_DL_PER_MMOL_L),
        _cvd_risk_table("ascvd", "ASCVD"),
    ),
    Peer("ascvd", "pce_2013", "ascvd_10y", 0.1, _ascvd),
    Peer("emji-ascvd-calculator", "pce_2013", "ascvd_10y", 0.1, _emji),
    Peer("pyascvd", "pce_2013", "ascvd_10y", 0.1, _pyascvd),
    Peer("acribis-scores", "cha2ds2_vasc", "points", 0.0, _acribis_vasc),
)
