"""Access of the viewer in the browser to the pixels of the study it shows."""

from functools import cache

from clinical_ai.accounts import Account
from clinical_ai.dicomweb_access import ViewerTokens


@cache
def viewer_tokens() -> ViewerTokens:
    """Return what issues and checks the tokens of this process."""
    return ViewerTokens()


def viewer_token(account: Account, study_uid: str) -> str:
    """Return a token with which a signed-in person's viewer reads one study for ten minutes.

    Streamlit keeps a session in the server and behind its WebSocket, so an HTTP request has no
    cookie that names the person. The viewer is handed this token over the WebSocket instead
    and sends it in the header ``Authorization``; it never stands in a URL.
    """
    return viewer_tokens().issue(account.username, study_uid)
