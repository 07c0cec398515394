"""Slices of a study with the findings drawn in; drawn by the server, one picture at a time."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from clinical_ai.errors import ImagingError
from clinical_ai.findings import Finding
from clinical_ai.formats import visible
from clinical_ai.imaging.render import BONE_WINDOW, LUNG_WINDOW, SOFT_TISSUE_WINDOW
from clinical_ai.messages import N_
from clinical_ai.texts import Texts
from pacs_bridge.images.voi import Window
from ui import images
from ui.images import Pixels, SliceRef, Stack
from ui.literal import literal

CT_WINDOWS: dict[str, Window] = {
    N_("Lung"): LUNG_WINDOW,
    N_("Soft tissue"): SOFT_TISSUE_WINDOW,
    N_("Bone"): BONE_WINDOW,
}
_CLOSE_UP_MM = 60.0
_SERIES = "viewer-series"
_FINDING = "viewer-finding"
_WINDOW = "viewer-window"


@st.cache_data(show_spinner=False, max_entries=64)
def stacks_of(paths: tuple[Path, ...]) -> tuple[Stack, ...]:
    """Return the picture series among `paths`; kept, because files of the archive never change."""
    return images.read_stacks(paths)


@st.cache_data(show_spinner=False, max_entries=8)
def _pixels(path: Path, frame: int) -> Pixels:
    return images.read_pixels(path, frame)


@st.cache_data(show_spinner=False, max_entries=400)
def picture(
    path: Path,
    frame: int,
    sop_instance_uid: str,
    window: Window | None,
    _findings: Sequence[Finding],
    finding_key: str,  # noqa: ARG001 - stands for the findings in the cache's key
    close_up_of: str | None,
    longest_side: int,
    mirrored: bool,
) -> bytes:
    """Return one drawn slice as PNG; kept, so that scrolling back costs nothing."""
    pixels = _pixels(path, frame)
    shape = (pixels.values.shape[0], pixels.values.shape[1])
    finding = next((f for f in _findings if f.id == close_up_of), None)
    crop = None
    if finding is not None:
        crop = images.close_up(finding, _CLOSE_UP_MM, pixels.pixel_spacing_mm, shape)
    return images.draw(
        pixels,
        window or pixels.windows[0],
        mask=images.slice_mask(_findings, sop_instance_uid, shape),
        crop=crop,
        longest_side=longest_side,
        mirrored=mirrored,
    )


def go_to(stacks: Sequence[Stack], finding: Finding) -> None:
    """Make the viewer show the key image of `finding`; call it from a widget's callback."""
    for stack in stacks:
        index = stack.index_of(finding.key_sop_instance_uid)
        if index is not None:
            st.session_state[_SERIES] = stack.series_uid
            st.session_state[_slice_key(stack)] = index + 1
            st.session_state[_FINDING] = finding.id


def reset() -> None:
    """Forget series and slices of the study shown before."""
    for key in [k for k in st.session_state if str(k).startswith("viewer-")]:
        del st.session_state[key]


@st.fragment
def show(
    stacks: tuple[Stack, ...], findings: tuple[Finding, ...], reading_id: str, _: Texts
) -> None:
    """Show the viewer with its controls; a control redraws the viewer only."""
    stack = _chosen_stack(stacks, findings, _)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        window = _chosen_window(stack, _)
        contour, near = _chosen_overlay(stack, findings, _)
    index = _chosen_slice(stack, _)
    ref = stack.slices[index]
    shown = [f for f in findings if _touches(f, ref)]
    close_up = st.session_state.get(_FINDING) if near else None
    try:
        png = picture(
            ref.path,
            ref.frame,
            ref.sop_instance_uid,
            window,
            findings if contour else (),
            f"{reading_id}:{contour}",
            close_up,
            768,
            False,
        )
    except ImagingError as error:
        st.error(literal(_.error(error)))
        return
    caption = _("Image {number} of {count}").format(number=index + 1, count=len(stack.slices))
    if shown:
        numbers = ", ".join(f.id for f in shown)
        caption += " · " + _("findings on this image: {numbers}").format(numbers=numbers)
    st.image(png, width="stretch", alt=caption)
    st.caption(literal(caption))


def _chosen_stack(stacks: Sequence[Stack], findings: Sequence[Finding], _: Texts) -> Stack:
    by_uid = {s.series_uid: s for s in stacks}
    if st.session_state.get(_SERIES) not in by_uid:
        st.session_state.pop(_SERIES, None)
        for finding in findings[:1]:
            go_to(stacks, finding)
    if len(stacks) > 1:
        st.selectbox(
            _("Series"),
            list(by_uid),
            format_func=lambda u: _series_label(by_uid[u], _),
            key=_SERIES,
        )
    return by_uid[st.session_state.get(_SERIES) or stacks[0].series_uid]


def _series_label(stack: Stack, _: Texts) -> str:
    # A select box shows its options as plain text.
    parts = [str(stack.number), stack.modality, visible(stack.description)]
    parts.append(_("{count} images").format(count=len(stack.slices)))
    return " · ".join(p for p in parts if p)


def _chosen_window(stack: Stack, _: Texts) -> Window | None:
    """Return the chosen preset; None stands for the file's own window."""
    if stack.modality != "CT":
        return None
    name = st.segmented_control(
        _("Window"), list(CT_WINDOWS), format_func=_, key=_WINDOW, default="Lung", required=True
    )
    return CT_WINDOWS[name]


def _chosen_overlay(stack: Stack, findings: Sequence[Finding], _: Texts) -> tuple[bool, bool]:
    if not any(f.region for f in findings):
        return False, False
    contour = st.toggle(_("Contours"), value=True, key="viewer-contour")
    near = st.toggle(_("Close-up of the finding"), key=f"viewer-near-{stack.series_uid}")
    return contour, near


def _chosen_slice(stack: Stack, _: Texts) -> int:
    """Return the index of the slice to show; arrow keys move the slider that has the focus."""
    count = len(stack.slices)
    if count == 1:
        return 0
    key = _slice_key(stack)
    st.session_state.setdefault(key, (count + 1) // 2)

    def move(step: int) -> None:
        st.session_state[key] = min(count, max(1, st.session_state[key] + step))

    back, middle, forward = st.columns([2, 9, 2], vertical_alignment="bottom")
    with back:
        st.button(
            _("Up"), on_click=move, args=(-1,), shortcut="Up", key="viewer-up", width="stretch"
        )
    with middle:
        chosen: int = st.slider(_("Image"), 1, count, key=key)
    with forward:
        st.button(
            _("Down"), on_click=move, args=(1,), shortcut="Down", key="viewer-down", width="stretch"
        )
    return chosen - 1


def _slice_key(stack: Stack) -> str:
    return f"viewer-slice-{stack.series_uid}"


def _touches(finding: Finding, ref: SliceRef) -> bool:
    region = finding.region
    if region is None:
        return finding.key_sop_instance_uid == ref.sop_instance_uid
    if ref.sop_instance_uid not in region.sop_instance_uids:
        return False
    return bool(region.mask[region.sop_instance_uids.index(ref.sop_instance_uid)].any())
