"""Entry script of the screens; Streamlit runs it from the top for every interaction.

The URL's query names the page: ``?study=UID&version=DIGEST`` is a review, ``?page=NAME`` one
of `PAGES`, no query the worklist. The pages live in ``ui/screens``, not in ``ui/pages``:
Streamlit opens files of a folder of that name by URL, without this script and so without the
sign-in. Paths of its own page navigation are not used either, because its front end probes
them and logs errors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import streamlit as st

from clinical_ai.accounts import FOLLOW_UP_ROLES, MATCHING_ROLES, Role
from clinical_ai.case_board import BOARD_ROLES
from clinical_ai.messages import N_
from clinical_ai.texts import Language, Texts
from ui import session
from ui.screens import case, follow_up, matches, review, sign_in, worklist


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the navigation, and who may open it."""

    title: str
    roles: frozenset[Role]
    show: Callable[[session.Screen], None]


PAGES = {
    "worklist": Page(N_("Worklist"), frozenset(get_args(Role)), worklist.show),
    "follow-up": Page(N_("Follow-up"), FOLLOW_UP_ROLES, follow_up.show),
    "matches": Page(N_("Uncertain records"), MATCHING_ROLES, matches.show),
    "cases": Page(N_("Case board"), BOARD_ROLES, case.show),
}

# Less empty space at the top, and pictures that stay in view beside a long list of findings.
_STYLE = """<style>
.stMainBlockContainer { padding-top: 1.2rem; padding-bottom: 2rem; }
.stAppHeader { display: none; }
[data-testid="stLayoutWrapper"]:has(> .st-key-pictures) { position: sticky; top: 0.5rem; }
.st-key-pictures img { max-height: calc(100vh - 11rem); object-fit: contain; }
[class*="st-key-view-"] img { max-height: 42vh; }
.st-key-view-R-CC img, .st-key-view-R-MLO img { object-position: right; }
.st-key-view-L-CC img, .st-key-view-L-MLO img { object-position: left; }
</style>"""


def _header(default_language: Language) -> Texts:
    """Show product name, language and who is signed in; return the texts."""
    account = session.current_account()
    name, right = st.columns([1, 2], vertical_alignment="center")
    with name:
        st.markdown("**clinical-ai**")
    with (
        right,
        st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"),
    ):
        who, out = st.empty(), st.empty()
        _ = session.language_switch(default_language)
        if account is not None:
            who.text(
                f"{account.full_name} · {_(sign_in.ROLE_NAMES[account.role])}", width="content"
            )
            out.button(_("Sign out"), on_click=session.sign_out, type="tertiary")
    return _


def main() -> None:
    """Show the page the URL asks for, once somebody has signed in."""
    st.set_page_config(page_title="clinical-ai", layout="wide", initial_sidebar_state="collapsed")
    st.html(_STYLE)
    services = session.process_services()
    _ = _header(services.settings.language)
    account = session.current_account()
    if account is None:
        sign_in.show(services, _)
        return
    screen = session.Screen(services, account, _)
    if "study" in st.query_params:
        review.show(screen)
        return
    allowed = {name: page for name, page in PAGES.items() if account.role in page.roles}
    name = st.query_params.get("page", "worklist")
    if name not in allowed:
        name = "worklist"
    _navigation(allowed, name, _)
    allowed[name].show(screen)


def _navigation(pages: dict[str, Page], current: str, _: Texts) -> None:
    """Show the pages that the role may open, where there is more than one."""
    if len(pages) < 2:
        return
    chosen = st.segmented_control(
        _("Pages"),
        list(pages),
        default=current,
        format_func=lambda name: _(pages[name].title),
        key=f"page-{current}",
        label_visibility="collapsed",
        required=True,
    )
    if chosen != current:
        st.query_params.from_dict({} if chosen == "worklist" else {"page": chosen})
        st.rerun()


main()
