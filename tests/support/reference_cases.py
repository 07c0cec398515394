"""Reference cases of a guideline: the copy in this repository, and the shared file if present."""

import json
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).parents[1]
HERE = _TESTS / "clinical_ai" / "assessment" / "data"
SHARED = _TESTS.parents[1] / "shared" / "risk" / "cases"


def load_cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of `name` from this repository and, when it is there, the shared folder."""
    files = [HERE / f"{name}.json", SHARED / f"{name}.json"]
    cases = [case for f in files if f.exists() for case in json.loads(f.read_text())["cases"]]
    unique = {json.dumps(c["input"], sort_keys=True): c for c in cases}
    return list(unique.values())
