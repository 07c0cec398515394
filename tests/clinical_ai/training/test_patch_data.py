"""The split keeps scans apart; augmentation keeps the range and is repeatable."""

from pathlib import Path

import numpy as np
import pytest
import torch

from clinical_ai.training.patch_data import GUARD_ROWS, augment, load_patches


def write(path: Path, rows: np.ndarray) -> Path:
    random = np.random.default_rng(0)
    n = len(rows)
    x = random.integers(0, 256, (n, 50, 50), dtype=np.uint8)
    np.savez(path, x=x, y=(random.random(n) < 0.2).astype(np.uint8), candidate_row=rows)
    return path


def test_no_row_of_one_part_is_near_another_part(tmp_path: Path) -> None:
    rows = np.arange(0, 440_000, 400)
    split = load_patches(write(tmp_path / "p.npz", rows))
    parts = [split.training.rows, split.validation.rows, split.test.rows]
    assert all(len(part) > 100 for part in parts)
    for i, a in enumerate(parts):
        for b in parts[i + 1 :]:
            assert np.abs(a[:, None] - b[None]).min() >= GUARD_ROWS
    assert split.training.images.shape[1:] == (1, 50, 50)
    assert 0.0 <= float(split.training.images.min()) <= float(split.training.images.max()) <= 1.0


def test_the_scan_of_the_whole_reader_is_in_the_test_part(tmp_path: Path) -> None:
    # Rows of LIDC-IDRI-0001, found by matching pixels.
    rows = np.concatenate([np.arange(146_600, 147_000, 50), np.arange(0, 400_000, 5_000)])
    split = load_patches(write(tmp_path / "p.npz", rows))
    assert set(range(146_600, 147_000, 50)) <= set(split.test.rows.tolist())


def test_refuses_other_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 50, 50), np.uint8))
    with pytest.raises(ValueError, match="candidate_row"):
        load_patches(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.zeros((2, 32, 32)), y=np.zeros(2), candidate_row=np.zeros(2))
    with pytest.raises(ValueError, match="expected \\(n, 50, 50\\)"):
        load_patches(tmp_path / "b.npz")


def test_augmentation_is_repeatable_and_keeps_the_centre() -> None:
    images = torch.zeros(16, 1, 50, 50)
    images[:, :, 17:33, 17:33] = 1.0
    first = augment(images, torch.Generator().manual_seed(3))
    again = augment(images, torch.Generator().manual_seed(3))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    assert float(first.min()) >= 0.0
    assert float(first.max()) <= 1.0
    assert float(first[:, :, 24:26, 24:26].min()) > 0.7  # shifts stay below the block's half
