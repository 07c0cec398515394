"""Every reference case of every equation and guideline, at the precision its file states."""

import pytest

from tests.risk_models.reference_cases import COMPARE, HERE, SHARED, compare, load


@pytest.mark.parametrize("name", COMPARE)
def test_cases_of_this_repository(name: str) -> None:
    found = compare(name)
    assert {comparison.case for comparison in found} == set(range(len(load(name))))
    assert [comparison for comparison in found if not comparison.agrees] == []


@pytest.mark.parametrize("name", COMPARE)
def test_cases_of_the_shared_folder(name: str) -> None:
    if not (SHARED / f"{name}.json").exists():
        pytest.skip("the shared folder of reference cases is not at hand")
    assert [comparison for comparison in compare(name, SHARED) if not comparison.agrees] == []


def test_every_case_file_is_compared() -> None:
    assert {file.stem for file in HERE.glob("*.json")} == set(COMPARE)
