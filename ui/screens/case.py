"""The case board: open cases, one case with all that is known, opinions, conclusion, export."""

import re
import tempfile
from datetime import date
from pathlib import Path

import streamlit as st

from clinical_ai import formats
from clinical_ai.case_board import (
    Case,
    CaseView,
    Entry,
    StudyView,
    add_opinion,
    add_question,
    close_case,
    find_case,
    gather_case,
    list_cases,
    open_case,
    reopen_case,
    view_case,
)
from clinical_ai.case_board.cases import MAX_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS
from clinical_ai.case_bundle.export import export_case
from clinical_ai.case_bundle.imported import MAX_BYTES, import_form
from clinical_ai.case_bundle.summary import ENTRY_NAMES, ROLE_NAMES
from clinical_ai.errors import AccountError, CaseError, ClinicalAIError
from clinical_ai.formats import visible
from clinical_ai.texts import Texts
from clinical_ai.worklist import worklist
from pacs_bridge.errors import BridgeError
from ui.literal import literal
from ui.screens import person_pathways, record_panel
from ui.session import Screen

_ID = re.compile(r"[0-9a-f-]{36}")
_BUNDLE = "case-bundle"
_VIEWED = "case-viewed"


def show(screen: Screen) -> None:
    """Show the case that the URL names, or the list."""
    _ = screen.texts
    case_id = st.query_params.get("case", "")
    if not case_id:
        _show_list(screen)
        return
    if st.button(_("All cases")):
        _open("")
    if not _ID.fullmatch(case_id):
        st.error(_("The address does not name a case."))
        return
    try:
        case = _viewed(screen, case_id)
    except CaseError as error:
        st.error(literal(_.error(error)))
        return
    if not case.is_intact:
        st.error(_("The entries of this case were altered in the database."))
    _show_case(screen, case)


def _viewed(screen: Screen, case_id: str) -> Case:
    """Return the case; the first look of a session is written into the audit trail."""
    seen: set[str] = st.session_state.setdefault(_VIEWED, set())
    if case_id in seen:
        return find_case(screen.services, case_id)
    case = view_case(screen.services, case_id, screen.account.username)
    seen.add(case_id)
    return case


def _open(case_id: str) -> None:
    query = {"page": "cases"}
    if case_id:
        query["case"] = case_id
    st.session_state.pop(_BUNDLE, None)
    st.query_params.from_dict(query)
    st.rerun()


def _show_list(screen: Screen) -> None:
    _ = screen.texts
    closed = st.checkbox(_("Closed cases too"))
    cases = list_cases(screen.services, closed=closed)
    if not cases:
        st.info(_("There is no case."))
    for case in cases:
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(_("Open"), key=f"open-{case.id}"):
                _open(case.id)
            st.text(_line(case, _))
    _offer_new(screen)


def _line(case: Case, _: Texts) -> str:
    state = _("in discussion") if case.is_open else _("closed")
    count = _("{count} entries").format(count=len(case.entries))
    return f"{visible(case.title)} · {state} · {formats.moment(case.opened_at)} · {count}"


def _offer_new(screen: Screen) -> None:
    _ = screen.texts
    rows = [r for r in worklist(screen.services.engine, search="", states=()) if r.content_version]
    labels = {
        r.study_uid: " · ".join(
            visible(p)
            for p in (
                formats.person_name(r.patient_name),
                r.patient_id,
                formats.dicom_date(r.study_date),
                r.modalities,
                r.study_description,
            )
            if p
        )
        for r in rows
    }
    with st.form("new-case"):
        st.markdown(f"**{_('New case')}**")
        title = st.text_input(
            _("Title, without the patient's name"), max_chars=MAX_TITLE_CHARACTERS
        )
        studies = st.multiselect(
            _("Studies of the patient"),
            list(labels),
            format_func=lambda uid: labels[uid],
            placeholder=_("choose"),
        )
        question = st.text_area(_("Question"), max_chars=MAX_TEXT_CHARACTERS)
        pressed = st.form_submit_button(_("Open the case"), type="primary")
    if not pressed:
        return
    try:
        case = open_case(screen.services, screen.account, title, question, studies)
    except CaseError as error:
        st.error(literal(_.error(error)))
        return
    _open(case.id)


def _show_case(screen: Screen, case: Case) -> None:
    _ = screen.texts
    view = gather_case(screen.services, case)
    st.subheader(literal(case.title), anchor=False)
    st.caption(
        literal(f"{_('open') if case.is_open else _('closed')} · {visible(case.patient_id)}")
    )
    known, said = st.columns([3, 2], gap="medium")
    with known:
        _show_known(screen, view)
    with said:
        for entry in case.entries:
            _show_entry(entry, _)
        if case.is_open:
            _offer_words(screen, case)
        else:
            _offer_reopen(screen, case)
        _offer_exchange(screen, case)


def _show_known(screen: Screen, view: CaseView) -> None:
    _ = screen.texts
    for study in view.studies:
        with st.container(border=True):
            _show_study(screen, study)
    if view.record is None:
        st.info(_("No record is surely this patient's."))
        return
    if view.risk is not None:
        st.dataframe(
            record_panel.result_cells(view.risk, _),
            hide_index=True,
            width="stretch",
            alt=_("Risk"),
        )
    person_pathways.show(
        screen,
        view.case.origin,
        view.case.person,
        date.today(),  # noqa: DTZ011
    )


def _show_study(screen: Screen, view: StudyView) -> None:
    _ = screen.texts
    study, reading = view.study, view.reading
    words = [formats.dicom_date(study.study_date), *study.modalities, study.study_description]
    st.markdown(f"**{literal(' '.join(w for w in words if w))}**")
    if st.button(_("Images and findings"), key=f"study-{study.study_instance_uid}"):
        screen.open_study(study.study_instance_uid, None)
    if reading is None:
        st.caption(_("Not read by a model."))
        return
    if reading.model is not None:
        accuracy = " ".join(_.message(sentence) for sentence in reading.model.accuracy)
        st.caption(literal(f"{reading.model.name} {reading.model.version}. {accuracy}"))
    if reading.reason is not None:
        st.text(_.message(reading.reason))
    for caution in reading.cautions:
        st.caption(literal(_.message(caution)))
    for assessment in reading.assessments:
        if assessment.finding_id is None:
            st.text(
                f"{assessment.scheme} {_(assessment.category)}: "
                f"{_.message(assessment.recommendation)}"
            )
    if view.signed_by:
        st.text(_("Signed by {name}").format(name=visible(view.signed_by)))
    else:
        st.warning(_("Not signed: nobody has confirmed this result of a model."))


def _show_entry(entry: Entry, _: Texts) -> None:
    role = _(ROLE_NAMES[entry.role]) if entry.role in ROLE_NAMES else visible(entry.role)
    who = f"{visible(entry.full_name)} ({role})"
    answers = "" if entry.refers_to is None else f" → {entry.refers_to}"
    came = f" · {_('from tele-consultation')}" if entry.imported else ""
    with st.container(border=True):
        st.caption(
            literal(
                f"{entry.number}{answers} · {_(ENTRY_NAMES[entry.kind])} · {who} · "
                f"{formats.moment(entry.at)}{came}"
            )
        )
        for line in entry.text.splitlines():
            st.text(visible(line))


def _offer_words(screen: Screen, case: Case) -> None:
    _ = screen.texts
    with st.form("say", clear_on_submit=True):
        text = st.text_area(_("Opinion or question"), max_chars=MAX_TEXT_CHARACTERS)
        answers = st.selectbox(
            _("Answers"),
            [None, *(e.number for e in case.entries)],
            format_func=lambda n: "–" if n is None else str(n),
        )
        with st.container(horizontal=True):
            opinion = st.form_submit_button(_("Record as opinion"), type="primary")
            question = st.form_submit_button(_("Record as question"))
    with st.expander(_("Close the case")), st.form("close"):
        conclusion = st.text_area(_("Conclusion"), max_chars=MAX_TEXT_CHARACTERS)
        password = st.text_input(_("Password"), type="password", autocomplete="current-password")
        close = st.form_submit_button(_("Close with this conclusion"))
    try:
        if opinion:
            add_opinion(screen.services, case.id, screen.account, text, answers)
        elif question:
            add_question(screen.services, case.id, screen.account, text)
        elif close:
            close_case(screen.services, case.id, screen.account, password, conclusion)
        else:
            return
    except (CaseError, AccountError) as error:
        st.error(literal(_.error(error)))
        return
    st.rerun()


def _offer_reopen(screen: Screen, case: Case) -> None:
    _ = screen.texts
    with st.form("reopen"):
        reason = st.text_input(_("Reason"), max_chars=MAX_TEXT_CHARACTERS)
        password = st.text_input(_("Password"), type="password", autocomplete="current-password")
        pressed = st.form_submit_button(_("Reopen"))
    if not pressed:
        return
    try:
        reopen_case(screen.services, case.id, screen.account, password, reason)
    except (CaseError, AccountError) as error:
        st.error(literal(_.error(error)))
        return
    st.rerun()


def _offer_exchange(screen: Screen, case: Case) -> None:
    """Offer the bundle for a tele-consultation, and take its opinion back."""
    _ = screen.texts
    with st.expander(_("Tele-consultation")):
        free_text = st.checkbox(
            _(
                "With questions and opinions. People can be described without a name: read "
                "them first."
            )
        )
        if st.button(_("Make a bundle without identity")):
            _make_bundle(screen, case, free_text=free_text)
        made = st.session_state.get(_BUNDLE)
        if made is not None and made[0] == case.id:
            st.download_button(_("Download"), made[1], f"case-{case.id[:8]}.zip", "application/zip")
            st.text(made[2])
        if case.is_open:
            _offer_import(screen, case)


def _make_bundle(screen: Screen, case: Case, *, free_text: bool) -> None:
    _ = screen.texts
    bar = st.progress(0.0, text=_("Making the bundle"))

    def tell(done: int, total: int) -> None:
        bar.progress(done / max(total, 1), text=_("Making the bundle"))

    with tempfile.TemporaryDirectory(dir=screen.services.settings.data_dir) as folder:
        path = Path(folder) / "case.zip"
        try:
            written = export_case(
                screen.services,
                case,
                path,
                screen.account.username,
                free_text=free_text,
                progress=tell,
            )
        except (ClinicalAIError, BridgeError) as error:
            bar.empty()
            st.error(literal(str(error)))
            return
        content = path.read_bytes()
    bar.empty()
    told = _("{count} images, {left} left out").format(
        count=written.images, left=sum(written.left_out.values())
    )
    st.session_state[_BUNDLE] = (case.id, content, told)


def _offer_import(screen: Screen, case: Case) -> None:
    _ = screen.texts
    with st.form("import", clear_on_submit=True):
        file = st.file_uploader(_("Filled-in form opinion.json"), type="json", max_upload_size=1)
        pressed = st.form_submit_button(_("Record the opinion"))
    if not pressed or file is None:
        return
    try:
        content = file.read(MAX_BYTES + 1)
        import_form(screen.services, case, "opinion.json", content, screen.account.username)
    except (ClinicalAIError, BridgeError) as error:
        st.error(literal(str(error)))
        return
    st.rerun()
