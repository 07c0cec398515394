"""A case as rows for the command line."""

from collections.abc import Mapping
from typing import Any

from clinical_ai.case_board.cases import Case
from clinical_ai.case_board.gather import Board, BoardStudy
from clinical_ai.formats import dicom_date, iso_moment, visible

LIST_COLUMNS = ("case", "state", "opened_at", "opinions", "question")
STUDY_COLUMNS = ("study_date", "modalities", "state", "model", "findings", "categories", "signed")
ENTRY_COLUMNS = ("number", "kind", "at", "author_name", "role", "text")


def case_row(case: Case) -> dict[str, Any]:
    """Return one line of the list of cases."""
    questions = case.of_kind("question")
    return {
        "case": case.id,
        "state": case.state,
        "opened_at": iso_moment(case.opened_at),
        "opinions": len(case.of_kind("opinion")) + len(case.of_kind("import")),
        "question": visible(questions[0].text) if questions else "",
        "intact": case.intact,
        "study_uid": case.study_uid,
    }


def entry_rows(case: Case) -> list[dict[str, Any]]:
    """Return what was said and done, in order."""
    return [
        {
            "number": e.number,
            "kind": e.kind,
            "at": iso_moment(e.at),
            "author": visible(e.author),
            "author_name": visible(e.author_name),
            "role": visible(e.role),
            "text": visible(e.text),
            "origin": e.origin,
        }
        for e in case.entries
    ]


def study_rows(board: Board) -> list[dict[str, Any]]:
    """Return the patient's studies with their readings."""
    return [_study_row(one) for one in board.studies]


def _study_row(one: BoardStudy) -> dict[str, Any]:
    found = one.reading
    model = found.model if found else None
    return {
        "study_uid": one.study_uid,
        "study_date": dicom_date(one.study_date),
        "modalities": visible(one.modalities),
        "description": visible(one.description),
        "state": one.state,
        "model": f"{model.name} {model.version}" if model else "",
        "accuracy": [str(a) for a in model.accuracy] if model else [],
        "findings": len(found.findings) if found else None,
        "categories": ", ".join(categories(one)),
        "signed": "" if one.signed_at is None else iso_moment(one.signed_at),
    }


def categories(one: BoardStudy) -> list[str]:
    """Return scheme and category of each assessment of a study's reading, each once."""
    if one.reading is None:
        return []
    return list(dict.fromkeys(f"{a.scheme} {a.category}".strip() for a in one.reading.assessments))


def record_row(board: Board) -> Mapping[str, Any]:
    """Return how much the record holds, and of which day the risk is."""
    record, risk = board.record, board.risk
    if record is None:
        return {"record": None}
    return {
        "record": f"{board.origin} {record.person}",
        "complete": record.complete,
        "problems": sorted({k for p in record.problems if p.active for k in p.kinds}),
        "medications": sorted({k for m in record.medications if m.active for k in m.kinds}),
        "measurements": len(record.measurements),
        "risk_on": None if risk is None else risk.on.isoformat(),
        "risk_equations": [] if risk is None else sorted(risk.evaluations),
    }
