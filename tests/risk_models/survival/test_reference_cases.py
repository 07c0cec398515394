"""R's coxph, survfit, concordance and cox.zph on the teaching cohorts."""

import pytest

from tests.risk_models.survival.reference_cases import CASES, ROWS, compare, load


@pytest.mark.parametrize("name", ROWS)
def test_agrees_with_r(name: str) -> None:
    if not CASES.exists():
        pytest.skip("the shared folder of reference cases is not at hand")
    expected = next(case for case in load() if case["name"] == name)
    try:
        found = compare(expected)
    except FileNotFoundError as error:
        pytest.skip(f"{error.filename} is not at hand")
    assert [item for item in found if not item.agrees] == []
    assert len(found) > 2 * len(expected["coef"])
