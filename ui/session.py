"""What belongs to one browser session: who is signed in, and the language."""

from dataclasses import dataclass
from typing import NoReturn

import streamlit as st

from clinical_ai.accounts import Account
from clinical_ai.services import Services, open_services
from clinical_ai.settings import load_settings
from clinical_ai.texts import LANGUAGE_NAMES, Language, Texts

_ACCOUNT = "account"
_LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class Screen:
    """What every page is given."""

    services: Services
    account: Account
    texts: Texts

    def open_study(self, study_uid: str, content_version: str | None) -> NoReturn:
        """Go to the review page of a study version; of the newest one when none is named."""
        query = {"study": study_uid}
        if content_version:
            query["version"] = content_version
        st.query_params.from_dict(query)
        st.rerun()

    def open_worklist(self) -> NoReturn:
        """Go to the worklist."""
        st.query_params.clear()
        st.rerun()


@st.cache_resource(show_spinner=False)
def process_services() -> Services:
    """Return the services of this process, opened once."""
    return open_services(load_settings())


def current_account() -> Account | None:
    """Return who is signed in."""
    account = st.session_state.get(_ACCOUNT)
    return account if isinstance(account, Account) else None


def sign_in(account: Account) -> None:
    """Begin the session of `account`."""
    st.session_state[_ACCOUNT] = account


def sign_out() -> None:
    """End the session and forget all it showed, but for the language."""
    language = st.session_state.get(_LANGUAGE)
    st.session_state.clear()
    if language:
        st.session_state[_LANGUAGE] = language


def language_switch(default: Language) -> Texts:
    """Show the language switch and return the texts of the chosen language."""
    st.session_state.setdefault(_LANGUAGE, default)
    chosen = st.segmented_control(
        "语言 / Language",
        list(LANGUAGE_NAMES),
        format_func=lambda language: LANGUAGE_NAMES[language],
        key=_LANGUAGE,
        required=True,
        label_visibility="collapsed",
    )
    return Texts(chosen or default)
