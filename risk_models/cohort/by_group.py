"""Applies a rule for one person to a whole table, once per group of equal cases.

A guideline is written once, for one person. Two people whose values lie between the same
limits get the same answer, so the rule is asked about one of them and the answer is given to
all. The caller names the expressions that tell cases apart; that they tell enough of them
apart is what its tests show, against the rule itself.
"""

from collections.abc import Callable, Mapping, Sequence

import polars as pl

Rule = Callable[[Mapping[str, object]], tuple[object, ...]]


def answers_by_group(
    frame: pl.DataFrame,
    keys: Sequence[pl.Expr],
    columns: Sequence[str],
    rule: Rule,
    answer: pl.Schema,
    memory: dict[tuple[object, ...], tuple[object, ...]],
) -> pl.DataFrame:
    """Columns of `answer` for every row of `frame`, in order.

    Parameters
    ----------
    keys
        Expressions whose values together decide the answer.
    columns
        Columns of `frame` that `rule` is given, for the first person of each group.
    memory
        Answers by key, kept between calls.
    """
    named = [key.alias(f"__{position}") for position, key in enumerate(keys)]
    keyed = frame.select(*named, *columns)
    names = [f"__{position}" for position in range(len(keys))]
    groups = keyed.unique(names, keep="first", maintain_order=True)
    rows = []
    for row in groups.iter_rows(named=True):
        key = tuple(row[name] for name in names)
        if key not in memory:
            given = {name: row[name] for name in columns if row[name] is not None}
            memory[key] = rule(given)
        rows.append(memory[key])
    answers = pl.DataFrame(rows, schema=answer, orient="row")
    table = pl.concat([groups.select(names), answers], how="horizontal")
    return (
        keyed.select(names)
        .join(table, on=names, how="left", nulls_equal=True, maintain_order="left")
        .select(list(answer))
    )
