"""Content items without text and names, annotations without text (PS3.15 E.3.3, E.3.4)."""

from collections.abc import MutableSequence

from pydicom.dataset import Dataset

from pacs_bridge.errors import DeidentifyError

# Value types (PS3.3 C.17.3.2.1) that hold codes, measurements, places in images and references.
_CODED = frozenset(
    {
        "CODE",
        "COMPOSITE",
        "CONTAINER",
        "IMAGE",
        "NUM",
        "NUMERIC",  # of Acquisition Context
        "SCOORD",
        "SCOORD3D",
        "TCOORD",
        "UIDREF",
        "WAVEFORM",
    }
)
_DATES = frozenset({"DATE", "DATETIME", "TIME"})
_LOCAL_SCHEME = "99"  # PS3.16 section 8: designators of local coding schemes
_REFERENCED_ITEM = 0x0040DB73


def keep_coded(items: MutableSequence[Dataset], *, dates: bool) -> None:
    """Drop content items that hold text, names or local codes, with all below them.

    Parameters
    ----------
    dates
        Keep items that hold dates, which are moved afterwards.

    Raises
    ------
    DeidentifyError
        If an item refers to another by its place in the tree, which would change.
    """
    kept = [item for item in items if _is_kept(item, dates)]
    for item in kept:
        if _REFERENCED_ITEM in item:
            raise DeidentifyError(
                "a content item refers to another by position; such a report cannot be thinned"
            )
        if "ContentSequence" in item:
            keep_coded(item.ContentSequence, dates=dates)
            if not item.ContentSequence:
                del item.ContentSequence
    items[:] = kept


def drop_text(items: MutableSequence[Dataset]) -> None:
    """Drop the text of graphic annotations, and annotations that have nothing else."""
    for item in items:
        if "TextObjectSequence" in item:
            del item.TextObjectSequence
    items[:] = [item for item in items if item.get("GraphicObjectSequence")]


def _is_kept(item: Dataset, dates: bool) -> bool:
    kind = str(item.get("ValueType", ""))
    if kind in _DATES:
        return dates
    codes = item.get("ConceptCodeSequence") or []
    is_local = any(
        str(c.get("CodingSchemeDesignator", "")).startswith(_LOCAL_SCHEME) for c in codes
    )
    return kind in _CODED and not is_local
