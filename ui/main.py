"""Entry script of the screens; Streamlit runs it from the top for every interaction.

The pages live in ``ui/screens``, not in ``ui/pages``: Streamlit opens files of a folder of
that name by URL, without this script and so without the sign-in.
"""

import streamlit as st

from ui import session
from ui.screens import review, sign_in, worklist
from ui.texts import Language, Texts

# Less empty space at the top, and pictures that stay in view beside a long list of findings.
_STYLE = """<style>
.stMainBlockContainer { padding-top: 1.2rem; padding-bottom: 2rem; }
.stAppHeader { display: none; }
.st-key-pictures { position: sticky; top: 0.5rem; }
.st-key-pictures img { max-height: calc(100vh - 11rem); object-fit: contain; }
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
        pages = [st.Page(lambda: sign_in.show(services, _), title="sign-in", default=True)]
        pages += [st.Page(lambda: sign_in.show(services, _), title="review", url_path="review")]
        st.navigation(pages, position="hidden").run()
        return

    def open_study(study_uid: str, content_version: str | None) -> None:
        query = {"study": study_uid} | ({"version": content_version} if content_version else {})
        st.switch_page(review_page, query_params=query)

    screen = session.Screen(services, account, _, open_study, lambda: st.switch_page(worklist_page))
    worklist_page = st.Page(lambda: worklist.show(screen), title=_("Worklist"), default=True)
    review_page = st.Page(lambda: review.show(screen), title=_("Review"), url_path="review")
    st.navigation([worklist_page, review_page], position="hidden").run()


main()
