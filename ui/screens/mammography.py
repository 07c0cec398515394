"""The four standard views of a mammogram, hung as radiologists hang them."""

from collections.abc import Sequence

import streamlit as st

from clinical_ai.errors import ImagingError
from clinical_ai.findings import Finding
from clinical_ai.texts import Texts
from ui.images import SliceRef, Stack
from ui.literal import literal
from ui.screens import viewer

_HANGING = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
# The breasts hang back to back: the right one's chest wall is at the right edge, so its rows
# run to the patient's back (posterior), the left one's to the front (anterior).
_ROW_DIRECTION = {"R": "P", "L": "A"}


def four_views(stacks: Sequence[Stack]) -> list[SliceRef] | None:
    """Return RCC, LCC, RMLO and LMLO, or None when a view is missing."""
    found: dict[tuple[str, str], SliceRef] = {}
    for stack in stacks:
        for ref in stack.slices:
            if stack.modality == "MG" and ref.frame == 0:
                found.setdefault((ref.laterality, ref.view), ref)
    return [found[view] for view in _HANGING] if all(v in found for v in _HANGING) else None


def is_mirrored(ref: SliceRef) -> bool:
    """Tell whether a view must be turned for the breasts to hang back to back."""
    wanted = _ROW_DIRECTION.get(ref.laterality)
    return ref.row_direction in ("A", "P") and ref.row_direction != wanted


def show(
    views: Sequence[SliceRef], findings: tuple[Finding, ...], reading_id: str, _: Texts
) -> None:
    """Show the views two by two; each can be opened in full size."""
    for pair in (views[:2], views[2:]):
        for column, ref in zip(st.columns(2, gap="small"), pair, strict=True):
            with column, st.container(key=f"view-{ref.laterality}-{ref.view}"):
                _show_view(ref, findings, reading_id, _)


def _show_view(ref: SliceRef, findings: tuple[Finding, ...], reading_id: str, _: Texts) -> None:
    name = f"{ref.laterality} {ref.view}"
    try:
        png = viewer.picture(
            ref.path,
            ref.frame,
            ref.sop_instance_uid,
            None,
            findings,
            reading_id,
            None,
            1400,
            is_mirrored(ref),
        )
    except ImagingError as error:
        st.error(literal(f"{name}: {_.error(error)}"))
        return
    st.image(png, width="stretch", alt=name)
    st.caption(literal(name), text_alignment="right" if ref.laterality == "R" else "left")
