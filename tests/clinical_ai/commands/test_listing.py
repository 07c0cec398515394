"""Rows on terminals of every width."""

import io

from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from clinical_ai.commands.listing import listing

UID = "1.2.826.0.1.3680043.10.999.123456789.1"
COLUMNS = ("study_uid", "modalities", "held", "reason", "released_by")
ROWS = [
    {
        "study_uid": UID,
        "modalities": "CT",
        "held": True,
        "reason": "rule research waits for consent of the person in the images",
        "released_by": None,
    }
]


def printed(rows: list[dict[str, object]], columns: tuple[str, ...], width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(listing(rows, columns, width))
    return file.getvalue()


def test_a_table_that_fits_wraps_texts_and_leaves_identifiers_whole() -> None:
    text = printed(ROWS, COLUMNS, 100)
    assert UID in text
    assert "│" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_rows_that_do_not_fit_are_records_without_empty_values() -> None:
    text = printed(ROWS, COLUMNS, 60)
    lines = text.splitlines()
    assert lines[0] == UID
    assert lines[1].startswith("  modalities: CT | held: yes | reason: rule research")
    assert "released by" not in text
    assert max(map(len, lines)) <= 60


def test_no_rows_are_said_to_be_none() -> None:
    assert printed([], COLUMNS, 80) == "none\n"


def test_markup_and_colours_in_values_are_shown_as_they_came() -> None:
    assert "[red]x[/red]" in printed([{"peer": "[red]x[/red]"}], ("peer",), 80)


@example([(" 111111111", "")], 20)
@given(
    st.lists(
        st.tuples(st.text("abc.1 ", max_size=70), st.text("市第 x", max_size=40)),
        min_size=1,
        max_size=4,
    ),
    st.integers(20, 120),
)
def test_no_word_that_fits_the_terminal_is_ever_cut(
    values: list[tuple[str, str]], width: int
) -> None:
    text = printed([{"uid": a, "name": b} for a, b in values], ("uid", "name"), width)
    shown = set(text.replace("│", " ").replace("|", " ").split())
    for word in (word for a, _ in values for word in a.split()):
        assert word in shown or len(word) > width - 4
