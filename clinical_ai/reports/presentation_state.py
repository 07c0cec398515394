"""The outlines of findings as a Grayscale Softcopy Presentation State (PS3.3 A.33.1).

A viewer draws it over the source images, and the reader can switch it off.
"""

from collections.abc import Sequence

import numpy as np
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from clinical_ai import formats
from clinical_ai.errors import ReportError
from clinical_ai.findings import Finding, Reading
from clinical_ai.imaging.outlines import mask_polygons
from clinical_ai.reports import identity
from clinical_ai.reports.signing import Signer, Verdicts, reviewed
from clinical_ai.reports.source import (
    character_set,
    copy_body_part,
    copy_patient_and_study,
    one_line,
    without_patient,
)

# The value of Graphic Data has a 16-bit length in bytes (PS3.5 section 7.1.2), two FL a point.
_MAX_POINTS = 65_534 // 8
_LAYER = "AI_FINDINGS"
_SAME = (
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
)
_GAP = 2.0  # between an outline and its label, pixels
_CROSS = "x"


def build_presentation_states(
    reading: Reading,
    sources: Sequence[Dataset],
    *,
    institution: str,
    verdicts: Verdicts | None = None,
    signer: Signer | None = None,
) -> list[Dataset]:
    """Return outlines and labels of the findings on the images they lie on.

    Labels are short and the same in every language: number, size, confidence, and a question
    mark as long as no clinician has accepted the finding. One state serves images of one size,
    spacing and rescaling, which is usually all of a series. Colour and multi-frame images
    cannot be drawn on in this way and are left out.

    Parameters
    ----------
    sources
        Headers of the series that was read.
    verdicts
        The decision on every finding; needed with a signer. Only accepted ones are drawn.

    Returns
    -------
    list of Dataset
        Empty when no finding has a region on a grayscale image.

    Raises
    ------
    ReportError
        When a source is missing, or the reading names no model.
    """
    shown = reviewed(reading, verdicts or {}) if signer else reading
    groups = _alike(_images(shown.findings, sources))
    return [
        _state(shown, images, number, institution, signer)
        for number, images in enumerate(groups, start=1)
    ]


def _state(
    reading: Reading,
    images: Sequence[Dataset],
    number: int,
    institution: str,
    signer: Signer | None,
) -> Dataset:
    kind = identity.PR_FINAL if signer else identity.PR_PRELIMINARY
    signature = signer.identity if signer else ()
    model = identity.model_of(reading)
    moment = signer.moment if signer else identity.reading_time(reading)
    made_at = identity.local_time(moment, images[0])
    layer = GraphicLayer(layer_name=_LAYER, order=1, description="Findings of an AI model")
    state: Dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=[without_patient(image) for image in images],
        series_instance_uid=identity.series_uid(reading, kind),
        series_number=identity.SERIES_NUMBERS[kind],
        sop_instance_uid=identity.instance_uid(reading, kind, str(number), *signature),
        instance_number=number,
        manufacturer=identity.MANUFACTURER,
        manufacturer_model_name=one_line(model.name, 64),
        software_versions=identity.SOFTWARE_VERSION,
        device_serial_number=one_line(model.manifest_sha256[:16] or "none", 64),
        content_label=_LAYER,
        content_description=(
            "Findings of an AI model, accepted by a clinician"
            if signer
            else "Findings of an AI model, not reviewed"
        ),
        content_creator_name="clinical-ai^",
        institution_name=one_line(institution, 64) or None,
        graphic_layers=[layer],
        graphic_annotations=_annotations(reading.findings, images, layer, accepted=bool(signer)),
        series_description="AI marks (signed)" if signer else "AI marks (preliminary)",
        series_date=made_at.date(),
        series_time=made_at.time(),
        specific_character_set=character_set(images[0]),
    )
    state.PresentationCreationDate = made_at.strftime("%Y%m%d")
    state.PresentationCreationTime = made_at.strftime("%H%M%S.%f")
    identity.settle_times(state, of="PresentationCreation")
    _keep_aspect(state, images[0])
    copy_body_part(state, images[0])
    identity.mark_as_ours(state)
    copy_patient_and_study(state, images[0])
    return state


def _images(findings: Sequence[Finding], sources: Sequence[Dataset]) -> list[Dataset]:
    """Return the grayscale images on which a finding lies, in the order of the sources."""
    wanted = {uid for f in findings if f.region for uid in f.region.sop_instance_uids}
    found = [image for image in sources if str(image.SOPInstanceUID) in wanted]
    missing = wanted - {str(image.SOPInstanceUID) for image in found}
    if missing:
        raise ReportError(f"source image {min(missing)} of a region is not among the sources")
    return [
        image
        for image in found
        if image.get("SamplesPerPixel") == 1 and int(image.get("NumberOfFrames") or 1) == 1
    ]


def _alike(images: Sequence[Dataset]) -> list[list[Dataset]]:
    """Group images that one presentation state can serve: it has one size, spacing, rescaling."""
    groups: dict[tuple[str, ...], list[Dataset]] = {}
    for image in images:
        key = tuple(str(image.get(keyword)) for keyword in _SAME)
        groups.setdefault(key, []).append(image)
    return list(groups.values())


def _keep_aspect(state: Dataset, image: Dataset) -> None:
    """Show pixels that are not square as the image itself has them (PS3.3 section C.10.4)."""
    spacing = image.get("PixelSpacing") or image.get("ImagerPixelSpacing")
    if spacing:
        (area,) = state.DisplayedAreaSelectionSequence
        area.PresentationPixelSpacing = spacing
        del area.PresentationPixelAspectRatio


def _annotations(
    findings: Sequence[Finding], images: Sequence[Dataset], layer: GraphicLayer, *, accepted: bool
) -> list[GraphicAnnotation]:
    annotations = []
    for image in images:
        marks = [_mark(f, str(image.SOPInstanceUID), accepted=accepted) for f in findings]
        annotations.append(
            GraphicAnnotation(
                referenced_images=[image],
                graphic_layer=layer,
                graphic_objects=[graphic for mark in marks for graphic in mark[0]],
                text_objects=[text for mark in marks for text in mark[1]],
            )
        )
    return annotations


def _mark(
    finding: Finding, image_uid: str, *, accepted: bool
) -> tuple[list[GraphicObject], list[TextObject]]:
    """Return outline and label of a finding on one image; nothing where it does not lie."""
    region = finding.region
    if region is None or image_uid not in region.sop_instance_uids:
        return [], []
    mask = region.mask[region.sop_instance_uids.index(image_uid)]
    _, top, left = region.origin
    corner = np.array((left, top), dtype=np.float32)
    polygons = [np.array(p, dtype=np.float32) + corner for p in mask_polygons(mask)]
    if not polygons:
        return [], []
    graphics = [
        GraphicObject(
            graphic_type="POLYLINE",
            graphic_data=_short_enough(polygon),
            units="PIXEL",
            tracking_id=f"Finding {finding.id}",
            tracking_uid=finding.tracking_uid,
        )
        for polygon in polygons
    ]
    right = max(float(p[:, 0].max()) for p in polygons) + _GAP
    upper = min(float(p[:, 1].min()) for p in polygons)
    label = TextObject(
        text_value=_label(finding, accepted=accepted),
        units="PIXEL",
        anchor_point=(right, upper),
        anchor_point_visible=False,
        tracking_id=f"Finding {finding.id}",
        tracking_uid=finding.tracking_uid,
    )
    return graphics, [label]


def _label(finding: Finding, *, accepted: bool) -> str:
    parts = [f"AI {finding.id}{'' if accepted else '?'}"]
    if size := formats.size(finding):
        parts.append(size.replace("×", _CROSS))
    if finding.confidence is not None:
        parts.append(formats.confidence(finding))
    return "  ".join(parts)


def _short_enough(polygon: NDArray[np.float32]) -> NDArray[np.float32]:
    """Leave out points of an outline that is too long for one value; it stays closed."""
    step = -(-len(polygon) // (_MAX_POINTS - 1))
    if step == 1:
        return polygon
    return np.concatenate([polygon[:-1:step], polygon[:1]])
