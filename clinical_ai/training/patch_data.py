"""The nodule patches: loading, the split that keeps patients apart, and augmentation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

# Rows of the candidate list follow the scans, about 620 a scan; the guard rows between
# ranges are left out so that no scan lies on both sides of a border. The test range holds
# LIDC-IDRI-0001 (rows near 146,800, found by matching pixels), so that the scan the whole
# reader is tried on was never trained on.
TEST_ROWS = (120_000, 185_000)
VALIDATION_ROWS = (185_000, 250_000)
GUARD_ROWS = 1_000

SPLIT_RULE = (
    f"contiguous ranges of candidate_row: test {TEST_ROWS[0]}-{TEST_ROWS[1]}, "
    f"validation {VALIDATION_ROWS[0]}-{VALIDATION_ROWS[1]}, training the rest; "
    f"{GUARD_ROWS} rows on each side of every border left out"
)


@dataclass(frozen=True)
class Patches:
    """Patches of one part of the split.

    Parameters
    ----------
    images
        (n, 1, 50, 50) float32, 0..1 for -1000..400 HU.
    labels
        (n,) float32, 1 = nodule.
    rows
        (n,) row of each patch in the candidate list.
    """

    images: torch.Tensor
    labels: torch.Tensor
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class PatchSplit:
    """The three parts; no scan is in two of them."""

    training: Patches
    validation: Patches
    test: Patches


def load_patches(path: Path) -> PatchSplit:
    """Read ``patches.npz`` (x uint8 (n, 50, 50), y, candidate_row) and split it.

    Raises
    ------
    ValueError
        The file lacks an array or holds patches of another size.
    """
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"x", "y", "candidate_row"} - set(arrays.files)
        if missing:
            raise ValueError(f"{path} lacks {sorted(missing)}; expected x, y, candidate_row")
        x, y, rows = arrays["x"], arrays["y"], arrays["candidate_row"].astype(np.int64)
    if x.ndim != 3 or x.shape[1:] != (50, 50):
        raise ValueError(f"{path}: x has shape {x.shape}, expected (n, 50, 50)")
    part = _assign(rows)

    def select(name: str) -> Patches:
        chosen = part == name
        images = torch.from_numpy(x[chosen]).float().div_(255.0).unsqueeze(1)
        return Patches(images, torch.from_numpy(y[chosen]).float(), rows[chosen])

    return PatchSplit(select("training"), select("validation"), select("test"))


def _assign(rows: NDArray[np.int64]) -> NDArray[np.str_]:
    part = np.full(rows.shape, "training", dtype="<U10")
    for name, (start, stop) in (("validation", VALIDATION_ROWS), ("test", TEST_ROWS)):
        part[(rows >= start) & (rows < stop)] = name
    for border in {*TEST_ROWS, *VALIDATION_ROWS}:
        part[np.abs(rows - border) < GUARD_ROWS] = "guard"
    return part


def augment(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Return randomly turned, mirrored, shifted, scaled and re-windowed copies.

    Shifts of up to 4 pixels stand for proposals that miss the centre, scales of 0.8 to 1.25
    for the spread of pixel spacing, noise and gain for dose and kernel.

    Parameters
    ----------
    images
        (n, 1, rows, columns), 0..1.
    """
    n, size = len(images), images.shape[-1]

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(n, generator=random)

    angle, scale = uniform(-torch.pi, torch.pi), torch.exp(uniform(-0.22, 0.22))
    mirror = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    limit = 2.0 * 4.0 / size
    theta = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, uniform(-limit, limit)], dim=1),
            torch.stack([sine * mirror, cosine, uniform(-limit, limit)], dim=1),
        ],
        dim=1,
    )
    grid = torch.nn.functional.affine_grid(theta, list(images.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(
        images, grid, padding_mode="border", align_corners=False
    )
    gain, offset = uniform(0.9, 1.1).view(-1, 1, 1, 1), uniform(-0.05, 0.05).view(-1, 1, 1, 1)
    noise = torch.randn(moved.shape, generator=random) * uniform(0.0, 0.03).view(-1, 1, 1, 1)
    return (moved * gain + offset + noise).clamp_(0.0, 1.0)
