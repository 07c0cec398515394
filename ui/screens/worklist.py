"""The worklist page: what waits, most urgent first; it keeps itself up to date."""

import time
from collections.abc import Sequence
from typing import get_args

import streamlit as st
from streamlit.elements.lib.column_types import ButtonColumnResult, ColumnConfig

from clinical_ai import formats
from clinical_ai.findings import Urgency
from clinical_ai.formats import visible
from clinical_ai.messages import N_
from clinical_ai.quarantine import Refused, refused_objects
from clinical_ai.texts import Texts
from clinical_ai.worklist import StudyState, WorklistRow, worklist
from pacs_bridge.routing.actions import Priority
from ui.session import Screen

REFRESH_SECONDS = 3
_OPEN = "worklist-open"
_NUMBERS = "worklist-numbers"

URGENCY_NAMES: dict[Urgency, str] = {
    "urgent": N_("urgent"),
    "soon": N_("soon"),
    "routine": N_("routine"),
}
STATE_NAMES: dict[StudyState, str] = {
    "arriving": N_("arriving"),
    "held": N_("held"),
    "queued": N_("queued"),
    "reading": N_("being read"),
    "ready": N_("ready for review"),
    "not_read": N_("not read"),
    "ignored": N_("ignored"),
    "failed": N_("failed"),
    "signed": N_("signed"),
    "superseded": N_("superseded"),
}
STEP_NAMES = {
    "load": N_("loading images"),
    "priors": N_("fetching priors"),
    "record": N_("reading the record"),
    "read": N_("model is reading"),
    "assess": N_("applying guidelines"),
    "risk": N_("computing risk"),
    "report": N_("writing the report"),
    "deliver": N_("sending the report"),
}
# What stands beside the state of a study that routing puts before or after the others.
PRIORITY_NAMES: dict[Priority, str] = {
    "stat": N_("priority: stat"),
    "high": N_("priority: high"),
    "low": N_("priority: low"),
}
_PRIORITY_COLOURS: dict[Priority, str] = {"stat": "#e5484d", "high": "#f5a524", "low": "#6b7280"}
_URGENCY_COLOURS = {"urgent": "#e5484d", "soon": "#f5a524", "routine": "#6b7280"}
_STATE_COLOURS = {
    "arriving": "#6b7280",
    "held": "#8250df",
    "queued": "#6b7280",
    "reading": "#3d8bfd",
    "ready": "#2ea44f",
    "not_read": "#b7791f",
    "ignored": "#374151",
    "failed": "#e5484d",
    "signed": "#4b5563",
    "superseded": "#374151",
}


def show(screen: Screen) -> None:
    """Show filters and the list."""
    _ = screen.texts
    search_column, state_column = st.columns([2, 3])
    with search_column:
        search = st.text_input(
            _("Search name, patient ID or accession number"), key="worklist-search"
        )
    with state_column:
        states: list[StudyState] = st.multiselect(
            _("States"),
            list(get_args(StudyState)),
            format_func=lambda state: _(STATE_NAMES[state]),
            placeholder=_("all but superseded"),
            key="worklist-states",
        )
    _list(screen, search, tuple(states))
    _show_refused(screen)


@st.fragment(run_every=REFRESH_SECONDS)
def _list(screen: Screen, search: str, states: tuple[StudyState, ...]) -> None:
    """Show the rows as they are now, and open the one whose button was pressed."""
    _ = screen.texts
    rows = worklist(screen.services.engine, search=search, states=states)
    numbers = _numbers(rows)
    # The label names the study, not the row: a row may have moved since it was drawn.
    labels = {f"{_('Open')} {numbers[_key(row)]}": row for row in rows if row.content_version}
    pressed = st.session_state.get(_OPEN)
    if pressed is not None and pressed["label"] in labels:
        row = labels[pressed["label"]]
        screen.open_study(row.study_uid, row.content_version)
    if not rows:
        st.info(_("No study matches.") if search or states else _("No study has arrived yet."))
        return
    st.caption(_summary(rows, _))
    st.dataframe(
        table(rows, {_key(row): label for label, row in labels.items()}, time.time(), _),
        hide_index=True,
        width="stretch",
        height="content" if len(rows) <= 14 else 560,
        row_height=38,
        column_config=_columns(_),
        key="worklist-table",
        alt=_("Worklist"),
    )


@st.fragment(run_every=REFRESH_SECONDS)
def _show_refused(screen: Screen) -> None:
    """Show what the listener refused and why, so that nothing is missing without a word."""
    _ = screen.texts
    refused = refused_objects(screen.services.engine)
    if not refused:
        return
    # A fixed label: an expander whose label changes would close itself.
    with st.expander(_("Objects refused on arrival"), key="worklist-refused"):
        st.caption(_("The newest {count}; they are kept in quarantine.").format(count=len(refused)))
        st.dataframe(
            refused_table(refused, _),
            hide_index=True,
            width="stretch",
            alt=_("Objects refused on arrival"),
        )


def refused_table(refused: Sequence[Refused], _: Texts) -> dict[str, list[str]]:
    """Return the cells of the refused objects by column; they are shown literally."""
    return {
        _("Received"): [formats.moment(r.received_at) for r in refused],
        _("Sender"): [visible(r.calling_ae_title) for r in refused],
        _("Reason"): [visible(r.reason) for r in refused],
        _("Object UID"): [visible(r.sop_instance_uid or "") for r in refused],
    }


def table(
    rows: Sequence[WorklistRow], labels: dict[tuple[str, str], str], now: float, _: Texts
) -> dict[str, list[object]]:
    """Return the cells by column; they are shown literally, so they need no escaping.

    Parameters
    ----------
    labels
        Text of the button of each row that can be opened, by study and content version.
    now
        UTC epoch seconds.
    """
    return {
        "open": [labels.get(_key(r)) for r in rows],
        "urgency": [[_(URGENCY_NAMES[r.urgency])] if r.urgency else [] for r in rows],
        "state": [state_labels(r, _) for r in rows],
        "note": [_.message(r.reason) if r.reason else progress(r, _) for r in rows],
        "waiting": [
            "" if r.state in ("signed", "superseded") else formats.duration(now - r.arrived_at, _)
            for r in rows
        ],
        "patient": [formats.person_name(r.patient_name) for r in rows],
        "patient_id": [visible(r.patient_id) for r in rows],
        "sex_age": [sex_and_age(r, _) for r in rows],
        "study_date": [formats.dicom_date(r.study_date) for r in rows],
        "modality": [visible(r.modalities) for r in rows],
        "findings": [finding_count(r) for r in rows],
        "category": [_(visible(r.category or "")) for r in rows],
        "description": [visible(r.study_description) for r in rows],
        "version": [version(r, _) for r in rows],
    }


def state_labels(row: WorklistRow, _: Texts) -> list[str]:
    """Return the state, and the priority of a study not signed that is not the usual one."""
    labels = [_(STATE_NAMES[row.state])]
    if row.priority in PRIORITY_NAMES and row.state not in ("signed", "superseded", "ignored"):
        labels.append(_(PRIORITY_NAMES[row.priority]))
    return labels


def progress(row: WorklistRow, _: Texts) -> str:
    """Return the step a running read is in, with the images that have come."""
    if row.state == "arriving":
        return _("{count} images so far").format(count=row.instances)
    if row.state != "reading" or row.step is None:
        return ""
    step = _(STEP_NAMES[row.step]) if row.step in STEP_NAMES else row.step
    return step if row.progress is None else f"{step} {row.progress:.0%}"


def finding_count(row: WorklistRow) -> str:
    """Return how many findings the model has; empty when it has not read the study."""
    if row.finding_count is None or row.state not in ("ready", "signed", "superseded"):
        return ""
    return str(row.finding_count)


def sex_and_age(row: WorklistRow, _: Texts) -> str:
    """Return the patient's sex and the age at the study."""
    parts = formats.sex(row.patient_sex, _), formats.age(row.patient_birth_date, row.study_date, _)
    return " ".join(p for p in parts if p)


def version(row: WorklistRow, _: Texts) -> str:
    """Return ``v1``, or for later versions that more images came after the first reading."""
    if row.content_sequence <= 1:
        return f"v{row.content_sequence}" if row.content_sequence else ""
    return _("v{number}: late images").format(number=row.content_sequence)


def _summary(rows: Sequence[WorklistRow], _: Texts) -> str:
    waiting = [r for r in rows if r.state == "ready"]
    return " · ".join(
        [
            _("{count} studies").format(count=len(rows)),
            _("{count} ready for review").format(count=len(waiting)),
            _("{count} urgent").format(count=sum(r.urgency == "urgent" for r in waiting)),
            _("{count} not read or failed").format(
                count=sum(r.state in ("not_read", "failed") for r in rows)
            ),
        ]
    )


def _columns(_: Texts) -> dict[str, ColumnConfig | ButtonColumnResult]:
    urgency = {_(n): _URGENCY_COLOURS[u] for u, n in URGENCY_NAMES.items()}
    state = {_(n): _STATE_COLOURS[s] for s, n in STATE_NAMES.items()}
    state |= {_(n): _PRIORITY_COLOURS[p] for p, n in PRIORITY_NAMES.items()}
    config = st.column_config
    return {
        "open": config.ButtonColumn("", key=_OPEN, type="primary", pinned=True, width=80),
        "urgency": config.MultiselectColumn(
            _("Urgency"), options=list(urgency), color=list(urgency.values()), width=75
        ),
        "state": config.MultiselectColumn(
            _("State"), options=list(state), color=list(state.values()), width=125
        ),
        "note": config.TextColumn(_("Progress or reason"), width=160),
        "waiting": config.TextColumn(_("Waiting"), width=85),
        "patient": config.TextColumn(_("Patient"), width=165),
        "patient_id": config.TextColumn(_("Patient ID"), width=90),
        "sex_age": config.TextColumn(_("Sex, age"), width=90),
        "study_date": config.TextColumn(_("Study date"), width=95),
        "modality": config.TextColumn(_("Modality"), width=70),
        "findings": config.TextColumn(_("AI findings"), width=80, alignment="right"),
        "category": config.TextColumn(_("Most severe"), width=115),
        "description": config.TextColumn(_("Description"), width=125),
        "version": config.TextColumn(_("Version"), width=95),
    }


def _numbers(rows: Sequence[WorklistRow]) -> dict[tuple[str, str], int]:
    """Return a number for each study version that stays the same during the session."""
    numbers: dict[tuple[str, str], int] = st.session_state.setdefault(_NUMBERS, {})
    for row in rows:
        numbers.setdefault(_key(row), len(numbers) + 1)
    return numbers


def _key(row: WorklistRow) -> tuple[str, str]:
    return row.study_uid, row.content_version or ""
