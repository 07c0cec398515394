"""Take an opinion back from a tele-consultation: a small JSON file, checked before it is read."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clinical_ai.case_board.cases import MAX_TEXT_CHARACTERS, Case, Entry, add_imported
from clinical_ai.case_bundle.export import SCHEMA
from clinical_ai.errors import CaseError
from clinical_ai.research_export import default_key_file
from clinical_ai.services import Services
from pacs_bridge.database import writing
from pacs_bridge.deidentify.key import read_key_file

MAX_BYTES = 256 * 1024


class OpinionFile(BaseModel):
    """The form of a bundle, filled in; `place` is who answers, without being a patient's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: str = Field(alias="schema", pattern=f"^{SCHEMA}$")
    case: str = Field(pattern=r"^[A-Z2-7]{16}$")
    place: str = Field(min_length=1, max_length=128)
    role: str = Field(min_length=1, max_length=64)
    text: str = Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)


def import_opinion(services: Services, case: Case, path: Path, username: str) -> Entry:
    """Record the opinion of a file with a case.

    Raises
    ------
    CaseError
        When the file is too large, is no such form, is empty, or belongs to another case.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CaseError(f"{path.name} has more than {MAX_BYTES} bytes; it is no opinion")
        content = path.read_bytes()
    except OSError as error:
        raise CaseError(f"{path} cannot be read: {error.strerror}") from error
    return import_form(services, case, path.name, content, username)


def import_form(services: Services, case: Case, name: str, content: bytes, username: str) -> Entry:
    """Record the opinion that a filled-in form holds; see `import_opinion`."""
    if len(content) > MAX_BYTES:
        raise CaseError(f"{name} has more than {MAX_BYTES} bytes; it is no opinion")
    try:
        form = OpinionFile.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise CaseError(
            f"{name}: {where}: {first['msg']}; fill in the form of the bundle"
        ) from error
    key = read_key_file(default_key_file(services.settings), f"case {case.id}")
    if form.case != key.pseudonym(f"case:{case.id}"):
        raise CaseError(f"{name} is an opinion on another case")
    entry = Entry(0, "opinion", form.text, "", form.place, form.role, time.time(), imported=True)
    with writing(services.engine) as connection:
        add_imported(connection, case.id, entry, username)
    return entry
