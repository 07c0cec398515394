"""Scores persons with chosen equations: one column function, on any engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from risk_models.cohort.errors import MappingError
from risk_models.cohort.fields import FIELDS
from risk_models.cohort.mapping import Constant, check_constant
from risk_models.equations.definition import Outcome
from risk_models.equations.registry import equation_named
from risk_models.scoring import evaluate_columns
from risk_models.units import Unit

HAS_DISEASE = "prevalent_cvd: present (the equation is for people without it)"
"""Problem of a person with cardiovascular disease, in the form of the equations' problems."""

FOR_PEOPLE_WITHOUT_CVD = frozenset(
    {
        "china_par_10y",
        "ckb_cvd",
        "prevent_2023",
        "who_cvd_2019",
        "score2",
        "score2_op",
        "score2_diabetes",
        "score2_asia_pacific",
        "pce_2013",
        "framingham_cvd_2008",
        "mesa_chd_cac_2015",
    }
)
"""Equations of primary prevention: each was derived in people free of cardiovascular disease.

The 2019 Chinese guideline does not score people with it either. The equations themselves
have no such input, so the cohort asks for it.
"""


@dataclass(frozen=True, slots=True)
class ChosenEquation:
    """An equation to score with.

    Parameters
    ----------
    variant
        None for the default.
    constants
        Inputs that are the same for everyone in this equation, e.g. its region.
    """

    name: str
    variant: str | None = None
    constants: Mapping[str, Constant] = field(default_factory=dict)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Outcomes of the chosen variant."""
        return equation_named(self.name).variant(self.variant).outcomes

    @property
    def columns(self) -> tuple[str, ...]:
        """Value columns that scoring adds."""
        return tuple(f"{self.name}.{outcome.key}" for outcome in self.outcomes)

    @property
    def class_column(self) -> str | None:
        """Column of the published classes of the first outcome that has some."""
        for outcome in self.outcomes:
            if outcome.classes is not None:
                return f"{self.name}.{outcome.key}_class"
        return None

    @property
    def main(self) -> Outcome:
        """The outcome that a report shows first."""
        return self.outcomes[0]


def parse_equation(text: str) -> ChosenEquation:
    """Read ``name``, ``name:variant`` or ``name:variant,field=value``.

    Raises
    ------
    UnknownEquationError, MappingError
        If the equation, the variant or a field does not exist.
    """
    head, *settings = text.split(",")
    name, _, variant = head.partition(":")
    found = equation_named(name.strip())
    found.variant(variant.strip() or None)
    constants: dict[str, Constant] = {}
    for setting in settings:
        key, equals, value = (piece.strip() for piece in setting.partition("="))
        if not equals or key not in FIELDS:
            raise MappingError(f"{setting!r}: write field=value, with a field of the equation")
        words: dict[str, Constant] = {"true": True, "false": False, "yes": True, "no": False}
        constants[key] = words.get(value.lower(), value)
        check_constant(key, constants[key])
    return ChosenEquation(found.identifier, variant.strip() or None, constants)


def score_persons(persons: pl.DataFrame, chosen: tuple[ChosenEquation, ...]) -> pl.DataFrame:
    """Add the columns of `evaluate_columns` for every equation; the dead are not scored."""
    sick = persons.get_column("prevalent_cvd").fill_null(value=False) | persons.get_column(
        "ascvd"
    ).fill_null(value=False)
    scored = [persons]
    for equation in chosen:
        inputs = persons
        for name, value in equation.constants.items():
            inputs = inputs.with_columns(pl.lit(value).alias(FIELDS[name].column))
        one = evaluate_columns(equation.name, inputs, equation.variant)
        if equation.name in FOR_PEOPLE_WITHOUT_CVD:
            one = _without(one, equation, sick)
        scored.append(one)
    return pl.concat(scored, how="horizontal")


def _without(one: pl.DataFrame, equation: ChosenEquation, sick: pl.Series) -> pl.DataFrame:
    """Take numbers, classes and cautions from people whom the equation is not for."""
    problems = f"{equation.name}.problems"
    return one.with_columns(
        pl.when(~sick).then(pl.col(name)).alias(name) for name in one.columns if name != problems
    ).with_columns(
        pl.when(sick).then(pl.lit(HAS_DISEASE)).otherwise(pl.col(problems)).alias(problems)
    )


def is_risk(outcome: Outcome) -> bool:
    """Whether an outcome is a probability."""
    return outcome.unit is Unit.PROBABILITY


DEFAULT_EQUATIONS = ("china_par_10y", "who_cvd_2019:lab,region=East Asia", "prevent_2023")
"""What `clinical-ai cohort score` scores unless told otherwise."""
