"""An outlined nodule as a `Finding`: coded, measured in mm, with its mask."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from clinical_ai import codes
from clinical_ai.findings import Finding, Measurement, Quality, Region, pack_mask
from clinical_ai.imaging.axial_diameters import AxialDiameters, axial_diameters
from clinical_ai.imaging.nodule_composition import Inside, composition
from clinical_ai.imaging.nodule_segmentation import Outline
from clinical_ai.imaging.volume import Volume
from clinical_ai.readers.base import tracking_uid

_CODES = {
    "solid": codes.SOLID,
    "part_solid": codes.PART_SOLID,
    "ground_glass": codes.GROUND_GLASS,
}


@dataclass(frozen=True)
class Nodule:
    """An outline with what was measured on it."""

    outline: Outline
    probability: float
    diameters: AxialDiameters
    inside: Inside
    volume_mm3: float


def measure(volume: Volume, outline: Outline, probability: float) -> Nodule:
    """Measure an outline on the voxels it was drawn on."""
    return Nodule(
        outline=outline,
        probability=probability,
        diameters=axial_diameters(outline.mask, volume.spacing[1:]),
        inside=composition(volume.hu[outline.box], outline.mask),
        volume_mm3=float(outline.mask.sum() * volume.voxel_mm3),
    )


def finding_of(
    volume: Volume, nodule: Nodule, reading: str, number: int, middle_x_mm: float
) -> Finding:
    """Return the finding.

    Parameters
    ----------
    reading
        Id of the reading.
    middle_x_mm
        LPS x of the plane between the lungs; what lies at smaller x is in the right lung.
    """
    region = _region(volume, nodule.outline)
    right = region.centroid_mm[0] < middle_x_mm
    return Finding(
        id=str(number),
        tracking_uid=tracking_uid(reading, str(number)),
        code=codes.LUNG_NODULE,
        site=codes.RIGHT_LUNG if right else codes.LEFT_LUNG,
        confidence=round(nodule.probability, 3),
        measurements=_measurements(volume, nodule),
        qualities=(Quality(codes.NODULE_COMPOSITION, _CODES[nodule.inside.composition]),),
        region=region,
        key_sop_instance_uid=volume.sop_instance_uids[
            nodule.outline.origin[0] + nodule.diameters.slice_index
        ],
    )


def _measurements(volume: Volume, nodule: Nodule) -> tuple[Measurement, ...]:
    mm = codes.MILLIMETER
    found = [
        Measurement(codes.LONG_AXIS, round(nodule.diameters.long_mm, 1), mm),
        Measurement(codes.SHORT_AXIS, round(nodule.diameters.short_mm, 1), mm),
        Measurement(codes.MEAN_DIAMETER, nodule.diameters.mean_mm, mm),
        Measurement(codes.VOLUME, round(nodule.volume_mm3, 1), codes.CUBIC_MILLIMETER),
        Measurement(codes.MEAN_ATTENUATION, round(nodule.inside.mean_hu, 1), codes.HOUNSFIELD_UNIT),
    ]
    if nodule.inside.composition == "part_solid" and nodule.inside.solid.any():
        solid = axial_diameters(nodule.inside.solid, volume.spacing[1:])
        found.append(Measurement(codes.SOLID_COMPONENT_DIAMETER, solid.mean_mm, mm))
    return tuple(found)


def _region(volume: Volume, outline: Outline) -> Region:
    first = outline.origin[0]
    centre = np.asarray(ndimage.center_of_mass(outline.mask)) + outline.origin
    return Region(
        series_uid=volume.series_uid,
        frame_of_reference_uid=volume.frame_of_reference_uid,
        sop_instance_uids=volume.sop_instance_uids[first : first + outline.mask.shape[0]],
        origin=outline.origin,
        shape=outline.mask.shape,
        bits=pack_mask(outline.mask),
        centroid_mm=volume.to_lps((float(centre[0]), float(centre[1]), float(centre[2]))),
    )
