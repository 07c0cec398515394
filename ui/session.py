"""What belongs to one browser session: who is signed in, and the language."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from clinical_ai.accounts import Account
from clinical_ai.services import Services, open_services
from clinical_ai.settings import load_settings
from ui.texts import LANGUAGE_NAMES, Language, Texts

_ACCOUNT = "account"
_LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class Screen:
    """What every page is given.

    Parameters
    ----------
    open_study
        Goes to the review page of a study version.
    open_worklist
        Goes to the worklist.
    """

    services: Services
    account: Account
    texts: Texts
    open_study: Callable[[str, str | None], None]
    open_worklist: Callable[[], None]


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
