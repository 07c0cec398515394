"""Probability that a place in a chest CT is a nodule, by the patch network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from clinical_ai.bundles.bundle import Bundle
from clinical_ai.engine.runner import Device, Runner
from clinical_ai.findings import Triple
from clinical_ai.imaging.volume import Volume

# Off-centre slices, as a share of the radius: a vessel cut across changes there, a ball less.
_SLICE_OFFSETS = (-0.3, 0.0, 0.3)
# A first look with one view; what scores below this is not looked at again.
_WORTH_A_SECOND_LOOK = 0.02


@dataclass(frozen=True)
class NoduleScorer:
    """The network with what its bundle says of input and calibration.

    Parameters
    ----------
    size
        Rows and columns of a patch.
    pixel_mm
        Of a patch; the training patches have the scanners' own, 0.7 mm on average.
    """

    run: Runner
    size: int
    pixel_mm: float
    window_hu: tuple[float, float]
    temperature: float
    threshold: float

    @classmethod
    def of(cls, bundle: Bundle, device: Device) -> "NoduleScorer":
        """Compile the network of `bundle`."""
        given, parameters = bundle.metadata.input, bundle.metadata.parameters
        size = int(np.ravel(given["size"])[0])
        low, high = np.ravel(given["window_hu"])
        return cls(
            run=Runner(bundle.network(), (1, size, size), device=device),
            size=size,
            pixel_mm=float(np.ravel(given["pixel_mm"])[0]),
            window_hu=(float(low), float(high)),
            temperature=parameters["temperature"],
            threshold=parameters["threshold"],
        )

    def score(
        self,
        volume: Volume,
        places: Sequence[tuple[Triple, float]],
        progress: Callable[[float], None],
    ) -> NDArray[np.float64]:
        """Return one probability a place.

        Parameters
        ----------
        places
            Voxel index (slice, row, column) and radius in mm.
        """
        first = np.stack([self.patch(volume, index) for index, _ in places])
        probabilities = self._probability(self.run(first[:, None]).reshape(-1))
        progress(0.5)
        again = np.flatnonzero(probabilities >= _WORTH_A_SECOND_LOOK)
        for done, number in enumerate(again):
            index, radius_mm = places[int(number)]
            probabilities[number] = self._careful(volume, index, radius_mm)
            progress(0.5 + 0.5 * (done + 1) / len(again))
        return probabilities

    def patch(self, volume: Volume, index: Triple) -> NDArray[np.float32]:
        """Return the axial patch centred on a voxel, 0..1, outside the image like air."""
        low, high = self.window_hu
        slices, rows, columns = volume.hu.shape
        s = min(max(round(index[0]), 0), slices - 1)
        half = self.size / 2 * self.pixel_mm
        r0, r1 = _bounds(index[1], half / volume.spacing[1], rows)
        c0, c1 = _bounds(index[2], half / volume.spacing[2], columns)
        part = (volume.hu[s, r0:r1, c0:c1].astype(np.float32) - low) / (high - low)
        offsets = (np.arange(self.size) - (self.size - 1) / 2) * self.pixel_mm
        row = _normalised(index[1] - r0 + offsets / volume.spacing[1], r1 - r0)
        column = _normalised(index[2] - c0 + offsets / volume.spacing[2], c1 - c0)
        grid = torch.stack(torch.meshgrid(row, column, indexing="ij")[::-1], dim=-1)
        sampled = torch.nn.functional.grid_sample(
            torch.from_numpy(part.clip(0.0, 1.0))[None, None], grid[None], align_corners=False
        )
        result: NDArray[np.float32] = sampled[0, 0].numpy()
        return result

    def _careful(self, volume: Volume, index: Triple, radius_mm: float) -> float:
        """Mean logit over neighbouring slices and mirrorings, as the network was measured."""
        step = radius_mm / volume.spacing[0]
        patches = np.stack(
            [
                self.patch(volume, (index[0] + offset * step, index[1], index[2]))
                for offset in _SLICE_OFFSETS
            ]
        )
        views = np.concatenate(
            [patches, patches[:, ::-1], patches[:, :, ::-1], patches[:, ::-1, ::-1]]
        )
        logits = self.run(views[:, None]).reshape(4, len(_SLICE_OFFSETS))
        return float(self._probability(np.asarray([logits.mean()]))[0])

    def _probability(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        z = np.asarray(logits, dtype=np.float64) / self.temperature
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-z))
        return probability


def _bounds(centre: float, half: float, count: int) -> tuple[int, int]:
    start = max(0, int(np.floor(centre - half)) - 2)
    return min(start, count - 1), max(min(count, int(np.ceil(centre + half)) + 3), 1)


def _normalised(index: NDArray[np.floating], count: int) -> torch.Tensor:
    """Pixel index -> torch's -1..1 coordinates (align_corners=False)."""
    return torch.from_numpy(((index + 0.5) / count * 2.0 - 1.0).astype(np.float32))
