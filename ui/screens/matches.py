"""Whose record a patient's is, where it is not certain: a person looks and decides."""

from collections.abc import Callable

import streamlit as st

from clinical_ai import formats
from clinical_ai.accounts import MATCHING_ROLES
from clinical_ai.errors import RecordError
from clinical_ai.formats import visible
from clinical_ai.records.match_queue import (
    KeptCandidate,
    PatientMatch,
    State,
    accept,
    find_match,
    list_matches,
    reject,
    revoke,
)
from clinical_ai.records.match_rows import decision_rows, names_of, numbers_of
from clinical_ai.records.match_words import evidence_in_words, sign
from clinical_ai.records.record import Demographics
from clinical_ai.records.store import RecordStore
from clinical_ai.texts import Texts
from ui.literal import literal
from ui.session import Screen

_MAX_REASON = 500


def show(screen: Screen) -> None:
    """Show the patients that wait, each with the candidates and what speaks for them."""
    _ = screen.texts
    decided = st.checkbox(_("Decided ones too"))
    states: tuple[State, ...] = ("waiting", "accepted", "rejected") if decided else ("waiting",)
    found = list_matches(screen.services.engine, states)
    if not found:
        st.info(_("No patient waits for a decision."))
        return
    st.caption(
        _("Nothing is linked before a person has decided. A decision is kept with its reason.")
    )
    labels = {one.id: _label(one, _) for one in found}
    number = st.selectbox(
        _("Patient"), list(labels), format_func=lambda n: labels[n], key="match-number"
    )
    if number is not None:
        _show_one(screen, find_match(screen.services.engine, number))


def _label(one: PatientMatch, _: Texts) -> str:
    query = one.query
    parts = (
        f"{one.id}",
        formats.person_name(query.name),
        visible(query.patient_id),
        formats.dicom_date(query.birth_date),
        formats.sex(query.sex, _),
    )
    return " · ".join(part for part in parts if part)


def _show_one(screen: Screen, one: PatientMatch) -> None:
    _ = screen.texts
    st.text(_(one.why))
    store = RecordStore(screen.services.engine)
    for number, candidate in enumerate(one.candidates):
        with st.container(border=True):
            _show_candidate(screen, one, candidate, number, store)
    if one.decisions:
        st.dataframe(
            {
                _("When"): [str(d["made"]) for d in decision_rows(one)],
                _("Decision"): [str(d["action"]) for d in decision_rows(one)],
                _("Person"): [str(d["person"]) for d in decision_rows(one)],
                _("Reason"): [str(d["reason"]) for d in decision_rows(one)],
                _("By"): [str(d["username"]) for d in decision_rows(one)],
            },
            hide_index=True,
            width="stretch",
            alt=_("Decision"),
        )
    if screen.account.role not in MATCHING_ROLES:
        st.caption(_("Your role may not decide this."))
        return
    _offer_rest(screen, one)


def _show_candidate(
    screen: Screen, one: PatientMatch, candidate: KeptCandidate, number: int, store: RecordStore
) -> None:
    _ = screen.texts
    stored = store.person(candidate.person, origin=candidate.origin)
    who = Demographics() if stored is None else stored.demographics
    st.markdown(f"**{literal(names_of(who) or candidate.person)}**")
    born = "" if who.birth_date is None else who.birth_date.isoformat()
    st.text(
        " · ".join(
            part
            for part in (
                visible(f"{candidate.origin}/{candidate.person}"),
                born,
                formats.sex((who.sex or "")[:1].upper(), _),
                numbers_of(who),
            )
            if part
        )
    )
    for evidence in candidate.evidence:
        words = _.message(evidence_in_words(evidence))
        st.text(f"{sign(evidence)} {words} ({evidence.bits:+.1f} bit)")
    if one.state != "waiting" or screen.account.role not in MATCHING_ROLES:
        return
    with st.form(f"accept-{one.id}-{number}"):
        reason = st.text_input(_("Reason"), max_chars=_MAX_REASON, key=f"why-{one.id}-{number}")
        pressed = st.form_submit_button(_("This is the patient"))
    if pressed:
        _decide(
            screen,
            lambda: accept(
                screen.services.engine,
                one.id,
                candidate.origin,
                candidate.person,
                reason=reason,
                username=screen.account.username,
            ),
        )


def _offer_rest(screen: Screen, one: PatientMatch) -> None:
    _ = screen.texts
    act, label = (
        (reject, _("None of them is the patient"))
        if one.state == "waiting"
        else (revoke, _("Take the decision back"))
    )
    with st.form(f"rest-{one.id}"):
        reason = st.text_input(_("Reason"), max_chars=_MAX_REASON, key=f"why-{one.id}")
        pressed = st.form_submit_button(label)
    if pressed:
        _decide(
            screen,
            lambda: act(
                screen.services.engine, one.id, reason=reason, username=screen.account.username
            ),
        )


def _decide(screen: Screen, act: Callable[[], PatientMatch]) -> None:
    try:
        act()
    except RecordError as error:
        st.error(literal(screen.texts.error(error)))
        return
    st.rerun()
