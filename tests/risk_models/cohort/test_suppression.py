"""An attacker who knows every shown count learns no hidden one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linprog

from risk_models.cohort.suppression import SMALLEST_SHOWN, protect

TABLES = st.tuples(st.integers(1, 6), st.integers(2, 4)).flatmap(
    lambda shape: arrays(
        np.int64, shape, elements=st.one_of(st.integers(0, 6), st.integers(0, 300))
    )
)


def ranges(table):
    """Least and greatest value of every hidden cell that the shown ones allow."""
    rows, columns = table.counts.shape
    cells = [(r, c) for r in range(rows) for c in range(columns)]
    place = {cell: i for i, cell in enumerate(cells)}
    equations, sums = [], []
    lines = [[(r, c) for c in range(columns)] for r in range(rows)]
    lines += [[(r, c) for r in range(rows)] for c in range(columns)]
    for line in lines:
        equation = np.zeros(len(cells))
        for cell in line:
            equation[place[cell]] = 1.0
        equation[place[line[-1]]] = -1.0
        equations.append(equation)
        sums.append(0.0)
    bounds = [
        (0, None) if table.hidden[cell] else (table.counts[cell], table.counts[cell])
        for cell in cells
    ]
    for cell in cells:
        if table.hidden[cell]:
            ends = []
            for sign in (1, -1):
                cost = np.zeros(len(cells))
                cost[place[cell]] = sign
                found = linprog(cost, A_eq=equations, b_eq=sums, bounds=bounds)
                ends.append(np.inf if found.status == 3 else sign * found.fun)
            yield cell, ends[0], ends[1]


@given(TABLES)
@settings(max_examples=100, deadline=None)
def test_no_small_count_can_be_worked_out(inner):
    table = protect(inner)
    small = (table.counts > 0) & (table.counts < SMALLEST_SHOWN)
    assert table.hidden[small].all()
    for cell, least, most in ranges(table):
        # A zero that is hidden beside a small count may follow; no count of people does.
        if small[cell]:
            assert most - least > 0.5, (inner.tolist(), table.hidden.tolist(), cell)


def test_a_small_group_shows_nothing_at_all():
    """Not even that none of its three people is in the first class."""
    table = protect(np.array([[0, 0, 3], [20, 30, 40], [25, 35, 45]]))
    assert table.hidden[0].all()


def test_nothing_small_nothing_hidden():
    assert not protect(np.array([[10, 20], [0, 7]])).hidden.any()


def test_a_single_small_cell_takes_a_rectangle_with_it():
    table = protect(np.array([[3, 97], [40, 60], [50, 50]]))
    assert table.hidden.tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, False],
        [False, False, False],
    ]
    assert table.shown(0, 0) is None and table.shown(0, 2) == 100


def test_totals_stay_wherever_cells_can_be_hidden_instead():
    rng = np.random.default_rng(3)
    for _ in range(50):
        inner = rng.integers(3, 60, (6, 2))
        hidden = protect(inner).hidden
        assert not hidden[:, -1].any() and not hidden[-1].any()


def test_cells_hidden_elsewhere_are_protected_here():
    forced = np.zeros((3, 3), dtype=bool)
    forced[2, 0] = True
    table = protect(np.array([[10, 20], [30, 40]]), forced)
    assert table.hidden[2, 0] and table.hidden.sum() >= 3


@pytest.mark.parametrize("inner", [[[0, 0], [0, 0]], [[1, 0]], [[4, 4]], [[2, 0], [0, 0]]])
def test_tiny_tables(inner):
    table = protect(np.array(inner))
    for cell, least, most in ranges(table):
        assert most - least > 0.5 or table.counts[cell] == 0
