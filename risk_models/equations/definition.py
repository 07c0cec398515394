"""What an equation is: a pure function of columns, with its inputs, outcomes and sources.

One definition serves one person and a million: `Variant.compute` takes arrays of equal
length (float64, in the equation's units, flags as 0.0/1.0, choices as positions, NaN where
an input is missing or refused) and returns one array per outcome.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from risk_models.errors import UnknownEquationError
from risk_models.results import CautionCode, outcome_key
from risk_models.text import N_, Message
from risk_models.units import Unit
from risk_models.variables import Variable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Columns = Mapping[str, FloatArray]


_NO_VALUE = Message(N_("the formula gives no value for these inputs"))


@dataclass(frozen=True, slots=True)
class Classes:
    """The publication's classes of an outcome's value.

    Parameters
    ----------
    labels
        Class names, in order.
    assign
        ``assign(value, inputs)`` gives positions in `labels`; a negative one means no class.
    """

    labels: tuple[str, ...]
    assign: Callable[[FloatArray, Columns], NDArray[np.intp]]


def classes_from(edges: tuple[float, ...], labels: tuple[str, ...]) -> Classes:
    """Classes with fixed lower edges: class i holds values from ``edges[i]`` up."""
    inner = np.asarray(edges[1:], dtype=np.float64)

    def assign(value: FloatArray, _inputs: Columns) -> NDArray[np.intp]:
        found = np.searchsorted(inner, value, side="right").astype(np.intp)
        return np.where(np.isnan(value), -1, found).astype(np.intp)

    return Classes(labels, assign)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing an equation predicts.

    Parameters
    ----------
    horizon_years
        Years over which the risk runs; None for what has no horizon.
    needs
        Names of the inputs this outcome needs; None means every input of the variant.
    undefined
        When the formula has no value for accepted inputs, in words.
    """

    name: str
    horizon_years: int | None = None
    unit: Unit = Unit.PROBABILITY
    classes: Classes | None = None
    needs: frozenset[str] | None = None
    undefined: Message = _NO_VALUE

    @property
    def key(self) -> str:
        """Name with horizon, e.g. ``ascvd_10y``."""
        return outcome_key(self.name, self.horizon_years)


def always(inputs: Columns) -> BoolArray:
    """Mark every row."""
    return np.ones(len(next(iter(inputs.values()))), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class CautionRule:
    """When a number needs a word of caution.

    Parameters
    ----------
    applies
        Rows it holds for, from the inputs.
    outcomes
        Outcome keys it speaks of; None means all.
    """

    code: CautionCode
    message: Message
    applies: Callable[[Columns], BoolArray] = always
    outcomes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One form of an equation: its inputs, outcomes, cautions and the function itself.

    Parameters
    ----------
    compute_only
        Makes a `compute` of the outcomes with these keys, where that saves time.
    """

    name: str
    description: str
    variables: tuple[Variable, ...]
    outcomes: tuple[Outcome, ...]
    compute: Callable[[Columns], Mapping[str, FloatArray]]
    cautions: tuple[CautionRule, ...] = ()
    compute_only: (
        Callable[[tuple[str, ...]], Callable[[Columns], Mapping[str, FloatArray]]] | None
    ) = None

    def only(self, keys: Sequence[str]) -> "Variant":
        """Keep the named outcomes and no others.

        Raises
        ------
        UnknownEquationError
            If it has no such outcome.
        """
        known = {outcome.key: outcome for outcome in self.outcomes}
        for key in keys:
            if key not in known:
                names = ", ".join(known)
                raise UnknownEquationError(f"no outcome {key!r}; there are: {names}")
        compute = self.compute if self.compute_only is None else self.compute_only(tuple(keys))
        return replace(self, outcomes=tuple(known[key] for key in keys), compute=compute)


@dataclass(frozen=True, slots=True)
class ShortName:
    """A short field name of an equation's literature and what it stands for.

    Parameters
    ----------
    variable
        Input it stands for.
    unit
        Unit that the short name implies; None for flags and choices.
    words
        Values and the option or truth value each stands for.
    """

    variable: str
    unit: Unit | None = None
    words: Mapping[object, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Equation:
    """A published equation.

    Parameters
    ----------
    identifier
        Stable name, e.g. ``prevent_2023``.
    age_range
        Published age range in words.
    variants
        The first is the default.
    short_names
        Field names accepted by `risk_models.score`.
    variant_field
        Field of a record that names the variant, if the literature uses one.
    choose_variant
        Tells from a record's field names which variant is meant, where that is unambiguous.
    """

    identifier: str
    title: str
    citation: str
    doi: str | None
    population: str
    age_range: str
    variants: tuple[Variant, ...]
    short_names: Mapping[str, ShortName] = field(default_factory=dict)
    variant_field: str | None = None
    choose_variant: Callable[[frozenset[str]], str | None] | None = None
    checked_against: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def variant(self, name: str | None = None) -> Variant:
        """The variant called `name`, or the default."""
        if name is None:
            return self.variants[0]
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = ", ".join(variant.name for variant in self.variants)
        raise UnknownEquationError(
            f"{self.identifier} has no variant {name!r}; choose one of: {names}"
        )

    @property
    def source(self) -> str:
        """Citation with its DOI."""
        return f"{self.citation}, doi:{self.doi}" if self.doi else self.citation
