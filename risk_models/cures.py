"""What is probably wrong with a refused value, and what would mend it.

A cure is a hint for the person who looks at the source. No value is ever read in another
unit because a hint says that it would fit.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real

from risk_models.records import Record
from risk_models.results import Problem, ProblemKind
from risk_models.text import N_, Message
from risk_models.units import Conversion, Quantity, Unit, printed
from risk_models.variables import Choice, Flag, Measure, Variable

LONGEST_TEXT = 40
"""Characters of a text that `Problem.given` quotes."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A usual mistake: the value times `factor` is the right one."""

    factor: float
    message: Message


_HEIGHT_IN_CM = Slip(
    10_000, Message(N_("It would be in range had the height been put in metres, not centimetres."))
)
_KILOPASCAL = Slip(7.50062, Message(N_("In kPa it would be in range: give the pressure in mmHg.")))
_METRES = Slip(100, Message(N_("In metres it would be in range: give centimetres.")))
_CENTIMETRES = Slip(10, Message(N_("In centimetres it would be in range: give millimetres.")))
SLIPS: Mapping[str, tuple[Slip, ...]] = {
    "age": (Slip(1 / 12, Message(N_("In months it would be in range: give the age in years."))),),
    "systolic_bp": (_KILOPASCAL,),
    "diastolic_bp": (_KILOPASCAL,),
    "waist": (_METRES,),
    "bmi": (
        _HEIGHT_IN_CM,
        # 1 lb/in2 is 703.07 kg/m2.
        Slip(703.07, Message(N_("In pounds per square inch it would be in range: give kg/m2."))),
        # 1 g/cm2 is 10 kg/m2.
        Slip(10, Message(N_("In g/cm2 it would be in range: give kg/m2."))),
    ),
    "egfr": (Slip(60, Message(N_("In mL/s it would be in range: give mL/min/1.73 m2."))),),
    "nodule_size": (_CENTIMETRES,),
    "nodule_diameter": (_CENTIMETRES,),
    "slice_thickness": (_CENTIMETRES,),
}
"""By input; looked at in this order, before the slips of the pen that any number can have."""

_ANY_NUMBER = (
    Slip(-1, Message(N_("Without its minus sign it would be in range: check the sign."))),
    Slip(
        0.1,
        Message(
            N_("A tenth would be in range: check for a digit too many or a lost decimal point.")
        ),
    ),
    Slip(10, Message(N_("Ten times it would be in range: check for a lost digit."))),
)
_YEARS_OF_BIRTH = range(1900, 2101)


def explained(problem: Problem, variable: Variable, record: Record) -> Problem:
    """Add to a problem the value it speaks of and its likely cure."""
    held = {
        name: record[name]
        for name in (variable.name, *variable.fields)
        if name in record and not _is_missing(record[name])
    }
    shown = "; ".join(
        _shown(value, variable.fields.get(name, Unit.COUNT)) for name, value in held.items()
    )
    return replace(problem, given=shown or None, cure=_cure(problem, variable, held))


def _is_missing(value: object) -> bool:
    if isinstance(value, Quantity):
        value = value.value
    return value is None or (isinstance(value, float) and math.isnan(value))


def _shown(value: object, unit: Unit) -> str:
    if isinstance(value, Quantity):
        return _shown(value.value, value.unit)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}..."
        return f'"{cut}"'
    number = _number(value)
    if number is None:
        return f"a {type(value).__name__}"
    return f"{number:.10g} {printed(unit)}".rstrip()


def _number(value: object) -> float | None:
    """A number, also one written as text; infinite where it is too large for a float."""
    if isinstance(value, Quantity):
        value = value.value
    if isinstance(value, bool) or not isinstance(value, Real | str):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except ValueError:
        return None


def _cure(problem: Problem, variable: Variable, held: Mapping[str, object]) -> Message | None:
    match problem.kind:
        case ProblemKind.MISSING:
            fields = " / ".join(problem.fields)
            return Message(N_("Give {fields}."), {"fields": fields})
        case ProblemKind.UNIT_NOT_STATED:
            fields = " / ".join(problem.fields)
            return Message(N_("State the unit in the name: {fields}."), {"fields": fields})
        case ProblemKind.CONTRADICTORY:
            return Message(N_("Keep the right one and leave the other out."))
        case ProblemKind.OUT_OF_RANGE:
            assert isinstance(variable, Measure)
            return _out_of_range(variable, held)
        case ProblemKind.NOT_ALLOWED:
            return _not_allowed(variable, held)
        case ProblemKind.NOT_DEFINED:
            return None


def _out_of_range(variable: Measure, held: Mapping[str, object]) -> Message:
    for name, value in held.items():
        number = _number(value)
        if number is None or not math.isfinite(number):
            return Message(N_("It is not a finite number: leave it out if it is not known."))
        stated = value.unit if isinstance(value, Quantity) else variable.fields.get(name)
        if stated is None:
            continue
        for unit in (variable.unit, *variable.conversions):
            if unit is not stated and _accepts(variable, number, unit):
                field = next(f for f, of in variable.fields.items() if of is unit)
                return Message(
                    N_("In {unit} it would be in range: if that is its unit, give it as {field}."),
                    {"unit": printed(unit), "field": field},
                )
        if variable.name == "age" and number in _YEARS_OF_BIRTH:
            return Message(N_("It looks like a year of birth: give the age in years."))
        for slip in (*SLIPS.get(variable.name, ()), *_ANY_NUMBER):
            if _accepts(variable, number * slip.factor, stated):
                return slip.message
    return Message(N_("If the value is right, this is not for this person; else correct it."))


def _accepts(variable: Measure, number: float, unit: Unit) -> bool:
    conversion = variable.conversions.get(unit, Conversion(1.0))
    value = number * conversion.factor + conversion.offset
    if variable.whole and value != math.floor(value):
        return False
    if variable.below is not None:
        return variable.low <= value < variable.below
    return variable.low <= value <= variable.high


def _not_allowed(variable: Variable, held: Mapping[str, object]) -> Message:
    values = list(held.values())
    if isinstance(variable, Choice):
        for value in values:
            for option in variable.options:
                if isinstance(value, str) and value.strip().lower() == option.lower():
                    return Message(N_('Write it as "{option}".'), {"option": option})
        return Message(N_("Give one of the words listed."))
    if isinstance(variable, Flag):
        return Message(N_("Give true or false; leave it out if it is not known."))
    for value in values:
        if isinstance(value, Quantity) and value.unit not in variable.fields.values():
            units = ", ".join(printed(unit) for unit in (variable.unit, *variable.conversions))
            return Message(N_("Give it in one of these units: {units}."), {"units": units})
        if isinstance(value, bool):
            return Message(N_("A yes or no stands where a number belongs: give the number."))
    if variable.whole and all(_number(value) is not None for value in values):
        return Message(N_("Give a whole number."))
    return Message(N_("Give a number alone; leave it out if it is not known."))
