"""Follow-up of chronic disease: alarms of home readings, what is overdue, where a person stands."""

from collections.abc import Sequence
from datetime import date

import polars as pl
import streamlit as st

from clinical_ai import formats
from clinical_ai.accounts import ACKNOWLEDGING_ROLES
from clinical_ai.errors import KnowledgeError
from clinical_ai.formats import visible
from clinical_ai.messages import N_
from clinical_ai.pathways.alarm_store import StoredAlarm, acknowledge, open_alarms
from clinical_ai.pathways.definition import Level
from clinical_ai.texts import Texts
from pacs_bridge.database import writing
from ui.follow_up_list import FollowUpList, FollowUpLists
from ui.literal import literal
from ui.screens import person_pathways
from ui.screens.kind_names import facts_in_words
from ui.session import Screen, process_services

LEVEL_NAMES: dict[Level, str] = {
    "urgent": N_("urgent"),
    "soon": N_("soon"),
    "info": N_("for information"),
}
STATUS_NAMES = {"overdue": N_("overdue"), "never recorded": N_("never recorded")}
_VIEWS = {"alarms": N_("Alarms"), "overdue": N_("Overdue")}
_CHOSEN = "follow-up-person"
_MAX_ROWS = 5000  # more than anybody scrolls through; filters bring the rest


@st.cache_resource(show_spinner=False)
def _lists() -> FollowUpLists:
    return FollowUpLists(process_services())


def show(screen: Screen) -> None:
    """Show alarms or the overdue list, and the person whose row is chosen."""
    _ = screen.texts
    lists = _lists()
    _offer_refresh(lists, _)
    view = st.segmented_control(
        _("Show"),
        list(_VIEWS),
        default="alarms",
        format_func=lambda name: _(_VIEWS[name]),
        key="follow-up-view",
        label_visibility="collapsed",
        required=True,
    )
    if view == "overdue":
        _show_overdue(lists.newest, _)
    else:
        _show_alarms(screen)
    chosen = st.session_state.get(_CHOSEN)
    if chosen is not None:
        st.divider()
        person_pathways.show(screen, *chosen)


def _offer_refresh(lists: FollowUpLists, _: Texts) -> None:
    newest = lists.newest
    text, button = st.columns([4, 1], vertical_alignment="center")
    with text:
        if newest is None:
            st.info(_("The records have not been looked through since the start; do it now."))
        else:
            st.caption(
                _("{count} people looked at on {time}; {alarms} new alarms.").format(
                    count=newest.persons,
                    time=formats.moment(newest.made_at.timestamp()),
                    alarms=newest.new_alarms,
                )
            )
    with button:
        pressed = st.button(_("Look through all records"), type="primary", width="stretch")
    if not pressed:
        return
    bar = st.progress(0.0, text=_("Looking through the records"))

    def tell(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=_("Looking through the records"))

    try:
        made = lists.make(tell)
    except KnowledgeError as error:
        bar.empty()
        st.error(literal(str(error)))
        return
    if made is None:
        bar.empty()
        st.warning(_("Somebody else is looking through the records; wait for that."))
        return
    st.rerun()


def _show_alarms(screen: Screen) -> None:
    _ = screen.texts
    with screen.services.engine.connect() as connection:
        alarms = open_alarms(connection)
    if not alarms:
        st.info(_("No alarm is open."))
        return
    event = st.dataframe(
        alarm_table(alarms, _),
        hide_index=True,
        width="stretch",
        height="content" if len(alarms) <= 8 else 320,
        on_select="rerun",
        selection_mode="single-row",
        key="follow-up-alarms",
        alt=_("Alarms"),
    )
    rows = event.selection.rows
    if not rows or rows[0] >= len(alarms):
        st.caption(_("Choose a row to see the person and to acknowledge the alarm."))
        return
    alarm = alarms[rows[0]]
    _choose(alarm.who.origin, alarm.who.person)
    st.markdown(f"**{literal(alarm.title.in_language(_.language))}**")
    st.text(alarm.action.in_language(_.language))
    st.caption(literal(alarm.citation))
    _offer_acknowledgement(screen, alarm)


def _offer_acknowledgement(screen: Screen, alarm: StoredAlarm) -> None:
    _ = screen.texts
    if screen.account.role not in ACKNOWLEDGING_ROLES:
        st.caption(_("Your role may not acknowledge alarms; ask a physician."))
        return
    with st.form(f"acknowledge-{alarm.number}", clear_on_submit=True):
        note = st.text_input(_("What was done"), max_chars=500)
        pressed = st.form_submit_button(_("Acknowledge"), type="primary")
    if not pressed:
        return
    if not note.strip():
        st.error(_("Say what was done."))
        return
    try:
        with writing(screen.services.engine) as connection:
            acknowledge(connection, alarm.number, screen.account.username, note.strip())
    except KnowledgeError as error:
        st.error(literal(str(error)))
        return
    st.session_state.pop(_CHOSEN, None)
    st.rerun()


def alarm_table(alarms: Sequence[StoredAlarm], _: Texts) -> dict[str, list[str]]:
    """Return the cells of open alarms by column; they are shown literally."""
    return {
        _("Level"): [_(LEVEL_NAMES[a.level]) for a in alarms],
        _("Alarm"): [a.title.in_language(_.language) for a in alarms],
        _("Person"): [visible(a.who.person) for a in alarms],
        _("Newest reading"): [a.newest.isoformat() for a in alarms],
        _("Facts"): [visible(facts_in_words(a.facts, _)) for a in alarms],
        _("Since"): [a.first.isoformat() for a in alarms],
    }


def _show_overdue(newest: FollowUpList | None, _: Texts) -> None:
    if newest is None:
        return
    whole = newest.overdue[_.language]
    pathway_column, district_column, status_column = st.columns(3)
    with pathway_column:
        pathways = st.multiselect(
            _("Pathway"),
            _values(whole, "pathway"),
            placeholder=_("all"),
            key="overdue-pathways",
        )
    with district_column:
        districts = st.multiselect(
            _("District"),
            _values(whole, "district"),
            placeholder=_("all"),
            key="overdue-districts",
        )
    with status_column:
        statuses = st.multiselect(
            _("Status"),
            list(STATUS_NAMES),
            default=["overdue"],
            format_func=lambda status: _(STATUS_NAMES[status]),
            placeholder=_("all"),
            key="overdue-statuses",
        )
    found = chosen_rows(whole, pathways, districts, statuses)
    st.caption(
        _("{rows} visits and tests of {people} people").format(
            rows=found.height, people=found.select("origin", "person").unique().height
        )
    )
    shown = found.head(_MAX_ROWS)
    if shown.height < found.height:
        st.caption(_("The first {count} are shown; narrow the filters.").format(count=_MAX_ROWS))
    event = st.dataframe(
        overdue_table(shown, _),
        hide_index=True,
        width="stretch",
        height=380,
        on_select="rerun",
        selection_mode="single-row",
        key="follow-up-overdue",
        alt=_("Overdue"),
    )
    rows = event.selection.rows
    if rows and rows[0] < shown.height:
        row = shown.row(rows[0], named=True)
        _choose(row["origin"], row["person"])


def chosen_rows(
    rows: pl.DataFrame, pathways: Sequence[str], districts: Sequence[str], statuses: Sequence[str]
) -> pl.DataFrame:
    """Return the rows that the filters leave; an empty filter lets everything through."""
    filters = {"pathway": pathways, "district": districts, "status": statuses}
    for column, wanted in filters.items():
        if wanted:
            rows = rows.filter(pl.col(column).is_in(list(wanted)))
    return rows


def overdue_table(rows: pl.DataFrame, _: Texts) -> dict[str, list[object]]:
    """Return the cells of the overdue list by column; they are shown literally."""
    return {
        _("Person"): [visible(v) for v in rows["person"]],
        _("Name"): [visible(v) for v in rows["name"]],
        _("District"): [visible(v) for v in rows["district"]],
        _("Stage"): rows["stage"].to_list(),
        _("Visit or test"): rows["what"].to_list(),
        _("Last done"): [v or "–" for v in rows["last"]],
        _("Due"): rows["due"].to_list(),
        _("Days overdue"): rows["days_overdue"].to_list(),
        _("Status"): [_(STATUS_NAMES.get(v, v)) for v in rows["status"]],
    }


def _values(rows: pl.DataFrame, column: str) -> list[str]:
    return sorted(v for v in rows[column].unique().to_list() if v)


def _choose(origin: str, person: str) -> None:
    st.session_state[_CHOSEN] = (origin, person, date.today())  # noqa: DTZ011 - the reader's day
