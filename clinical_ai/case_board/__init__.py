"""The multidisciplinary case board: a patient's findings gathered, opinions recorded."""

from clinical_ai.case_board.cases import (
    BOARD_ROLES,
    Case,
    Entry,
    add_opinion,
    add_question,
    close_case,
    find_case,
    list_cases,
    open_case,
    reopen_case,
    view_case,
)
from clinical_ai.case_board.gather import CaseView, StudyView, gather_case

__all__ = [
    "BOARD_ROLES",
    "Case",
    "CaseView",
    "Entry",
    "StudyView",
    "add_opinion",
    "add_question",
    "close_case",
    "find_case",
    "gather_case",
    "list_cases",
    "open_case",
    "reopen_case",
    "view_case",
]
