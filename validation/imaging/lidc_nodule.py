"""The lung nodule reader on a LIDC-IDRI scan, against its four readers.

``python -m validation.imaging.lidc_nodule SCAN.zip READERS.xml`` prints one JSON object:
whether the nodule that all readers outlined was found inside their outlines, its diameters
beside theirs, other marks, time and memory. One scan says nothing of a detection rate.
"""

import argparse
import json
import resource
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clinical_ai import codes
from clinical_ai.findings import Finding
from clinical_ai.imaging.axial_diameters import axial_diameters
from clinical_ai.imaging.volume import Volume, load_ct_volume
from clinical_ai.readers.base import SeriesInput, StudyInput
from clinical_ai.readers.lung_nodule import LungNoduleReader
from clinical_ai.settings import Settings
from pacs_bridge.intake import dicom_files

_NS = {"n": "http://www.nih.gov"}
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The nodule that the readers share, and what our reader made of it.

    Parameters
    ----------
    readers
        Outlines of 3 mm and more with at least three points a slice.
    readers_inside
        Readers inside whose outline our centre lies.
    readers_sphere_mm, reader_sphere_mm
        Diameter of the ball of the same volume: median over the readers, and ours.
    readers_mean_axial_mm, reader_mean_axial_mm
        Mean of long and short axis on the largest slice; readers' outlines run round the
        spicules, so theirs are larger.
    dice
        Our mask against each reader's.
    other_marks
        Findings away from the outlines; smaller marks of the readers are not nodules here.
    """

    readers: int
    found: bool
    readers_inside: int
    readers_sphere_mm: float
    reader_sphere_mm: float | None
    readers_mean_axial_mm: float
    reader_mean_axial_mm: float | None
    dice: tuple[float, ...]
    other_marks: int
    wall_seconds: float
    cpu_seconds: float
    peak_memory_gb: float


def reader_outlines(xml: Path, volume: Volume) -> list[Mask]:
    """Return one mask a reader of the nodules outlined in `xml`.

    The edge map runs through the first pixels outside the nodule (Armato et al. 2011,
    doi:10.1118/1.3528204); the mask leaves it out.
    """
    # The file is a published annotation that the caller chose, not input from a network.
    root = ET.parse(xml).getroot()
    masks = []
    for nodule in root.iterfind("n:readingSession/n:unblindedReadNodule", _NS):
        slices = nodule.findall("n:roi", _NS)
        if max(len(s.findall("n:edgeMap", _NS)) for s in slices) < 3:
            continue
        mask = np.zeros(volume.hu.shape, dtype=np.bool_)
        for one in slices:
            uid = (one.findtext("n:imageSOP_UID", "", _NS)).strip()
            index = volume.sop_instance_uids.index(uid)
            mask[index] |= _polygon(one, volume.hu.shape[1:])
        masks.append(mask)
    return masks


def _polygon(roi: ET.Element, shape: tuple[int, ...]) -> Mask:
    points = [
        (int(edge.findtext("n:xCoord", "0", _NS)), int(edge.findtext("n:yCoord", "0", _NS)))
        for edge in roi.findall("n:edgeMap", _NS)
    ]
    image = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(image)
    pen.polygon(points, fill=1)
    pen.line([*points, points[0]], fill=0)
    return np.asarray(image, dtype=np.bool_)


def compare(files: Sequence[Path], xml: Path) -> Comparison:
    """Run the shipped reader on one thread and compare."""
    torch.set_num_threads(1)
    volume = load_ct_volume(files)
    outlines = reader_outlines(xml, volume)
    series = SeriesInput(volume.series_uid, "CT", "CHEST", "", tuple(files))
    study = StudyInput("1", "1", (series,), None, None, "2026-01-01T00:00:00+00:00")
    wall, cpu = time.perf_counter(), time.process_time()
    reading = LungNoduleReader(Settings(device="cpu")).read(study, lambda _: None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    masks = [_full(finding, volume) for finding in reading.findings]
    inside = [sum(_holds(o, f, volume) for o in outlines) for f in reading.findings]
    best = int(np.argmax(inside)) if inside else -1
    found = best >= 0 and inside[best] > 0
    ours = reading.findings[best] if found else None
    away = [m for m in masks if not any((m & o).any() for o in outlines)]
    return Comparison(
        readers=len(outlines),
        found=found,
        readers_inside=inside[best] if found else 0,
        readers_sphere_mm=round(float(np.median([_sphere_mm(o, volume) for o in outlines])), 1),
        reader_sphere_mm=round(_sphere_mm(masks[best], volume), 1) if found else None,
        readers_mean_axial_mm=round(
            float(np.median([axial_diameters(o, volume.spacing[1:]).mean_mm for o in outlines])), 1
        ),
        reader_mean_axial_mm=ours.measurement(codes.MEAN_DIAMETER) if ours else None,
        dice=tuple(round(_dice(masks[best], o), 2) for o in outlines) if found else (),
        other_marks=len(away),
        wall_seconds=round(wall, 1),
        cpu_seconds=round(cpu, 1),
        peak_memory_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    )


def _full(finding: Finding, volume: Volume) -> Mask:
    full = np.zeros(volume.hu.shape, dtype=np.bool_)
    region = finding.region
    if region is not None:
        box = tuple(slice(o, o + n) for o, n in zip(region.origin, region.shape, strict=True))
        full[box] = region.mask
    return full


def _holds(outline: Mask, finding: Finding, volume: Volume) -> bool:
    if finding.region is None:
        return False
    index = tuple(round(i) for i in volume.to_index(finding.region.centroid_mm))
    return bool(outline[index])


def _sphere_mm(mask: Mask, volume: Volume) -> float:
    return float((6.0 / np.pi * mask.sum() * volume.voxel_mm3) ** (1 / 3))


def _dice(a: Mask, b: Mask) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def main() -> None:
    """Print the comparison as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="zip or folder of the CT series")
    parser.add_argument("readers", type=Path, help="LIDC XML of the four readers")
    arguments = parser.parse_args()
    with dicom_files(arguments.scan) as found:
        json.dump(asdict(compare(found.files, arguments.readers)), sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
