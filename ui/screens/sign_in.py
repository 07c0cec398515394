"""The sign-in page, for local accounts."""

import streamlit as st

from clinical_ai.accounts import Role, authenticate
from clinical_ai.errors import AccountError
from clinical_ai.messages import N_
from clinical_ai.services import Services
from clinical_ai.texts import Texts
from ui import session
from ui.literal import literal

ROLE_NAMES: dict[Role, str] = {
    "radiologist": N_("radiologist"),
    "physician": N_("physician"),
    "administrator": N_("administrator"),
}


def show(services: Services, _: Texts) -> None:
    """Ask for user name and password; a right answer begins the session."""
    __, middle, __ = st.columns([1, 1, 1])
    with middle:
        st.subheader(_("Sign in"))
        st.text(services.settings.institution)
        with st.form("sign-in"):
            username = st.text_input(_("User name"), autocomplete="username")
            password = st.text_input(
                _("Password"), type="password", autocomplete="current-password"
            )
            submitted = st.form_submit_button(_("Sign in"), type="primary")
        if submitted:
            _authenticate(services, username, password, _)


def _authenticate(services: Services, username: str, password: str, _: Texts) -> None:
    try:
        account = authenticate(services.engine, username.strip(), password)
    except AccountError as error:
        st.error(literal(_.error(error)))
        return
    session.sign_in(account)
    st.rerun()
