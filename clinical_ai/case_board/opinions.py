"""Opinions that come back from elsewhere, as a JSON file: checked before any is believed."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from clinical_ai.case_board.cases import MAX_TEXT, Said
from clinical_ai.errors import CaseError
from clinical_ai.formats import visible

MAX_BYTES = 1 << 20
_MAX_OPINIONS = 100
_Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
_Long = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Opinion(_Strict):
    """One opinion from elsewhere: author and role as the sender states them; nobody proved it."""

    author: _Short
    role: _Short
    at: AwareDatetime
    text: _Long


class OpinionFile(_Strict):
    """The file; `case` is the pseudonym that the bundle of the case bears."""

    format: Literal["clinical-ai case opinions 1"]
    case: _Short
    opinions: Annotated[tuple[Opinion, ...], Field(min_length=1, max_length=_MAX_OPINIONS)]


def read_opinions(path: Path, pseudonym: str) -> list[Said]:
    """Return the opinions of a file about the case of a pseudonym.

    Raises
    ------
    CaseError
        When the file cannot be read, is too large, is not as it must be, or is of another case.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise CaseError(f"{path} is larger than {MAX_BYTES} bytes; it is no file of opinions")
    try:
        found = OpinionFile.model_validate_json(raw)
    except ValidationError as error:
        raise CaseError(f"{path} is no file of opinions: {_explained(error)}") from error
    if found.case != pseudonym:
        raise CaseError(f"{path} is about another case: its case is not {pseudonym}")
    digest = hashlib.sha256(raw).hexdigest()
    return [_said(one, digest) for one in found.opinions]


def _said(one: Opinion, digest: str) -> Said:
    stated = one.at.isoformat(timespec="minutes")
    text = "".join(c for c in one.text if c.isprintable() or c in "\n\t")
    return Said("import", f"[{stated}] {text}", visible(one.author), visible(one.role), digest)


def _explained(error: ValidationError) -> str:
    """Say where and what, without the values, which may be a patient's."""
    places = (
        f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}"
        for e in error.errors(include_url=False, include_context=False, include_input=False)
    )
    return "; ".join(list(places)[:5])
