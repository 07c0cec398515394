"""Yes/no questions about a person that are counted: disease, control, care gaps.

An indicator is true, false, or null for people it does not ask about; a rate is the number
of true among true and false.
"""

from dataclasses import dataclass

import polars as pl

from risk_models.cohort.scoring import ChosenEquation
from risk_models.cohort.targets import (
    BP_TARGET_BELOW,
    HBA1C_TARGET_PERCENT,
    Memory,
    bp_targets,
    ldl_targets,
)
from risk_models.guidelines.china_blood_pressure import EDITION_2024, HYPERTENSION_FROM
from risk_models.guidelines.china_lipid import GUIDELINE as LIPID_GUIDELINE
from risk_models.text import N_


@dataclass(frozen=True, slots=True)
class Indicator:
    """A question that is counted.

    Parameters
    ----------
    name
        Its column.
    title
        What true means, in English; translated in reports.
    asked_of
        Whom it is asked of, in English.
    good
        Whether a high rate is good (control) or bad (disease, gap); None if neither.
    source
        Rule it follows.
    """

    name: str
    title: str
    asked_of: str
    good: bool | None
    source: str


PREVALENCES = (
    Indicator(
        "has_hypertension",
        N_("Hypertension: known, treated, or 140/90 mmHg and above"),
        N_("people with a blood pressure or a known answer"),
        None,
        EDITION_2024.citation,
    ),
    Indicator("has_diabetes", N_("Diabetes: known"), N_("people with a known answer"), None, ""),
    Indicator(
        "high_risk",
        N_("High class of the main equation"),
        N_("people with a class"),
        False,
        "",
    ),
)
CONTROLS = (
    Indicator(
        "bp_below_140_90",
        N_("Blood pressure below 140/90 mmHg"),
        N_("people with hypertension and a blood pressure"),
        True,
        EDITION_2024.citation,
    ),
    Indicator(
        "bp_at_target",
        N_("Blood pressure at the person's own target"),
        N_("people with hypertension, a blood pressure and a target that the record decides"),
        True,
        EDITION_2024.citation,
    ),
    Indicator(
        "ldl_at_target",
        N_("LDL cholesterol below the person's own target"),
        N_("people with an LDL cholesterol and a risk that the record decides"),
        True,
        LIPID_GUIDELINE.citation,
    ),
    Indicator(
        "hba1c_at_target",
        N_("HbA1c below the target"),
        N_("people with diabetes and an HbA1c"),
        True,
        "",
    ),
)
GAPS = (
    Indicator(
        "gap_no_blood_pressure",
        N_("No valid blood pressure"),
        N_("everyone"),
        False,
        "",
    ),
    Indicator(
        "gap_no_lipids",
        N_("No valid total or LDL cholesterol"),
        N_("everyone"),
        False,
        "",
    ),
    Indicator(
        "gap_diabetes_no_hba1c",
        N_("Diabetes without a valid HbA1c"),
        N_("people with diabetes"),
        False,
        "",
    ),
    Indicator(
        "gap_hypertension_untreated",
        N_("Blood pressure 140/90 mmHg or above, no drug recorded"),
        N_("people at or above 140/90 mmHg with a known answer on drugs"),
        False,
        EDITION_2024.citation,
    ),
    Indicator(
        "gap_ldl_no_statin",
        N_("LDL cholesterol not below the target, no statin recorded"),
        N_("people not below their LDL target with a known answer on statins"),
        False,
        LIPID_GUIDELINE.citation,
    ),
)
INDICATORS = (*PREVALENCES, *CONTROLS, *GAPS)


@dataclass(slots=True)
class TargetMemory:
    """Guideline answers by case, kept from part to part."""

    bp: Memory
    ldl: Memory


def add_indicators(
    scored: pl.DataFrame,
    main: ChosenEquation,
    memory: TargetMemory,
    hba1c_target: float = HBA1C_TARGET_PERCENT,
) -> pl.DataFrame:
    """Add the columns of `INDICATORS`, the targets and `risk_class` to scored persons."""
    systolic, diastolic = pl.col("systolic_bp"), pl.col("diastolic_bp")
    limit_systolic, limit_diastolic = HYPERTENSION_FROM["office"]
    raised = (systolic >= limit_systolic) | (diastolic >= limit_diastolic)
    class_column = main.class_column
    known = scored.with_columns(
        has_hypertension=_any_known(pl.col("hypertension"), pl.col("bp_treated"), raised)
    )
    # The lipid guideline asks for hypertension; a pressure above its limit answers that too.
    asked = known.with_columns(hypertension=pl.col("has_hypertension"))
    targets = [bp_targets(asked, memory.bp), ldl_targets(asked, memory.ldl)]
    with_targets = pl.concat([known, *targets], how="horizontal").with_columns(
        has_diabetes=pl.col("diabetes"),
        risk_class=pl.lit(None, pl.String) if class_column is None else pl.col(class_column),
    )
    systolic_below = pl.col("bp_target").replace_strict(
        {name: limits[0] for name, limits in BP_TARGET_BELOW.items()},
        default=None,
        return_dtype=pl.Float64,
    )
    diastolic_below = pl.col("bp_target").replace_strict(
        {name: limits[1] for name, limits in BP_TARGET_BELOW.items()},
        default=None,
        return_dtype=pl.Float64,
    )
    ill, ldl, hba1c = (
        pl.col("has_hypertension"),
        pl.col("ldl_cholesterol_mmol_l"),
        pl.col("hba1c_percent"),
    )
    ldl_good = ldl < pl.col("ldl_target_mmol_l")
    return with_targets.with_columns(
        high_risk=_high(main),
        bp_below_140_90=pl.when(ill).then(~raised),
        bp_at_target=pl.when(ill).then((systolic < systolic_below) & (diastolic < diastolic_below)),
        ldl_at_target=ldl_good,
        hba1c_at_target=pl.when(pl.col("diabetes")).then(hba1c < hba1c_target),
        gap_no_blood_pressure=systolic.is_null() | diastolic.is_null(),
        gap_no_lipids=ldl.is_null() & pl.col("total_cholesterol_mmol_l").is_null(),
        gap_diabetes_no_hba1c=pl.when(pl.col("diabetes")).then(hba1c.is_null()),
        gap_hypertension_untreated=pl.when(raised).then(~pl.col("bp_treated")),
        gap_ldl_no_statin=pl.when(~ldl_good).then(~pl.col("statin")),
    )


def _any_known(*answers: pl.Expr) -> pl.Expr:
    """True if any is true, null if none is known, else false: an unknown one is no reason."""
    return (
        pl.when(pl.any_horizontal(*(a.fill_null(value=False) for a in answers)))
        .then(pl.lit(value=True))
        .when(pl.any_horizontal(*(a.is_not_null() for a in answers)))
        .then(pl.lit(value=False))
    )


def _high(main: ChosenEquation) -> pl.Expr:
    """Whether the published class is the last one; its order is the publication's."""
    for outcome in main.outcomes:
        if outcome.classes is not None:
            return pl.col("risk_class") == outcome.classes.labels[-1]
    return pl.lit(None, pl.Boolean)
