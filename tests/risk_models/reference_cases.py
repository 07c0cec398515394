"""Reference cases of the risk equations and guidelines, and how each is compared.

``python -m tests.risk_models.reference_cases [FOLDER]`` compares every case file of a folder
(default: the copies in this repository) and prints what does not agree.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk_models import Result, score, score_panel
from risk_models.explain import Explanation, explain
from risk_models.guidelines import Classification, classify

HERE = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "risk" / "cases"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One expected value of one case beside ours; None where ours was refused."""

    case: int
    what: str
    expected: float | str | bool
    found: float | str | bool | None
    tolerance: float = 0.0

    @property
    def agrees(self) -> bool:
        if isinstance(self.expected, str | bool) or self.found is None:
            return self.found == self.expected
        # The last digit of a decimal fraction is not exact in binary.
        return abs(float(self.found) - self.expected) <= self.tolerance * (1 + 1e-9) + 1e-12


Case = Mapping[str, Any]
Found = Iterator[tuple[str, Any, Any, float]]


def number(
    equation: str, case: Case, outcome: str, variant: str | None = None, scale: float = 1.0
) -> float | None:
    """Our value for a case, times `scale`; None if refused."""
    found = score(equation, case["input"], variant)[outcome]
    return scale * found.value if isinstance(found, Result) else None


def category(equation: str, case: Case, outcome: str) -> str | None:
    found = score(equation, case["input"])[outcome]
    return found.category if isinstance(found, Result) else None


def prevent(case: Case) -> Found:
    for horizon, outcomes in case["expected"].items():
        for outcome, values in outcomes.items():
            ours = number("prevent_2023", case, f"{outcome}_{horizon.removesuffix('r')}")
            yield f"{horizon} {outcome}", values["full"], ours, 0.5e-8
            yield f"{horizon} {outcome} rounded", values["rounded_preventr"], ours, 0.5e-3


CHINA_PAR_VARIANTS = {
    "official_site_refit": "official_site",
    "paper_refined": "paper_refined",
    "published_2dp": "published_2dp",
}


def china_par(case: Case) -> Found:
    expected = case["expected"]

    def ours(variant: str) -> float | None:
        return number("china_par_10y", case, "ascvd_10y", variant, 100)

    for column, variant in CHINA_PAR_VARIANTS.items():
        yield variant, expected[column], ours(variant), 0.0005
    # The file says which variant a published figure belongs to, and how closely.
    paper = "paper_refined" in case["source"]
    variant, tolerance = ("paper_refined", 0.1) if paper else ("official_site", 0.05)
    yield "published risk", expected["risk_percent"], ours(variant), tolerance
    if "ideal_risk_percent" in expected:
        full = {name: value for name, value in case["input"].items() if "mg_dl" not in name}
        renamed = {
            "systolic_bp": full.pop("sbp"),
            "bp_treated": full.pop("treated"),
            "total_cholesterol_mmol_l": full.pop("tc_mmol_l"),
            "hdl_cholesterol_mmol_l": full.pop("hdl_mmol_l"),
            "north_of_yangtze": full.pop("north"),
            "family_history_ascvd": full.pop("family_history"),
        }
        found = explain("china_par_10y", {**full, **renamed}, "ascvd_10y")
        ideal = 100 * found.at_optimum if isinstance(found, Explanation) else None
        yield "ideal risk", expected["ideal_risk_percent"], ideal, 0.05


CKB_NAMES = {
    "ihd": "ischaemic_heart_disease_10y",
    "is": "ischaemic_stroke_10y",
    "hs": "haemorrhagic_stroke_10y",
    "cvd": "cvd_10y",
}


def ckb(case: Case) -> Found:
    for name, value in case["expected"].items():
        yield name, value, number("ckb_cvd", case, CKB_NAMES[name], scale=100), 0.5e-4


def who(case: Case) -> Found:
    ours = number("who_cvd_2019", case, "cvd_10y", scale=100)
    # Four decimals; one case (33.05665) was cut rather than rounded.
    tolerances = {"risk_percent_rounded": 0.5, "computed_full": 1e-4, "risk_percent": 1e-4}
    for name, value in case["expected"].items():
        yield name, value, ours, tolerances[name]


def score2(equation: str) -> Callable[[Case], Found]:
    # SCORE2 Asia-Pacific: the file asks for 0.06, a half-way rounding.
    tenth = 0.06 if equation == "score2_asia_pacific" else 0.05

    def compare(case: Case) -> Found:
        for name, value in case["expected"].items():
            if name == "variant":
                continue
            full = name == "risk_percent_author_full_precision"
            variant = "full_precision" if full else None
            tolerance = {"risk_percent_rounded": 0.5, "risk_percent": tenth}.get(name, 0.0005)
            yield name, value, number(equation, case, "cvd_10y", variant, 100), tolerance

    return compare


def rounded_and_full(equation: str, outcome: str) -> Callable[[Case], Found]:
    def compare(case: Case) -> Found:
        ours = number(equation, case, outcome, scale=100)
        yield "full", case["expected"]["full"], ours, 0.5e-4
        if "risk_percent" in case["expected"]:
            # Two sources cut where they should round: 5.3 for 5.384, 49.3 for 49.393.
            cut = "Goff" in case["source"] or "preventr" in case["source"]
            tolerance = 0.1 if cut else 0.05
            yield "risk_percent", case["expected"]["risk_percent"], ours, tolerance

    return compare


def stroke_2017(case: Case) -> Found:
    for name, value in case["expected"].items():
        ours = number("framingham_stroke_2017", case, f"stroke_{name.split('_')[1]}", scale=100)
        yield name, value, ours, case["tolerance"]


def stroke_1994(case: Case) -> Found:
    equation, expected = "framingham_stroke_1994_men", case["expected"]
    yield "points", expected["points"], number(equation, case, "points"), 0
    ours = number(equation, case, "stroke_10y", scale=100)
    yield "probability", expected["probability_percent"], ours, 0


def mesa(case: Case) -> Found:
    for name in ("without_cac", "with_cac"):
        ours = number("mesa_chd_cac_2015", case, "chd_10y", name, 100)
        yield f"{name} unclipped", case["unclipped"][name], ours, 0.5e-4
        clipped = None if ours is None else min(max(ours, 1.0), 30.0)
        yield name, case["expected"][name], clipped, case["tolerance"]


def hypertension(case: Case) -> Found:
    for name, value in case["expected"].items():
        years = name.removeprefix("risk_")
        ours = number("hypertension_onset", case, f"hypertension_{years}", scale=100)
        yield name, value, ours, case["tolerance"]


def findrisc(case: Case) -> Found:
    yield "score", case["expected"]["score"], number("findrisc", case, "points"), 0
    yield "band", case["expected"]["band"], category("findrisc", case, "points"), 0


def cdrs(case: Case) -> Found:
    yield "score", case["expected"]["score"], number("cdrs_2013", case, "points"), 0
    found = category("cdrs_2013", case, "points")
    high = None if found is None else found.startswith("high")
    yield "high_risk", case["expected"]["high_risk"], high, 0


def atrial_fibrillation(case: Case) -> Found:
    for name, value in case["expected"].items():
        yield name, value, number(name, case, "points"), 0


def kidney(case: Case) -> Found:
    tolerances = {"ckd_epi_2021": 0.5e-4, "ckd_epi_2021_rounded": 0.5, "ckd_epi_2009": 0.5e-4}
    for name, value in case["expected"].items():
        key = name.removesuffix("_nonblack")
        equation = key.removesuffix("_rounded")
        yield name, value, number(equation, case, "egfr"), tolerances[key]


def ldl(case: Case) -> Found:
    panel = {found.equation: found for found in score_panel("ldl_equations", case["input"])}

    def ours(equation: str, outcome: str) -> float | None:
        found = panel[equation][outcome]
        return found.value if isinstance(found, Result) else None

    places = {
        "friedewald": ("ldl_friedewald", "ldl_cholesterol", 0.5e-3),
        "sampson": ("ldl_sampson", "ldl_cholesterol", 0.5e-3),
        "martin_hopkins": ("ldl_martin_hopkins", "ldl_cholesterol", 0.05),
        "martin_hopkins_factor": ("ldl_martin_hopkins", "triglyceride_factor", 0.0),
        "non_hdl": ("ldl_friedewald", "non_hdl_cholesterol", 1e-9),
    }
    for name, value in case["expected"].items():
        equation, outcome, tolerance = places[name]
        yield name, value, ours(equation, outcome), tolerance


def brock(case: Case) -> Found:
    ours = number("brock_pancan", case, "lung_cancer", scale=100)
    yield "probability", case["expected"]["probability_percent"], ours, 0.5e-5


def mayo(case: Case) -> Found:
    for equation, name in (("mayo_nodule", "mayo_percent"), ("herder", "herder_percent")):
        ours = number(equation, case, "lung_cancer", scale=100)
        yield name, case["expected"][name], ours, 0.5e-5


def growth(case: Case) -> Found:
    ours = number("growth_vdt", case, "doubling_time")
    yield "vdt_days", case["expected"]["vdt_days"], ours, 0.5e-4


def calcium(case: Case) -> Found:
    yield "score", case["expected"]["score"], number("agatston", case, "score"), 1e-12


def guideline(name: str) -> Callable[[Case], Found]:
    def compare(case: Case) -> Found:
        answer = classify(name, case["input"])
        found = answer.category if isinstance(answer, Classification) else None
        for key, value in case["expected"].items():
            ours: Any = found
            if key == "isolated_systolic" and isinstance(answer, Classification):
                ours = answer.details[key]
            yield key, value, ours, 0

    return compare


COMPARE: dict[str, Callable[[Case], Found]] = {
    "china_par_10y": china_par,
    "ckb_cvd": ckb,
    "prevent_2023": prevent,
    "who_cvd_2019": who,
    **{
        name: score2(name)
        for name in ("score2", "score2_op", "score2_diabetes", "score2_asia_pacific")
    },
    "pce_2013": rounded_and_full("pce_2013", "ascvd_10y"),
    "framingham_cvd_2008": rounded_and_full("framingham_cvd_2008", "cvd_10y"),
    "framingham_stroke_2017": stroke_2017,
    "framingham_stroke_1994_men": stroke_1994,
    "mesa_chd_cac_2015": mesa,
    "hypertension_onset": hypertension,
    "cdrs_2013": cdrs,
    "findrisc": findrisc,
    "af_scores": atrial_fibrillation,
    "egfr_ckd_epi": kidney,
    "ldl_equations": ldl,
    "brock_pancan": brock,
    "mayo_nodule": mayo,
    "growth_vdt": growth,
    "agatston": calcium,
    **{
        name: guideline(name)
        for name in (
            "china_bp_2018_2024",
            "china_lipid_2023",
            "diabetes_diagnosis",
            "china_cvd_guideline_2019_flow",
        )
    },
}
"""How the cases of each file are compared, by file name."""


def load(name: str, folder: Path = HERE) -> list[Case]:
    """Cases of one file."""
    cases: list[Case] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return cases


def compare(name: str, folder: Path = HERE) -> list[Comparison]:
    """Every expected value of a file beside ours."""
    return [
        Comparison(position, *found)
        for position, case in enumerate(load(name, folder))
        for found in COMPARE[name](case)
    ]


def main(folder: Path) -> int:
    """Print the agreement of every known file in `folder`; 1 if anything differs."""
    differing = 0
    for name in COMPARE:
        if not (folder / f"{name}.json").exists():
            continue
        found = compare(name, folder)
        wrong = [comparison for comparison in found if not comparison.agrees]
        print(f"{name}: {len(found) - len(wrong)} of {len(found)} values agree")
        for comparison in wrong:
            print(f"  {comparison}")
        differing += len(wrong)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE))
