"""Keep the message catalogues in step with the source; for developers (needs Babel).

``python -m ui.catalogues`` extracts every ``_("...")``, ``N_("...")``, meaning of a
``Code(...)`` and what the metadata of model bundles says to people, merges them into both
``.po`` files and compiles the ``.mo`` files. It exits with 1 when a Chinese translation is
missing.
"""

import ast
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from clinical_ai.texts import DOMAIN, LOCALES, LOCALES_DIR

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("ui", "clinical_ai")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_ARGUMENT = {"_": 0, "N_": 0, "Code": 2}  # which argument is the text
_RESULT_TEXTS = ("metric", "on")  # of a model's measured results; values of its sentences


def extract() -> Iterator[tuple[str, str]]:
    """Yield (text, source file) of every text that a person may see.

    Read from the syntax tree: Babel's own extraction overlooks calls inside f-strings.
    """
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            file = path.relative_to(_ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_bytes(), file)):
                text = _text(node)
                if text:
                    yield text, file
    for path in sorted((_ROOT / "clinical_ai" / "bundles").rglob("metadata.json")):
        metadata = json.loads(path.read_bytes())
        results = metadata.get("results", [])
        file = path.relative_to(_ROOT).as_posix()
        for text in [metadata.get("intended_use"), *(r[k] for r in results for k in _RESULT_TEXTS)]:
            if text:
                yield text, file


def _text(node: ast.AST) -> str:
    """Return what a call of one of `_ARGUMENT` marks; empty for everything else."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return ""
    position = _ARGUMENT.get(node.func.id)
    if position is None or len(node.args) <= position:
        return ""
    argument = node.args[position]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    if node.func.id == "N_":
        raise TypeError(f"line {node.lineno}: N_ marks a literal text, nothing else")
    return ""


def po_path(locale: str) -> Path:
    """Return where the catalogue of `locale` is edited."""
    return LOCALES_DIR / locale / "LC_MESSAGES" / f"{DOMAIN}.po"


def update(locale: str) -> list[str]:
    """Merge the extracted texts into one catalogue and compile it; returns what is missing."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po, write_po

    path = po_path(locale)
    # No dates of today in the files: the same source gives the same bytes.
    catalogue = Catalog(
        locale=locale, project=DOMAIN, charset="utf-8", creation_date=_EPOCH, revision_date=_EPOCH
    )
    known: dict[str, str] = {}
    if path.exists():
        with path.open("rb") as source:
            known = {
                str(m.id): str(m.string)
                for m in read_po(source, locale=locale, charset="utf-8")
                if m.id
            }
    for text, file in extract():
        catalogue.add(text, known.get(text, ""), locations=[(file, 0)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        write_po(target, catalogue, width=100, sort_output=True, omit_header=True)
    with path.with_suffix(".mo").open("wb") as target:
        write_mo(target, catalogue)
    return [str(m.id) for m in catalogue if m.id and not m.string]


def main() -> int:
    """Update both catalogues."""
    missing = {locale: update(locale) for locale in LOCALES.values()}
    for text in missing["zh_CN"]:
        sys.stdout.write(f"zh_CN lacks: {text!r}\n")
    return 1 if missing["zh_CN"] else 0


if __name__ == "__main__":
    sys.exit(main())
