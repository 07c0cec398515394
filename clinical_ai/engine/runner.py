"""A network compiled for the device at hand; the one place that knows devices.

OpenVINO runs it on the CPU, torch on CUDA, and torch on the CPU where OpenVINO cannot.
All give the same numbers within `TOLERANCE`.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import openvino
import torch
from numpy.typing import NDArray

from clinical_ai.errors import EngineError

Device = Literal["auto", "cpu", "cuda"]
Array = NDArray[np.float32]

# Absolute, on logits: float32 sums in another order.
TOLERANCE = 1e-3
_BATCH = 128


class Runner:
    """Runs one network on batches.

    Parameters
    ----------
    network
        In evaluation mode.
    example_shape
        Shape of one sample, without the batch axis.
    device
        ``auto`` takes CUDA when torch sees it.
    threads
        CPU threads; one a worker leaves the other cores to other processes.

    Raises
    ------
    EngineError
        When ``cuda`` is asked for and torch does not see it.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        example_shape: tuple[int, ...],
        *,
        device: Device = "auto",
        threads: int = 1,
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise EngineError("device 'cuda' is set, but torch sees no GPU; use 'auto' or 'cpu'")
        if device != "cpu" and torch.cuda.is_available():
            self.backend = "torch-cuda"
            self._run = _torch(network, "cuda")
            return
        try:
            self._run = _openvino(network, example_shape, threads)
            self.backend = "openvino-cpu"
        except RuntimeError:
            # An old CPU or an operator that OpenVINO lacks: slower, same numbers.
            self._run = _torch(network, "cpu")
            self.backend = "torch-cpu"

    def __call__(self, samples: Array) -> Array:
        """Return the network's output for `samples`, batch axis first."""
        if len(samples) == 0:
            return np.empty((0,), dtype=np.float32)
        parts = [
            self._run(np.ascontiguousarray(samples[start : start + _BATCH], dtype=np.float32))
            for start in range(0, len(samples), _BATCH)
        ]
        return np.concatenate(parts)


def _openvino(
    network: torch.nn.Module, shape: tuple[int, ...], threads: int
) -> Callable[[Array], Array]:
    model = openvino.convert_model(network, example_input=torch.zeros((2, *shape)))
    model.reshape([-1, *shape])
    compiled = openvino.Core().compile_model(
        model,
        "CPU",
        {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"},
    )

    def run(samples: Array) -> Array:
        return np.asarray(compiled(samples)[0], dtype=np.float32).copy()

    return run


def _torch(network: torch.nn.Module, device: str) -> Callable[[Array], Array]:
    placed = network.to(device)

    def run(samples: Array) -> Array:
        with torch.inference_mode():
            output = placed(torch.from_numpy(samples).to(device))
        result: Array = output.float().cpu().numpy()
        return result

    return run
