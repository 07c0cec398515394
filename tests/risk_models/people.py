"""Random people for an equation, made from its own declared inputs."""

from hypothesis import strategies as st

from risk_models.equations.definition import Variant
from risk_models.records import field_of
from risk_models.variables import Choice, Flag, Variable

Person = dict[str, float | bool | str]


def values(variable: Variable) -> st.SearchStrategy[float | bool | str]:
    """Accepted values of one input, ends included."""
    if isinstance(variable, Flag):
        return st.booleans()
    if isinstance(variable, Choice):
        return st.sampled_from(variable.options)
    if variable.whole:
        return st.integers(int(variable.low), int(variable.high)).map(float)
    end = variable.high if variable.below is None else min(variable.high, variable.below - 1e-6)
    return st.floats(variable.low, end)


def people(variant: Variant) -> st.SearchStrategy[Person]:
    """People whom the variant accepts, field names stating the equation's own units."""
    return st.fixed_dictionaries(
        {field_of(variable): values(variable) for variable in variant.variables}
    )
