"""The HTTP client for DICOMweb servers: who we are, whom we trust, and no traces of patients."""

import logging
import ssl

import httpx

from pacs_bridge.peer import WebPeer


def silence_http_logs() -> None:
    """Turn off the logs of the HTTP library, which name every URL, for the whole process."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def web_client(
    peer: WebPeer, timeout: httpx.Timeout, transport: httpx.BaseTransport | None = None
) -> httpx.Client:
    """Return a client that signs in at `peer` and asks for DICOM JSON.

    httpx logs every URL, and that of a query names the patient: its log is off for the whole
    process.

    Parameters
    ----------
    transport
        None is the usual one.

    Raises
    ------
    OSError
        If the file of trusted authorities cannot be used.
    """
    silence_http_logs()
    headers = {"Accept": "application/dicom+json", "User-Agent": "clinical-ai"}
    if peer.token:
        headers["Authorization"] = f"Bearer {peer.token}"
    context = ssl.create_default_context()
    if peer.trusted is not None:
        context = ssl.create_default_context(cafile=peer.trusted)
    return httpx.Client(
        headers=headers,
        auth=(peer.username, peer.password) if peer.username and not peer.token else None,
        verify=context,
        timeout=timeout,
        transport=transport,
        trust_env=False,  # no proxy or .netrc of whoever started us
    )
