"""OpenVINO and torch give the same numbers; devices that are not there are refused."""

import numpy as np
import pytest
import torch

from clinical_ai.bundles.bundle import SHIPPED, open_bundle
from clinical_ai.engine.runner import TOLERANCE, Runner
from clinical_ai.errors import EngineError


def test_openvino_agrees_with_torch_within_the_stated_tolerance() -> None:
    network = open_bundle(SHIPPED / "lung_nodule_ct").network()
    samples = np.random.default_rng(0).random((150, 1, 50, 50), dtype=np.float32)
    runner = Runner(network, (1, 50, 50), device="cpu")
    assert runner.backend == "openvino-cpu"
    with torch.inference_mode():
        expected = network(torch.from_numpy(samples)).numpy()
    assert np.abs(runner(samples) - expected).max() < TOLERANCE
    assert expected.std() > 10 * TOLERANCE  # the outputs do differ


def test_the_size_of_the_batch_changes_nothing() -> None:
    network = open_bundle(SHIPPED / "lung_nodule_ct").network()
    samples = np.random.default_rng(1).random((5, 1, 50, 50), dtype=np.float32)
    runner = Runner(network, (1, 50, 50), device="cpu")
    one_by_one = np.concatenate([runner(samples[i : i + 1]) for i in range(5)])
    assert np.abs(one_by_one - runner(samples)).max() < TOLERANCE
    assert len(runner(samples[:0])) == 0


def test_torch_takes_over_where_openvino_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no such operator")

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 1)).eval()
    monkeypatch.setattr("clinical_ai.engine.runner._openvino", refuse)
    runner = Runner(network, (2, 2), device="cpu")
    assert runner.backend == "torch-cpu"
    samples = np.ones((3, 2, 2), dtype=np.float32)
    assert np.allclose(runner(samples), network(torch.from_numpy(samples)).detach().numpy())


def test_cuda_is_refused_where_there_is_none() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match="no GPU"):
        Runner(torch.nn.Identity(), (1,), device="cuda")


def test_cuda_agrees_with_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    network = open_bundle(SHIPPED / "lung_nodule_ct").network()
    samples = np.random.default_rng(2).random((32, 1, 50, 50), dtype=np.float32)
    cpu = Runner(network, (1, 50, 50), device="cpu")(samples)
    assert np.abs(Runner(network, (1, 50, 50), device="cuda")(samples) - cpu).max() < TOLERANCE
