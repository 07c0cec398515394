"""One person on the care pathways: stage and why, goals, what is due, home readings."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import streamlit as st

from clinical_ai.errors import KnowledgeError, RecordError
from clinical_ai.follow_up import RulesInForce, Standing, person_named, rules_in_force, standing
from clinical_ai.follow_up_rows import person_name
from clinical_ai.formats import visible
from clinical_ai.messages import N_
from clinical_ai.pathways.definition import Phase
from clinical_ai.pathways.schedule import Due
from clinical_ai.pathways.state import GoalState, GoalStatus, PathwayState
from clinical_ai.pathways.trends import HOME_KINDS, Trend
from clinical_ai.records.record import ClinicalRecord
from clinical_ai.records.store import RecordStore
from clinical_ai.store.audit import record_event
from clinical_ai.texts import Texts
from pacs_bridge.database import writing
from ui.literal import literal
from ui.screens.kind_names import facts_in_words, kind_name, missing_in_words
from ui.session import Screen

PHASE_NAMES: dict[Phase, str] = {
    "prediction": N_("prediction"),
    "early_intervention": N_("early intervention"),
    "follow_up": N_("follow-up"),
    "rehabilitation": N_("rehabilitation"),
}
GOAL_NAMES: dict[GoalStatus, str] = {
    "met": N_("met"),
    "not met": N_("not met"),
    "not measured": N_("not measured"),
}
DUE_NAMES = {
    "planned": N_("planned"),
    "due": N_("due"),
    "overdue": N_("overdue"),
    "never recorded": N_("never recorded"),
}
TREND_NAMES = {
    "rising": N_("rising"),
    "falling": N_("falling"),
    "no trend shown": N_("no trend shown"),
}
_VIEWED = "follow-up-viewed"
_CHART_DAYS = 183


def show(screen: Screen, origin: str, person: str, on: date) -> None:
    """Show where a person stands on the day `on`; the first look is audited."""
    _ = screen.texts
    try:
        rules = rules_in_force(screen.services.settings)
        store = RecordStore(screen.services.engine)
        who = person_named(store, person, origin)
        found = standing(screen.services, rules, who, on)
        record = store.record(person, origin=origin)
    except (KnowledgeError, RecordError) as error:
        st.error(literal(str(error)))
        return
    if found is None or record is None:
        st.warning(_("The record of this person has gone."))
        return
    _note_view(screen, origin, person)
    demographics = who.demographics
    age = demographics.age_on(on)
    title = person_name(demographics.names) or person
    st.subheader(literal(title), anchor=False)
    st.text(
        " · ".join(
            part
            for part in (
                visible(f"{origin}/Patient/{person}"),
                "" if age is None else _("{age} years").format(age=age),
                visible(demographics.district),
            )
            if part
        )
    )
    if not record.complete:
        st.warning(_("A source of this record did not answer: what is absent here says nothing."))
    on_pathway = [state for state in found.states if state.place == "on"]
    if not on_pathway:
        st.info(_("This person is on no pathway."))
    for state in on_pathway:
        _show_state(state, _)
    _show_unknown(found, _)
    _show_home(record, found.trends, on, _)
    st.caption(_("Rules in force: {names}").format(names=", ".join(_titles(rules, _))))


def _note_view(screen: Screen, origin: str, person: str) -> None:
    """Write the look at a record into the audit trail, once for each person and session."""
    seen: set[tuple[str, str]] = st.session_state.setdefault(_VIEWED, set())
    if (origin, person) in seen:
        return
    with writing(screen.services.engine) as connection:
        record_event(
            connection,
            screen.account.username,
            "view-record",
            detail=f"{origin}/Patient/{person}",
        )
    seen.add((origin, person))


def _show_state(state: PathwayState, _: Texts) -> None:
    language = _.language
    with st.container(border=True):
        stage = state.stage
        where = (
            _("stage cannot be told")
            if stage is None
            else f"{stage.title.in_language(language)} ({_(PHASE_NAMES[stage.phase])})"
        )
        st.markdown(f"**{literal(state.pathway.title.in_language(language))}** · {literal(where)}")
        st.caption(literal(facts_in_words(state.why, _)))
        for flag in state.red_flags:
            st.error(
                literal(f"{flag.rule.title.in_language(language)}: {facts_in_words(flag.facts, _)}")
            )
        goals, schedule = st.columns(2)
        with goals:
            if state.goals:
                st.dataframe(
                    goal_table(state.goals, _), hide_index=True, width="stretch", alt=_("Goals")
                )
        with schedule:
            if state.schedule:
                st.dataframe(
                    due_table(state.schedule, _),
                    hide_index=True,
                    width="stretch",
                    alt=_("Visits and tests"),
                )
        advice = [a.title.in_language(language) for a in state.advice]
        if advice:
            st.text(" · ".join(advice))
        if state.missing:
            missing = missing_in_words(state.missing, _)
            st.caption(literal(_("The record does not tell: {what}").format(what=missing)))
        sources = {state.pathway.sources[g.goal.source].citation for g in state.goals}
        st.caption(literal(" | ".join(sorted(sources))))


def goal_table(goals: Sequence[GoalState], _: Texts) -> dict[str, list[str]]:
    """Return the cells of goals by column; they are shown literally."""
    return {
        _("Goal"): [g.goal.title.in_language(_.language) for g in goals],
        _("Status"): [_(GOAL_NAMES[g.status]) for g in goals],
        _("Facts"): [visible(facts_in_words(g.facts, _)) for g in goals],
    }


def due_table(schedule: Sequence[Due], _: Texts) -> dict[str, list[str]]:
    """Return the cells of visits and tests by column; they are shown literally."""
    return {
        _("Visit or test"): [d.rule.title.in_language(_.language) for d in schedule],
        _("Last done"): [d.last.isoformat() if d.last else "–" for d in schedule],
        _("Due"): [d.due.isoformat() for d in schedule],
        _("Status"): [_(DUE_NAMES[d.status]) for d in schedule],
    }


def _show_unknown(found: Standing, _: Texts) -> None:
    """Name pathways on which the record does not tell whether the person belongs."""
    for state in found.states:
        if state.place == "unknown":
            st.caption(
                literal(
                    _("{pathway}: the record does not tell ({what})").format(
                        pathway=state.pathway.title.in_language(_.language),
                        what=missing_in_words(state.missing, _),
                    )
                )
            )


def _show_home(record: ClinicalRecord, trends: Sequence[Trend], on: date, _: Texts) -> None:
    measured = [kind for kind in HOME_KINDS if record.series(kind, home=True)]
    if not measured:
        return
    st.markdown(f"**{_('Readings at home')}**")
    if trends:
        st.dataframe(trend_table(trends, _), hide_index=True, width="stretch", alt=_("Trends"))
    kind = st.selectbox(
        _("Reading"), measured, format_func=lambda k: kind_name(k, _), key="follow-up-kind"
    )
    points = home_points(record, kind, on)
    if points.height:
        st.line_chart(points, x="day", y="value", height=220)


def home_points(record: ClinicalRecord, kind: str, on: date) -> pl.DataFrame:
    """Return the daily medians of a kind measured at home in the last half year."""
    values = [
        {"day": m.at.date(), "value": m.value}
        for m in record.series(kind, home=True)
        if 0 <= (on - m.at.date()).days <= _CHART_DAYS
    ]
    table = pl.DataFrame(values, schema={"day": pl.Date, "value": pl.Float64})
    return table.group_by("day").agg(pl.col("value").median()).sort("day")


def trend_table(trends: Sequence[Trend], _: Texts) -> dict[str, list[str]]:
    """Return the cells of trends by column."""
    return {
        _("Reading"): [kind_name(t.kind, _) for t in trends],
        _("Trend"): [_(TREND_NAMES[t.direction]) for t in trends],
        _("Change a week (95 % CI)"): [
            f"{t.slope:+.2f} ({t.low:+.2f} … {t.high:+.2f}) {t.unit}" for t in trends
        ],
        _("Median"): [f"{t.median:.1f} {t.unit}" for t in trends],
        _("Days, readings"): [f"{t.days}, {t.readings}" for t in trends],
    }


def _titles(rules: RulesInForce, _: Texts) -> list[str]:
    return [p.title.in_language(_.language) for p in rules.pathways.values()]
