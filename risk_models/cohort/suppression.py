"""Small cells of a table are hidden so that its totals do not give them away.

A count from 1 to 4 could point at a person. It is hidden, and so are as many others as it
takes that no hidden count follows from those that are shown (complementary suppression:
Hundepool A, et al. Statistical Disclosure Control, Wiley 2012, chapter 4). Hidden is hidden:
a reader cannot tell a small count from one that is hidden to protect it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SMALLEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ProtectedTable:
    """A table with its margins, and what of it is hidden.

    Parameters
    ----------
    counts
        Shape (rows + 1, columns + 1); the last row and column are totals.
    hidden
        Same shape.
    """

    counts: IntArray
    hidden: BoolArray

    def shown(self, row: int, column: int) -> int | None:
        """A count, or None if it is hidden."""
        return None if self.hidden[row, column] else int(self.counts[row, column])


def protect(inner: IntArray, forced: BoolArray | None = None) -> ProtectedTable:
    """Hide the small cells of a table of counts, and what would reveal them.

    Parameters
    ----------
    inner
        Counts without totals, shape (rows, columns), not negative.
    forced
        Cells to hide besides, with totals, shape (rows + 1, columns + 1).
    """
    counts = with_totals(inner)
    small = (counts > 0) & (counts < SMALLEST_SHOWN)
    # Of a group that is itself small not even a zero is shown: it would say what none of them,
    # and so perhaps what all of them, have.
    hidden = small | small[:, -1:] | small[-1:, :]
    if forced is not None:
        hidden |= forced
    while True:
        line = _line_that_reveals(counts, hidden) or _line_of_a_bounded(counts, hidden, small)
        if line is None:
            break
        free = [cell for cell in line if not hidden[cell]]
        free = free or [(int(r), int(c)) for r, c in np.argwhere(~hidden)]
        if not free:
            break
        hidden[min(free, key=lambda cell: _cost(counts, cell))] = True
    return ProtectedTable(counts, hidden)


def with_totals(inner: IntArray) -> IntArray:
    """The table with a row and a column of totals."""
    rows = np.concatenate([inner, inner.sum(axis=0, keepdims=True)], axis=0)
    whole: IntArray = np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)
    return whole


Cell = tuple[int, int]


def _cost(counts: IntArray, cell: Cell) -> tuple[bool, bool, int]:
    """Totals last (other tables show them too), zeros next to last, then the smallest count."""
    rows, columns = counts.shape
    total = cell[0] == rows - 1 or cell[1] == columns - 1
    return total, counts[cell] == 0, int(counts[cell])


def _lines(shape: tuple[int, ...]) -> list[list[Cell]]:
    rows, columns = shape
    across = [[(r, c) for c in range(columns)] for r in range(rows)]
    down = [[(r, c) for r in range(rows)] for c in range(columns)]
    return across + down


def _line_that_reveals(counts: IntArray, hidden: BoolArray) -> list[Cell] | None:
    """A row or column through a hidden cell whose count follows from what is shown.

    Each row and column, totals included, is one equation in the hidden counts. A count is
    determined by them if it is the same in all their solutions; and two hidden counts that add
    up to nothing are both zero.
    """
    lines = _lines(counts.shape)
    for line in lines:
        inside = [cell for cell in line if hidden[cell]]
        if len(inside) == 1:
            return line
        bound = counts[line[-1]] - sum(counts[c] for c in line[:-1] if not hidden[c])
        if inside and not hidden[line[-1]] and bound == 0:
            return line
    unknown = [(int(r), int(c)) for r, c in np.argwhere(hidden)]
    if not unknown:
        return None
    place = {cell: position for position, cell in enumerate(unknown)}
    equations = np.zeros((len(lines), len(unknown)))
    for number, line in enumerate(lines):
        for cell in line:
            if cell in place:
                equations[number, place[cell]] = -1.0 if cell == line[-1] else 1.0
    free = _null_space(equations)
    for cell, position in place.items():
        if free.shape[1] == 0 or np.abs(free[position]).max() < 1e-9:
            candidates = [line for line in lines if cell in line]
            return max(candidates, key=lambda line: sum(not hidden[c] for c in line))
    return None


def _line_of_a_bounded(counts: IntArray, hidden: BoolArray, small: BoolArray) -> list[Cell] | None:
    """A line through a small count that no table without negative counts could change."""
    lines = _lines(counts.shape)
    unknown = [(int(r), int(c)) for r, c in np.argwhere(hidden)]
    place = {cell: position for position, cell in enumerate(unknown)}
    equations = np.zeros((len(lines), len(unknown)))
    sums = np.zeros(len(lines))
    for number, line in enumerate(lines):
        for cell in line:
            sign = -1.0 if cell == line[-1] else 1.0
            if cell in place:
                equations[number, place[cell]] = sign
            else:
                sums[number] -= sign * counts[cell]
    for cell in unknown:
        if small[cell] and _is_fixed(equations, sums, place[cell], float(counts[cell])):
            candidates = [line for line in lines if cell in line]
            return max(candidates, key=lambda line: sum(not hidden[c] for c in line))
    return None


def _is_fixed(
    equations: NDArray[np.float64], sums: NDArray[np.float64], position: int, value: float
) -> bool:
    """Whether a hidden count has this value in every solution without negative counts."""
    for sign in (-1.0, 1.0):
        cost = np.zeros(equations.shape[1])
        cost[position] = sign
        found = linprog(cost, A_eq=equations, b_eq=sums, bounds=(0, None), method="highs")
        if found.status != 0 or abs(sign * found.fun - value) > 0.5:
            return False  # no bound at all, or one that is not the count itself
    return True


def _null_space(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    _, values, right = np.linalg.svd(matrix)
    rank = int((values > 1e-9 * max(1.0, values.max(initial=0.0))).sum())
    space: NDArray[np.float64] = right[rank:].T
    return space
