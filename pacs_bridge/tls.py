"""TLS for DICOM: the profile of PS3.15 B.9, BCP 195, by the ssl module of Python."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from pacs_bridge.errors import BridgeError


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files for TLS.

    Parameters
    ----------
    certificate, key
        Our certificate chain and its private key.
    trusted
        Certificates of the authorities that may vouch for the other side. A listener that has
        it asks every peer for a certificate (mutual TLS).
    """

    certificate: Path | None = None
    key: Path | None = None
    trusted: Path | None = None


def listener_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a listener; with `files.trusted` peers must show a certificate.

    Raises
    ------
    BridgeError
        If certificate or key are missing or cannot be used.
    """
    if files.certificate is None:
        raise BridgeError("a TLS listener needs a certificate and its key: set both PEM files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(context, files)
    if files.trusted is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def requestor_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context for connections that we open; the peer's certificate is checked.

    The host name is not compared: peers are often known by address only, and the authorities
    in `files.trusted` are the hospital's own.

    Raises
    ------
    BridgeError
        If `files.trusted` is missing, or a file cannot be used.
    """
    if files.trusted is None:
        raise BridgeError("a TLS peer needs the PEM file of the authorities it is trusted by")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if files.certificate is not None:
            context.load_cert_chain(files.certificate, files.key)
        if files.trusted is not None:
            context.load_verify_locations(files.trusted)
    except OSError as error:  # ssl.SSLError is one
        raise BridgeError(
            f"the TLS files {files.certificate}, {files.key}, {files.trusted} cannot be used: "
            f"{error}"
        ) from error
