"""Train the network that tells nodules from look-alikes on axial CT patches.

Command: ``python -m clinical_ai.training.lung_nodule_patches PATCHES.npz --out FOLDER``.
One CPU thread, fixed seed, resumes from its checkpoint after an interruption.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.losses import FocalLoss
from monai.metrics import compute_roc_auc
from numpy.typing import NDArray
from rich.progress import Progress
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clinical_ai.networks import build_network
from clinical_ai.training.lung_nodule_bundle import write_lung_nodule_bundle
from clinical_ai.training.patch_data import Patches, PatchSplit, augment, load_patches

ARCHITECTURE = "patch-resnet10-2d"


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides the result; part of the bundle's record."""

    epochs: int = 40
    batch: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    focal_gamma: float = 1.0
    ema_decay: float = 0.995
    seed: int = 7


def train(split: PatchSplit, plan: Plan, checkpoint: Path) -> tuple[torch.nn.Module, float]:
    """Return the averaged network and the CPU seconds that training took.

    Parameters
    ----------
    checkpoint
        Written after every epoch; an existing one is continued.
    """
    torch.manual_seed(plan.seed)
    network = build_network(ARCHITECTURE).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = get_ema_multi_avg_fn(plan.ema_decay)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=ema, use_buffers=True)
    steps = plan.epochs * (len(split.training) // plan.batch)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=plan.learning_rate, total_steps=steps, pct_start=0.15
    )
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    first, seconds = _resume(checkpoint, parts)
    with Progress() as progress:
        bar = progress.add_task("training", total=plan.epochs, completed=first)
        for epoch in range(first, plan.epochs):
            started = time.process_time()
            loss = _epoch(network, average, optimizer, schedule, split.training, plan, epoch)
            seconds += time.process_time() - started
            _save(checkpoint, parts, epoch + 1, seconds)
            area = validation_auc(average, split.validation)
            progress.console.print(f"epoch {epoch + 1}: loss {loss:.4f}, validation AUC {area:.4f}")
            progress.advance(bar)
    trained: torch.nn.Module = average.module
    return trained.eval(), seconds


def _epoch(
    network: torch.nn.Module,
    average: AveragedModel,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    patches: Patches,
    plan: Plan,
    epoch: int,
) -> float:
    """One pass in an order and with augmentation that depend on seed and epoch only."""
    random = torch.Generator().manual_seed(plan.seed * 1000 + epoch)
    order = torch.randperm(len(patches), generator=random)
    loss_of = FocalLoss(gamma=plan.focal_gamma)
    network.train()
    total, batches = 0.0, len(patches) // plan.batch
    for index in order[: batches * plan.batch].view(batches, plan.batch):
        images = augment(patches.images[index], random)
        logits = network(images.to(memory_format=torch.channels_last))
        loss = loss_of(logits, patches.labels[index].unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        total += float(loss.detach())
    return total / batches


def predict(network: torch.nn.Module, images: torch.Tensor) -> NDArray[np.float64]:
    """Return one logit a patch, the mean over the four mirrorings, as the reader does it."""
    network.eval()
    logits = []
    with torch.inference_mode():
        for batch in images.split(256):  # type: ignore[no-untyped-call]
            views = [batch, batch.flip(2), batch.flip(3), batch.flip(2, 3)]
            logits.append(torch.stack([network(view) for view in views]).mean(0).squeeze(1))
    result: NDArray[np.float64] = torch.cat(logits).double().numpy()
    return result


def validation_auc(network: torch.nn.Module, patches: Patches) -> float:
    """Return the AUC over `patches` (MONAI's metric)."""
    logits = torch.from_numpy(predict(network, patches.images))
    return float(compute_roc_auc(logits, patches.labels))


def _resume(checkpoint: Path, parts: dict[str, object]) -> tuple[int, float]:
    if not checkpoint.exists():
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])  # type: ignore[attr-defined]
    return int(state["epoch"]), float(state["seconds"])


def _save(checkpoint: Path, parts: dict[str, object], epoch: int, seconds: float) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}  # type: ignore[attr-defined]
    partial = checkpoint.with_suffix(".part")
    torch.save(state | {"epoch": epoch, "seconds": seconds}, partial)
    partial.replace(checkpoint)


def main() -> None:
    """Train, measure and write the signed bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patches", type=Path, help="patches.npz with x, y, candidate_row")
    parser.add_argument("--out", type=Path, required=True, help="bundle folder to write")
    parser.add_argument("--key", type=Path, default=None, help="private signing key (PEM)")
    parser.add_argument("--checkpoint", type=Path, default=Path("lung_nodule_patches.ckpt"))
    parser.add_argument("--epochs", type=int, default=Plan().epochs)
    parser.add_argument("--seed", type=int, default=Plan().seed)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    plan = Plan(epochs=arguments.epochs, seed=arguments.seed)
    split = load_patches(arguments.patches)
    network, seconds = train(split, plan, arguments.checkpoint)
    write_lung_nodule_bundle(
        arguments.out, ARCHITECTURE, network, split, plan, seconds, arguments.key
    )


if __name__ == "__main__":
    main()
