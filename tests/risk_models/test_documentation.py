"""The page on risk models says what the code does."""

from tests.risk_models.documentation import PAGE, page_now


def test_the_generated_half_is_current() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page_now(), "run `python -m tests.risk_models.documentation`"


def test_every_comparison_agrees() -> None:
    rows = [line.split("|") for line in page_now().splitlines() if line.count("|") == 7]
    numbers = [(row[4].strip(), row[5].strip()) for row in rows if row[4].strip().isdigit()]
    assert len(numbers) == 27
    assert all(values == agree for values, agree in numbers)
