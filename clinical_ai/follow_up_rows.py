"""Follow-up as rows of plain values: for tables, CSV and JSON."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from clinical_ai.follow_up import Overdue, RulesInForce
from clinical_ai.formats import iso_moment
from clinical_ai.pathways.alarm_store import StoredAlarm
from clinical_ai.pathways.examine import Fact, Missing
from clinical_ai.pathways.schedule import Due
from clinical_ai.pathways.state import PathwayState
from clinical_ai.pathways.trends import Trend
from clinical_ai.records.record import PersonName
from clinical_ai.texts import Language

OVERDUE_COLUMNS = (
    "person",
    "name",
    "district",
    "pathway",
    "stage",
    "what",
    "last",
    "due",
    "status",
    "days_overdue",
)
ALARM_COLUMNS = ("alarm", "level", "person", "newest", "title", "facts", "action")

# A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def person_name(names: Sequence[PersonName]) -> str:
    """Return the first name of a person as it is read; empty without one."""
    for name in names:
        written = name.text or " ".join(part for part in (name.given, name.family) if part)
        if written:
            return written
    return ""


def overdue_row(one: Overdue, language: Language) -> dict[str, Any]:
    """Return what is overdue of a person."""
    demographics = one.who.demographics
    return {
        "person": one.who.person,
        "origin": one.who.origin,
        "name": person_name(demographics.names),
        "district": demographics.district,
        "pathway": one.state.pathway.pathway,
        "stage": one.state.stage.title.in_language(language) if one.state.stage else "",
        "phase": one.state.stage.phase if one.state.stage else "",
        "record_complete": one.state.complete,
        **due_row(one.due, language),
    }


def due_row(due: Due, language: Language) -> dict[str, Any]:
    """Return a visit or test with its days."""
    return {
        "kind": due.kind,
        "id": due.rule.id,
        "what": due.rule.title.in_language(language),
        "every": str(due.rule.every),
        "interval_by": due.rule.interval_by,
        "last": _day(due.last),
        "due": due.due.isoformat(),
        "status": due.status,
        "days_overdue": due.days_overdue,
    }


def alarm_row(alarm: StoredAlarm, language: Language) -> dict[str, Any]:
    """Return an alarm."""
    acknowledged = alarm.acknowledged_at
    return {
        "alarm": alarm.number,
        "level": alarm.level,
        "person": alarm.who.person,
        "origin": alarm.who.origin,
        "rule": alarm.rule,
        "title": alarm.title.in_language(language),
        "action": alarm.action.in_language(language),
        "facts": facts_text(alarm.facts),
        "first": alarm.first.isoformat(),
        "newest": alarm.newest.isoformat(),
        "source": alarm.citation,
        "raised_at": iso_moment(alarm.raised_at),
        "acknowledged_at": None if acknowledged is None else iso_moment(acknowledged),
        "acknowledged_by": alarm.acknowledged_by,
        "note": alarm.note,
    }


def state_row(state: PathwayState, language: Language) -> dict[str, Any]:
    """Return where a person stands on one pathway, whole."""
    pathway = state.pathway
    return {
        "pathway": pathway.pathway,
        "title": pathway.title.in_language(language),
        "person": state.person,
        "on": state.on.isoformat(),
        "place": state.place,
        "phase": state.stage.phase if state.stage else None,
        "stage": state.stage.id if state.stage else None,
        "stage_title": state.stage.title.in_language(language) if state.stage else None,
        "why": [_fact(f) for f in state.why],
        "goals": [
            {
                "id": one.goal.id,
                "title": one.goal.title.in_language(language),
                "status": one.status,
                "facts": [_fact(f) for f in one.facts],
                "missing": [_missing(m) for m in one.missing],
                "source": pathway.sources[one.goal.source].citation,
            }
            for one in state.goals
        ],
        "schedule": [
            {**due_row(d, language), "source": pathway.sources[d.rule.source].citation}
            for d in state.schedule
        ],
        "advice": [{"kind": a.kind, "title": a.title.in_language(language)} for a in state.advice],
        "exits": [e.rule.title.in_language(language) for e in state.exits],
        "red_flags": [
            {"title": f.rule.title.in_language(language), "facts": [_fact(x) for x in f.facts]}
            for f in state.red_flags
        ],
        "missing": [_missing(m) for m in state.missing],
        "set_aside": [
            {"kind": s.reading.kind, "at": s.reading.at.isoformat(), "reason": s.reason}
            for s in state.set_aside
        ],
        "record_complete": state.complete,
    }


def pathway_rows(rules: RulesInForce, language: Language) -> list[dict[str, Any]]:
    """Return the pathways in force."""
    return [
        {
            "pathway": p.pathway,
            "title": p.title.in_language(language),
            "stages": ", ".join(s.id for s in p.stages),
            "goals": len(p.goals),
            "visits": len(p.visits),
            "tests": len(p.tests),
            "site_intervals": sum(rule.interval_by == "site" for _, rule in p.scheduled()),
            "sources": [s.citation for s in p.sources.values()],
        }
        for p in rules.pathways.values()
    ]


def trend_row(trend: Trend) -> dict[str, Any]:
    """Return a trend."""
    return {
        "kind": trend.kind,
        "unit": trend.unit,
        "first": trend.first.isoformat(),
        "last": trend.last.isoformat(),
        "days": trend.days,
        "readings": trend.readings,
        "median": round(trend.median, 2),
        "slope_per_week": round(trend.slope, 3),
        "low": round(trend.low, 3),
        "high": round(trend.high, 3),
        "direction": trend.direction,
    }


def facts_text(facts: Iterable[Fact]) -> str:
    """Return facts on one line, each with its value and day."""
    return "; ".join(
        " ".join(p for p in (f.what, f.value, f.on.isoformat() if f.on else "") if p) for f in facts
    )


def missing_text(missing: Iterable[Missing]) -> str:
    """Return what is missing on one line."""
    return "; ".join(f"{m.what} ({m.needed})" if m.needed else m.what for m in missing)


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return rows as CSV that a spreadsheet opens without running anything in it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[_cell(row[column]) for column in columns] for row in rows])
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "what": fact.what,
        "value": fact.value,
        "on": _day(fact.on),
        "source": fact.source.reference if fact.source else None,
    }


def _missing(missing: Missing) -> dict[str, str]:
    return {"what": missing.what, "needed": missing.needed}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
