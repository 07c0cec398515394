"""The secret that turns identifiers into pseudonyms; it stays at the hospital.

The same key gives the same pseudonyms, so a second export of the same patients fits the
first without any table of who is who. Without the key nobody can compute a pseudonym from an
identifier, not even by trying all patient numbers.
"""

import base64
import hmac
import os
import secrets
from datetime import timedelta
from pathlib import Path

from pacs_bridge.errors import DeidentifyError

_HEADER = "clinical-ai de-identification key 1"
_KEY_BYTES = 32
_UUID_ROOT = "2.25."  # PS3.5 B.2: a UUID as a decimal number
_PSEUDONYM_LETTERS = 16  # 80 bits: no collision among any number of patients of a country
# Dates move back by 1 day to 10 years.
_LONGEST_SHIFT_DAYS = 3652


class Key:
    """Keyed hashes (HMAC-SHA-256) of identifiers.

    Parameters
    ----------
    secret
        32 bytes.
    project
        Exports under different names cannot be linked with each other.
    """

    def __init__(self, secret: bytes, project: str = "") -> None:
        if len(secret) != _KEY_BYTES:
            raise DeidentifyError(f"a key has {_KEY_BYTES} bytes, not {len(secret)}")
        self._secret = hmac.digest(secret, f"project:{project}".encode(), "sha256")

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits that tell keys (and projects) apart and reveal neither."""
        return self._digest("fingerprint", "").hex()[:8]

    def uid(self, uid: str) -> str:
        """Return the UID that stands for `uid`: ``2.25.`` and a number of up to 39 digits."""
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        number = number & ~(0xF << 76) | 8 << 76  # version 8, free form (RFC 9562 5.8)
        number = number & ~(0x3 << 62) | 2 << 62  # variant
        return f"{_UUID_ROOT}{number}"

    def pseudonym(self, patient: str) -> str:
        """Return 16 letters and digits (base 32) that stand for a patient."""
        digest = self._digest("patient", patient)
        return base64.b32encode(digest).decode("ascii")[:_PSEUDONYM_LETTERS]

    def date_shift(self, patient: str) -> timedelta:
        """Return how far the dates of a patient move: 1 to 3652 days back."""
        number = int.from_bytes(self._digest("dates", patient)[:8], "big")
        return -timedelta(days=1 + number % _LONGEST_SHIFT_DAYS)

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}:{text}".encode(), "sha256")


def create_key_file(path: Path) -> None:
    """Write a new random key, readable by its owner only.

    Raises
    ------
    DeidentifyError
        If the file exists or cannot be written.
    """
    text = f"{_HEADER}\n{secrets.token_hex(_KEY_BYTES)}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise DeidentifyError(f"the key file {path} cannot be made: {error.strerror}") from error


def read_key_file(path: Path, project: str = "") -> Key:
    """Read a key that `create_key_file` wrote.

    Raises
    ------
    DeidentifyError
        If there is none, it is not a key, or others than its owner may read it.
    """
    try:
        text = path.read_text(encoding="ascii")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise DeidentifyError(f"the key file {path} cannot be read: {error}") from error
    if mode & 0o077:
        raise DeidentifyError(f"others may read the key file {path}; run: chmod 600 {path}")
    header, _, secret = text.partition("\n")
    try:
        is_key, decoded = header == _HEADER, bytes.fromhex(secret)
    except ValueError:
        is_key, decoded = False, b""
    if not is_key:
        raise DeidentifyError(
            f"{path} is not a de-identification key; name another file to have one made"
        )
    return Key(decoded, project)
