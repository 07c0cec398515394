"""The published numbers, one JSON file per equation, and the one function that reads them.

Every file names its publication, the variant of the numbers where there are several, and
what the transcription was checked against.
"""

import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def load(equation: str) -> dict[str, Any]:
    """Read the packaged file of `equation`; this package's only input besides its arguments."""
    text = resources.files(__name__).joinpath(f"{equation}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


def sources(equation: str) -> dict[str, Any]:
    """The descriptive fields that `Equation` takes, from the file of `equation`."""
    content = load(equation)
    return {
        "identifier": equation,
        "title": content["title"],
        "citation": content["citation"],
        "doi": content["doi"],
        "population": content["population"],
        "checked_against": tuple(content["checked_against"]),
        "notes": tuple(content.get("notes", ())),
    }
