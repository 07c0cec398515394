"""Follow-up of nodules: stated days and days by category."""

from datetime import date

import pytest

from clinical_ai.decision_support.nodule_cards import add_months
from tests.clinical_ai.decision_support.people import (
    TODAY,
    as_cards,
    image,
    person,
    procedure,
    seen,
)


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        (date(2025, 8, 31), 6, date(2026, 2, 28)),
        (date(2025, 12, 31), 2, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 1, 15), 3, date(2025, 4, 15)),
    ],
)
def test_add_months(day, months, then):
    assert add_months(day, months) == then


@pytest.mark.parametrize(
    ("category", "on", "indicator"),
    [
        ("3", date(2025, 9, 1), "warning"),  # due 1 March, a day ago
        ("3", date(2025, 9, 2), "info"),  # due today
        ("3", date(2025, 10, 1), "info"),  # due in 30 days
        ("3", date(2025, 10, 2), None),
        ("4A", date(2025, 11, 1), "warning"),
        ("2", date(2025, 3, 1), "warning"),
        ("2 S", date(2025, 3, 1), "warning"),
        ("Lung-RADS 4A", date(2025, 11, 1), "warning"),
        ("0", date(2025, 3, 1), None),
        ("banana", date(2025, 3, 1), None),
    ],
)
def test_by_category(category, on, indicator):
    found = seen(person(imaging=(image("lung_rads", category, on),))).get("nodule-follow-up")
    assert (found.indicator if found else None) == indicator


def test_a_stated_day_goes_before_the_category_of_the_same_study():
    record = person(
        imaging=(
            image("lung_rads", "2", date(2025, 12, 1)),
            image("nodule_followup_due", "2026-02-01", date(2025, 12, 1), signed=False),
        )
    )
    card = as_cards(record)["nodule-follow-up"]
    assert card["summary"] == "Lung nodule: follow-up CT overdue since 2026-02-01 (29 days)"
    assert "no clinician has signed it" in card["detail"]
    assert "Lung-RADS 2 on 2025-12-01" in card["detail"]


def test_a_newer_category_goes_before_an_older_stated_day():
    record = person(
        imaging=(
            image("nodule_followup_due", "2025-02-01", date(2024, 12, 1)),
            image("lung_rads", "2", date(2026, 1, 1)),
        )
    )
    assert "nodule-follow-up" not in seen(record)


def test_a_later_ct_ends_the_reminder():
    record = person(
        imaging=(image("lung_rads", "3", date(2025, 6, 1)),),
        procedures=(procedure("chest_ct", date(2025, 12, 1)),),
    )
    assert "nodule-follow-up" not in seen(record)


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01", "2026-02-30"])
def test_a_day_that_is_none_is_no_fault(value):
    record = person(imaging=(image("nodule_followup_due", value, date(2025, 1, 1)),))
    assert "nodule-follow-up" not in seen(record)


def test_4b_asks_at_once_until_a_later_ct():
    found = seen(person(imaging=(image("lung_rads", "4B", TODAY),)))
    assert found["nodule-suspicious"].indicator == "warning"
