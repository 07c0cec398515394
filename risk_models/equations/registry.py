"""Every equation there is, by name, and the panels that score several at once."""

from collections.abc import Mapping
from types import MappingProxyType

from risk_models.equations import (
    agatston,
    brock,
    cha2ds2_va,
    cha2ds2_vasc,
    china_par,
    chinese_diabetes_risk_score,
    ckb_cvd,
    ckd_epi_2009,
    ckd_epi_2021,
    findrisc,
    framingham_cvd,
    framingham_stroke_1994_men,
    framingham_stroke_2017,
    growth,
    has_bled,
    herder,
    hypertension_onset,
    ldl_friedewald,
    ldl_martin_hopkins,
    ldl_sampson,
    mayo_nodule,
    mesa_chd,
    pce,
    prevent,
    score2,
    score2_asia_pacific,
    score2_diabetes,
    score2_op,
    who_cvd,
)
from risk_models.equations.definition import Equation
from risk_models.errors import UnknownEquationError

EQUATIONS: Mapping[str, Equation] = MappingProxyType(
    {
        module.EQUATION.identifier: module.EQUATION
        for module in (
            china_par,
            ckb_cvd,
            prevent,
            who_cvd,
            score2,
            score2_op,
            score2_diabetes,
            score2_asia_pacific,
            pce,
            framingham_cvd,
            framingham_stroke_2017,
            framingham_stroke_1994_men,
            mesa_chd,
            hypertension_onset,
            chinese_diabetes_risk_score,
            findrisc,
            cha2ds2_vasc,
            cha2ds2_va,
            has_bled,
            ckd_epi_2021,
            ckd_epi_2009,
            ldl_friedewald,
            ldl_sampson,
            ldl_martin_hopkins,
            brock,
            mayo_nodule,
            herder,
            growth,
            agatston,
        )
    }
)
"""All equations by identifier; those for Chinese adults come first."""

PANELS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "af_scores": ("cha2ds2_vasc", "cha2ds2_va", "has_bled"),
        "egfr_ckd_epi": ("ckd_epi_2021", "ckd_epi_2009"),
        "ldl_equations": ("ldl_friedewald", "ldl_sampson", "ldl_martin_hopkins"),
        "solitary_nodule": ("mayo_nodule", "herder"),
    }
)
"""Equations that answer one question from one set of inputs."""


def equation_named(identifier: str) -> Equation:
    """Return the equation called `identifier`."""
    try:
        return EQUATIONS[identifier]
    except KeyError:
        names = ", ".join(EQUATIONS)
        raise UnknownEquationError(f"no equation {identifier!r}; there are: {names}") from None
