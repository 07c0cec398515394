"""The review page: one study version, its findings, the decisions on them, the signature."""

import re
from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from clinical_ai import formats
from clinical_ai.accounts import RELEASING_ROLES, SIGNING_ROLES
from clinical_ai.errors import AccountError, ReportError, ReviewError
from clinical_ai.findings import Reading
from clinical_ai.formats import visible
from clinical_ai.messages import N_
from clinical_ai.review import Decision, ReviewCase, open_case, sign
from clinical_ai.routing import STOPPED_STATES, release
from clinical_ai.texts import Texts
from clinical_ai.worklist import versions
from pacs_bridge.hl7.order_index import ImagingOrder
from ui.literal import literal
from ui.screens import findings as finding_cards
from ui.screens import mammography, record_panel, viewer
from ui.screens.worklist import STATE_NAMES, progress, sex_and_age, version
from ui.session import Screen

PRIORITY_NAMES = {"stat": N_("Emergency (STAT)"), "asap": N_("As soon as possible")}
_CASE = "review-case"
_CASE_KEY = "review-case-key"
_UID = re.compile(r"[0-9.]{1,64}")
_VERSION = re.compile(r"[0-9a-f]{1,64}")


def show(screen: Screen) -> None:
    """Show the study version that the URL names; its newest version when it names none."""
    _ = screen.texts
    study_uid = st.query_params.get("study", "")
    content_version = st.query_params.get("version") or None
    if st.button(_("Back to the worklist"), shortcut="Escape"):
        leave()
        screen.open_worklist()
    if not _UID.fullmatch(study_uid) or (
        content_version and not _VERSION.fullmatch(content_version)
    ):
        st.error(_("The address does not name a study."))
        return
    try:
        case = _case(screen, study_uid, content_version)
    except ReviewError as error:
        st.error(literal(_.error(error)))
        return
    _show_header(case, screen)
    if case.reading is not None and case.reading.status == "read":
        finding_cards.show_table(case.reading, case.decisions, _)
    if case.reading is not None and case.reading.record is not None:
        record_panel.show(case.reading.record, case.risk, _)
    picture_column, finding_column = st.columns([3, 2], gap="medium")
    with finding_column:
        _show_reading(case, screen)
    with picture_column, st.container(key="pictures"):
        _show_pictures(case, screen)


def leave() -> None:
    """Forget the open case, so that opening it again is a new view in the audit trail."""
    for key in (_CASE, _CASE_KEY):
        st.session_state.pop(key, None)
    viewer.reset()


def _case(screen: Screen, study_uid: str, content_version: str | None) -> ReviewCase:
    """Return the open case; the first call for a study version opens it, which is audited."""
    key = (study_uid, content_version)
    if st.session_state.get(_CASE_KEY) != key:
        leave()
        if content_version is None:
            known = versions(screen.services.engine, study_uid)
            content_version = known[0].content_version if known else None
        st.session_state[_CASE] = open_case(
            screen.services, study_uid, content_version, screen.account
        )
        st.session_state[_CASE_KEY] = key
    case: ReviewCase = st.session_state[_CASE]
    return case


def _show_header(case: ReviewCase, screen: Screen) -> None:
    _, row = screen.texts, case.row
    name, *columns = st.columns([3, 2, 1, 2, 2, 2])
    with name:
        st.subheader(literal(formats.person_name(row.patient_name)) or "–", anchor=False)
    values = {
        _("Patient ID"): visible(row.patient_id),
        _("Sex, age"): sex_and_age(row, _),
        _("Study"): " ".join(
            [
                formats.dicom_date(row.study_date),
                visible(f"{row.modalities} {row.study_description}"),
            ]
        ),
        _("Accession number"): visible(row.accession_number),
        _("State"): " · ".join(p for p in (_(STATE_NAMES[row.state]), version(row, _)) if p),
    }
    for column, (label, value) in zip(columns, values.items(), strict=True):
        with column:
            st.caption(label)
            st.text(value or "–")
    _show_order(case, _)
    _show_banner(case, _)
    _offer_release(case, screen)
    _show_versions(case, screen)


def _show_order(case: ReviewCase, _: Texts) -> None:
    """Show why the study was ordered; of another patient's order only that it does not fit."""
    if case.order is None:
        return
    if not case.order.patient_agrees:
        st.error(
            _(
                "The order with this accession number is of another patient. "
                "Compare the patient IDs of RIS and PACS."
            )
        )
        return
    shown = order_text(case.order.order, _)
    if shown:
        st.caption(shown)


def order_text(order: ImagingOrder, _: Texts) -> str:
    """Return the Markdown of what an order says; the RIS's own words letter by letter."""
    parts = [
        _(PRIORITY_NAMES[order.priority]) if order.priority != "routine" else "",
        _("Order cancelled") if order.state == "cancelled" else "",
        visible(order.procedure_text),
    ]
    if order.reason:
        parts.append(_("Reason for the examination: {reason}").format(reason=visible(order.reason)))
    return literal(" · ".join(part for part in parts if part))


def _show_banner(case: ReviewCase, _: Texts) -> None:
    """Say what the page is worth: preliminary, signed, superseded or not read."""
    row = case.row
    if case.signature is not None:
        st.success(
            literal(
                _("Signed by {name} on {time}. The report is final and cannot be changed.").format(
                    name=visible(case.signature.full_name),
                    time=formats.moment(case.signature.signed_at),
                )
            )
        )
    elif row.state == "superseded":
        st.warning(_("New images have arrived; this version was superseded and cannot be signed."))
    elif case.reading is not None and case.reading.status == "read":
        st.warning(_("Preliminary AI result - not a diagnosis until signed by a clinician"))
    elif row.state in ("not_read", "failed", "held", "ignored"):
        reason = row.reason or (case.reading.reason if case.reading else None)
        st.error(literal(f"{_(STATE_NAMES[row.state])}: {_.message(reason) if reason else '–'}"))
    else:
        st.info(literal(" · ".join(p for p in (_(STATE_NAMES[row.state]), progress(row, _)) if p)))


def _offer_release(case: ReviewCase, screen: Screen) -> None:
    """Let a study go on that routing holds or ignores, where the account may decide that."""
    _ = screen.texts
    if case.row.state not in STOPPED_STATES or screen.account.role not in RELEASING_ROLES:
        return
    if st.button(_("Release this study")):
        try:
            release(screen.services, case.row.study_uid, screen.account.username)
        except ReviewError as error:
            # Somebody else released it, or more images came.
            st.error(literal(_.error(error)))
            return
        leave()
        st.rerun()


def _show_versions(case: ReviewCase, screen: Screen) -> None:
    """Link the other versions of the study."""
    _ = screen.texts
    others = [v for v in case.versions if v.content_version != case.row.content_version]
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text(_("Other versions of this study:"))
        for other in others:
            label = f"{version(other, _)} · {_(STATE_NAMES[other.state])}"
            if st.button(literal(label), key=f"version-{other.content_version}", type="tertiary"):
                screen.open_study(other.study_uid, other.content_version)


def _show_pictures(case: ReviewCase, screen: Screen) -> None:
    _ = screen.texts
    records = screen.services.archive.instances(case.row.study_uid)
    stacks = viewer.stacks_of(tuple(r.path for r in records))
    if not stacks:
        st.info(_("This study holds no images that can be shown."))
        return
    found = case.reading.findings if case.reading else ()
    reading_id = case.reading.id if case.reading else ""
    views = mammography.four_views(stacks)
    if views is not None:
        mammography.show(views, found, reading_id, _)
    if views is None or st.toggle(_("Show all images one by one"), key="viewer-all"):
        viewer.show(stacks, found, reading_id, _)


def _show_reading(case: ReviewCase, screen: Screen) -> None:
    _, reading = screen.texts, case.reading
    if reading is None:
        if case.row.state in ("arriving", "queued", "reading"):
            st.text(_("The result will be here when the model has read the study."))
            if st.button(_("Refresh")):
                leave()
                st.rerun()
        return
    _show_model(reading, _)
    if reading.status != "read":
        st.text(_("Not read by a model: there is no AI result to sign."))
        return
    records = screen.services.archive.instances(case.row.study_uid)
    stacks = viewer.stacks_of(tuple(r.path for r in records))
    finding_cards.show_cards(
        case, screen, stacks, can_decide=_can_decide(case, screen), decided=_keep
    )
    _show_sign(case, reading, screen)


def _can_decide(case: ReviewCase, screen: Screen) -> bool:
    return (
        case.signature is None
        and case.row.state == "ready"
        and screen.account.role in SIGNING_ROLES
    )


def _keep(decision: Decision) -> None:
    """Put a decision that was stored into the open case."""
    case: ReviewCase = st.session_state[_CASE]
    decisions: Mapping[str, Decision] = {**case.decisions, decision.finding_id: decision}
    st.session_state[_CASE] = replace(case, decisions=decisions)


def _show_model(reading: Reading, _: Texts) -> None:
    """Show which model spoke, what it is for, how good it is known to be, and its cautions."""
    with st.container(border=True):
        if reading.model is None:
            st.markdown(f"**{_('Model')}**: –")
        else:
            model = reading.model
            st.markdown(f"**{_('Model')}**: {literal(model.name)} {literal(model.version)}")
            st.caption(literal(_.message(model.intended_use)))
            for sentence in model.accuracy:
                st.markdown(f"- {literal(_.message(sentence))}")
        for caution in reading.cautions:
            st.warning(literal(_.message(caution)))


def _show_sign(case: ReviewCase, reading: Reading, screen: Screen) -> None:
    """Offer the signature, once every finding is decided; the password is asked again."""
    _ = screen.texts
    if case.signature is not None:
        st.text(_("The report is signed."))
        return
    if screen.account.role not in SIGNING_ROLES:
        st.info(_("Your role may view this study; a radiologist decides and signs."))
        return
    if not _can_decide(case, screen):
        return
    undecided = [f.id for f in reading.findings if f.id not in case.decisions]
    with st.form("sign", clear_on_submit=True):
        st.markdown(f"**{_('Sign the report')}**")
        if undecided:
            st.caption(
                literal(
                    _("Still to decide: finding {numbers}").format(numbers=", ".join(undecided))
                )
            )
        elif not reading.findings:
            st.caption(_("The model found nothing; signing confirms that you reviewed the images."))
        password = st.text_input(
            _("Your password"), type="password", autocomplete="current-password"
        )
        submitted = st.form_submit_button(_("Sign"), type="primary", disabled=bool(undecided))
    if submitted:
        _sign(reading, screen, password)


def _sign(reading: Reading, screen: Screen, password: str) -> None:
    try:
        with st.spinner(screen.texts("Writing the final report")):
            sign(screen.services, reading.id, screen.account, password)
    except (ReviewError, AccountError, ReportError) as error:
        st.error(literal(screen.texts.error(error)))
        return
    leave()  # read-only from now on: open the signed state afresh
    st.rerun()
