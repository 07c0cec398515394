"""Measure the trained patch network on ranges it never saw, and write the signed bundle."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import monai
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from clinical_ai.bundles.bundle import CARD, METADATA, WEIGHTS
from clinical_ai.bundles.metadata import BundleMetadata, Result
from clinical_ai.bundles.signing import DEFAULT_PRIVATE_KEY, sign_bundle
from clinical_ai.training import statistics
from clinical_ai.training.patch_data import SPLIT_RULE, Patches, PatchSplit

if TYPE_CHECKING:
    from clinical_ai.training.lung_nodule_patches import Plan

NAME, VERSION = "lung_nodule_ct", "0.1.0"
FLOOR_AUC = 0.95  # asked of the patch classifier by the project
SPECIFICITY = 0.99  # operating point: a scan has some 200 look-alikes, so about 2 pass
_ROWS_A_SCAN = 620  # of the candidate list, on average; groups for the bootstrap
COMMAND = "python -m clinical_ai.training.lung_nodule_patches PATCHES.npz --out FOLDER"
ON = "LUNA16 patches of scans not used for training"


def write_lung_nodule_bundle(
    folder: Path,
    architecture: str,
    network: torch.nn.Module,
    split: PatchSplit,
    plan: "Plan",
    seconds: float,
    key: Path | None,
) -> None:
    """Write weights (float16), metadata, model card, manifest and signature.

    Temperature and operating point come from the validation range; every number of the
    card from the test range, with the weights as they are stored.

    Parameters
    ----------
    seconds
        CPU time of the training.
    key
        Private signing key; None means the default place.
    """
    weights = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in network.state_dict().items()
    }
    network.load_state_dict(
        {n: t.float() if t.is_floating_point() else t for n, t in weights.items()}
    )
    logits = _logits(network, split.validation)
    labels = _labels(split.validation)
    temperature = statistics.fit_temperature(labels, logits)
    threshold = statistics.threshold_at_specificity(
        labels, statistics.sigmoid(logits / temperature), SPECIFICITY
    )
    results = _results(network, split.test, temperature, threshold)
    metadata = _metadata(architecture, split, plan, seconds, temperature, threshold, results)
    for name in (METADATA, CARD, WEIGHTS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / WEIGHTS)
    text = json.dumps(metadata.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    (folder / CARD).write_text(_card(metadata), encoding="utf-8")
    sign_bundle(folder, key or DEFAULT_PRIVATE_KEY)


def _logits(network: torch.nn.Module, patches: Patches) -> NDArray[np.float64]:
    from clinical_ai.training.lung_nodule_patches import predict

    return predict(network, patches.images)


def _labels(patches: Patches) -> NDArray[np.float64]:
    labels: NDArray[np.float64] = patches.labels.double().numpy()
    return labels


def _results(
    network: torch.nn.Module, test: Patches, temperature: float, threshold: float
) -> tuple[Result, ...]:
    labels = _labels(test)
    probabilities = statistics.sigmoid(_logits(network, test) / temperature)
    groups = test.rows // _ROWS_A_SCAN

    def sensitivity(y: NDArray[np.float64], p: NDArray[np.float64]) -> float:
        return statistics.sensitivity_specificity(y, p, threshold)[0]

    def specificity(y: NDArray[np.float64], p: NDArray[np.float64]) -> float:
        return statistics.sensitivity_specificity(y, p, threshold)[1]

    measured = (
        ("patch AUC", statistics.auc, FLOOR_AUC),
        ("patch sensitivity at the operating point", sensitivity, None),
        ("patch specificity at the operating point", specificity, None),
        ("expected calibration error", statistics.expected_calibration_error, None),
    )
    found = []
    for metric, function, floor in measured:
        interval = statistics.bootstrap(function, labels, probabilities, groups)
        found.append(
            Result(
                metric=metric,
                value=round(interval.estimate, 3),
                low=round(interval.low, 3),
                high=round(interval.high, 3),
                n=len(test),
                positives=int(labels.sum()),
                on=ON,
                floor=floor,
            )
        )
    return tuple(found)


def _metadata(
    architecture: str,
    split: PatchSplit,
    plan: "Plan",
    seconds: float,
    temperature: float,
    threshold: float,
    results: tuple[Result, ...],
) -> BundleMetadata:
    return BundleMetadata(
        name=NAME,
        version=VERSION,
        changelog={VERSION: "first weights"},
        monai_version=monai.__version__,
        pytorch_version=torch.__version__,
        numpy_version=np.__version__,
        task="lung_nodule",
        description=(
            "Tells lung nodules from look-alikes on axial CT patches; the last stage of a "
            "cascade of lung mask, blob proposals and this network."
        ),
        intended_use=(
            "Lung nodules of 4 mm and more on chest CT of adults, slice spacing up to 2.5 mm, "
            "as a second reader beside a radiologist."
        ),
        limitations=(
            "Sensitivity of the whole cascade on scans has been measured on one real scan only.",
            "Trained on nodules of 3 mm and more that at least three of four readers marked.",
            "Composition and size come from thresholds, not from a trained network.",
            "Not for children, not for known lung disease that fills the lungs.",
        ),
        authors="The clinical-ai authors",
        copyright="The clinical-ai authors",
        licence="Apache-2.0 (weights); training images CC BY 3.0",
        data_source=(
            "LUNA16 (Setio et al. 2017, doi:10.1016/j.media.2017.06.015) out of LIDC-IDRI "
            "(Armato et al. 2011, doi:10.7937/K9/TCIA.2015.LO9QL9SX), CC BY 3.0"
        ),
        architecture=architecture,
        input={"size": (50.0, 50.0), "window_hu": (-1000.0, 400.0), "pixel_mm": 0.7},
        parameters={"temperature": round(temperature, 4), "threshold": round(threshold, 4)},
        split=SPLIT_RULE,
        command=COMMAND,
        training={
            **{name: float(value) for name, value in asdict(plan).items()},
            "cpu_seconds": round(seconds),
            "patches": float(len(split.training)),
            "positives": float(split.training.labels.sum()),
        },
        results=results,
    )


def _card(metadata: BundleMetadata) -> str:
    rows = "\n".join(
        f"| {r.metric} | {r.value} | {r.low} to {r.high} | {r.n} ({r.positives} nodules) |"
        + (f" {r.floor} |" if r.floor is not None else " |")
        for r in metadata.results
    )
    limits = "\n".join(f"- {text}" for text in metadata.limitations)
    return f"""# {metadata.name} {metadata.version}

{metadata.description}

- **Intended use**: {metadata.intended_use}
- **Training data**: {metadata.data_source}
- **Split**: {metadata.split}. That the rows follow the scans is how the list is described;
  it could not be checked against the original list.
- **Training**: {metadata.training["patches"]:.0f} patches
  ({metadata.training["positives"]:.0f} nodules), {metadata.training["epochs"]:.0f} epochs,
  {metadata.training["cpu_seconds"]:.0f} CPU seconds, seed {metadata.training["seed"]:.0f}.
- **Reproduce**: `{metadata.command}`
- **Licence**: {metadata.licence}

## Measured ({ON})

95 % intervals by bootstrap over groups of about one scan.

| metric | value | 95 % CI | n | floor |
|---|---|---|---|---|
{rows}

Temperature {metadata.parameters["temperature"]} and threshold
{metadata.parameters["threshold"]} ({SPECIFICITY:.0%} specificity) were chosen on the validation
range. The whole reader on a scan: `python -m validation.imaging.lidc_nodule`.

## Limits

{limits}
"""
