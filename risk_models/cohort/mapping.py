"""Which column of a table is which field, in what unit, with what words; from a TOML file.

Without a file, headers are looked up in the table of known headers. A unit is taken from the
file, from a unit column, or from the header; where it is stated nowhere and several are in
use, the mapping is refused: a unit is never guessed.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from risk_models.cohort.errors import MappingError
from risk_models.cohort.fields import FIELDS, Field, Kind
from risk_models.cohort.words import field_of_header, plain, unit_in_header, unit_of

Constant = str | float | bool


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one column of a table is read.

    Parameters
    ----------
    column
        Header as the file has it.
    field
        Name in `FIELDS`.
    unit
        UCUM code, for a measure with a fixed unit.
    unit_column
        Header of the column that states the unit row by row, instead of `unit`.
    words
        Extra words, compared as `words.plain` does, and the option or truth value of each.
    """

    column: str
    field: str
    unit: str | None = None
    unit_column: str | None = None
    words: Mapping[str, Constant] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableMapping:
    """What a mapping file says, checked.

    Parameters
    ----------
    columns
        By header.
    constants
        Fields that are the same for everyone, e.g. ``north_of_yangtze``.
    absent_means_no
        Flags whose empty cells mean "no".
    codes
        Local observation codes of a FHIR export and the field of each.
    """

    columns: Mapping[str, ColumnPlan] = dataclasses.field(default_factory=dict)
    constants: Mapping[str, Constant] = dataclasses.field(default_factory=dict)
    absent_means_no: tuple[str, ...] = ()
    codes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TablePlan:
    """How every used column of one table is read, and which columns are not used."""

    columns: tuple[ColumnPlan, ...]
    unused: tuple[str, ...]

    def column_of(self, name: str) -> ColumnPlan | None:
        """The column that holds the field `name`, if any."""
        return next((plan for plan in self.columns if plan.field == name), None)


def read_mapping(path: Path) -> TableMapping:
    """Read a mapping file.

    Raises
    ------
    MappingError
        If it is not TOML or names a field, unit or key that does not exist.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"mapping file {path.name}: {error}") from error
    _known(content, {"columns", "constants", "absent_means_no", "codes"}, "top level")
    columns = {header: _column(header, said) for header, said in content.get("columns", {}).items()}
    constants = content.get("constants", {})
    for name, value in constants.items():
        check_constant(name, value)
    absent = tuple(content.get("absent_means_no", ()))
    for name in absent:
        if _field(name).kind is not Kind.FLAG:
            raise MappingError(f"absent_means_no: {name!r} is not a yes/no field")
    return TableMapping(columns, constants, absent, dict(content.get("codes", {})))


def check_constant(name: str, value: object) -> None:
    """Raise `MappingError` unless `value` can stand for everyone's `name`."""
    found = _field(name)
    good = {
        Kind.FLAG: isinstance(value, bool),
        Kind.CHOICE: value in found.options,
        Kind.MEASURE: isinstance(value, int | float) and not isinstance(value, bool),
        Kind.TEXT: isinstance(value, str),
        Kind.DATE: False,
    }[found.kind]
    if name in ("person_id", "date", "birth_date", "sex", "age") or not good:
        valid = ", ".join(found.options) or {Kind.FLAG: "true or false"}.get(found.kind, "a value")
        raise MappingError(f"constant {name} = {value!r} cannot be; valid: {valid}")


def plan_table(headers: Sequence[str], mapping: TableMapping) -> TablePlan:
    """Decide how each column is read.

    Raises
    ------
    MappingError
        If a mapped column is absent, two columns hold one field, no column names the person,
        or units are not stated; every missing unit is listed at once.
    """
    absent = [
        header
        for plan in mapping.columns.values()
        for header in (plan.column, plan.unit_column)
        if header is not None and header not in headers
    ]
    if absent:
        raise MappingError(
            f"the mapping names columns the file does not have: {', '.join(absent)}; "
            f"it has: {', '.join(headers)}"
        )
    plans = [mapping.columns.get(header) or _by_header(header) for header in headers]
    # A header that is only guessed gives way to the mapping file.
    said = {plan.field for plan in mapping.columns.values()}
    used = tuple(
        plan
        for header, plan in zip(headers, plans, strict=True)
        if plan is not None and (header in mapping.columns or plan.field not in said)
    )
    _check_plan(used)
    taken = {plan.column for plan in used} | {plan.unit_column for plan in used}
    return TablePlan(used, tuple(header for header in headers if header not in taken))


def _check_plan(plans: tuple[ColumnPlan, ...]) -> None:
    by_field: dict[str, list[str]] = {}
    for plan in plans:
        by_field.setdefault(plan.field, []).append(plan.column)
    twice = [f"{name}: {', '.join(columns)}" for name, columns in by_field.items() if columns[1:]]
    if twice:
        raise MappingError(
            "two columns for one field; say in a mapping file which one is meant - "
            + "; ".join(twice)
        )
    if "person_id" not in by_field:
        raise MappingError(
            "no column says who the person is; name it in a mapping file: "
            '[columns] "your header" = "person_id"'
        )
    unstated = [
        f"{plan.column} ({' or '.join(FIELDS[plan.field].units)})"
        for plan in plans
        if FIELDS[plan.field].needs_unit and plan.unit is None and plan.unit_column is None
    ]
    if unstated:
        raise MappingError(
            "unit not stated; write it in the header, e.g. 'TC(mmol/L)', or in the mapping file "
            f"as unit or unit_column: {'; '.join(unstated)}"
        )


def _by_header(header: str) -> ColumnPlan | None:
    found = field_of_header(header)
    if found is None:
        return None
    name, unit = found
    if unit is not None and unit not in name.units:
        return None
    return ColumnPlan(header, name.name, unit)


def _column(header: str, said: Any) -> ColumnPlan:
    if isinstance(said, str):
        return ColumnPlan(header, _field(said).name, _unit_in(header, _field(said)))
    if not isinstance(said, dict) or "field" not in said:
        raise MappingError(
            f'column {header!r}: write "field name" or {{ field = "...", unit = "..." }}'
        )
    _known(said, {"field", "unit", "unit_column", "words"}, f"column {header!r}")
    found = _field(str(said["field"]))
    unit = _unit_in(header, found)
    if "unit" in said:
        unit = unit_of(str(said["unit"]))
        if unit is None or unit not in found.units:
            raise MappingError(
                f"column {header!r}: unit {said['unit']!r} is not one of {', '.join(found.units)}"
            )
    words = {plain(word): value for word, value in said.get("words", {}).items()}
    for value in words.values():
        check = isinstance(value, bool) if found.kind is Kind.FLAG else value in found.options
        if not check:
            valid = ", ".join(found.options) or "true, false"
            raise MappingError(f"column {header!r}: word {value!r} is not one of: {valid}")
    return ColumnPlan(header, found.name, unit, said.get("unit_column"), words)


def _unit_in(header: str, found: Field) -> str | None:
    """The unit that a mapped column's own header states, if it does."""
    read = field_of_header(header)
    unit = read[1] if read is not None else unit_in_header(header)
    return unit if unit in found.units else None


def _field(name: str) -> Field:
    if name not in FIELDS:
        raise MappingError(f"no field {name!r}; there are: {', '.join(FIELDS)}")
    return FIELDS[name]


def _known(content: Mapping[str, object], allowed: set[str], where: str) -> None:
    unknown = set(content) - allowed
    if unknown:
        raise MappingError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(sorted(allowed))}"
        )
