"""Opening model bundles: signature and digests first, then data, never code.

A bundle is a folder in MONAI's layout: ``configs/metadata.json``, ``docs/model_card.md``,
``models/model.safetensors``, and our ``manifest.json`` with ``manifest.sig``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from clinical_ai.bundles.metadata import BundleMetadata
from clinical_ai.bundles.refused import RefusedBundleError
from clinical_ai.bundles.signing import trusted_keys, verified_files
from clinical_ai.errors import BundleError
from clinical_ai.findings import ModelIdentity
from clinical_ai.messages import N_, Message
from clinical_ai.networks import architectures, build_network

SHIPPED = Path(__file__).parent
METADATA, CARD, WEIGHTS = "configs/metadata.json", "docs/model_card.md", "models/model.safetensors"
HOSPITAL_KEYS = "trusted_keys"


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed every check."""

    folder: Path
    metadata: BundleMetadata
    weights: dict[str, torch.Tensor]
    model_card: str
    manifest_sha256: str

    def network(self) -> torch.nn.Module:
        """Return the network with its weights, float32, in evaluation mode.

        Raises
        ------
        RefusedBundleError
            The weights do not fit the architecture.
        """
        network = build_network(self.metadata.architecture)
        try:
            network.load_state_dict(
                {
                    name: tensor.float() if tensor.is_floating_point() else tensor
                    for name, tensor in self.weights.items()
                }
            )
        except RuntimeError as error:
            raise RefusedBundleError(
                Message(N_("The weights of the model do not fit its architecture."))
            ) from error
        return network.eval()

    def identity(self) -> ModelIdentity:
        """Return what reports say of the model."""
        return ModelIdentity(
            name=self.metadata.name,
            version=self.metadata.version,
            intended_use=Message(self.metadata.intended_use),
            accuracy=tuple(
                Message(
                    N_("{metric} {value} (95 % CI {low} to {high}; n = {n}; {on})"),
                    {
                        "metric": result.metric,
                        "value": result.value,
                        "low": result.low,
                        "high": result.high,
                        "n": result.n,
                        "on": result.on,
                    },
                )
                if result.low is not None and result.high is not None
                else Message(
                    N_("{metric} {value} (n = {n}; {on})"),
                    {
                        "metric": result.metric,
                        "value": result.value,
                        "n": result.n,
                        "on": result.on,
                    },
                )
                for result in self.metadata.results
            ),
            manifest_sha256=self.manifest_sha256,
        )


@dataclass(frozen=True, slots=True)
class BundleSummary:
    """One line of ``clinical-ai models``.

    Parameters
    ----------
    name, version, task
        From the metadata when status is ``"ok"``, else the folder's name and empty text.
    reason
        Why a bundle is refused.
    """

    name: str
    version: str
    task: str
    status: Literal["ok", "refused"]
    reason: Message | None
    folder: Path


def open_bundle(folder: Path, *, extra_keys: Path | None = None) -> Bundle:
    """Check and open the bundle in `folder`.

    Parameters
    ----------
    extra_keys
        Folder of further trusted public keys (``*.pem``) that the hospital keeps.

    Raises
    ------
    RefusedBundleError
        A `BundleError` whose `reason` says why: missing, unsigned, altered, files added,
        unknown architecture, metadata or weights not readable.
    """
    if not folder.is_dir():
        raise RefusedBundleError(Message(N_("No model is installed.")))
    files, digest = verified_files(folder, trusted_keys(extra_keys))
    for needed in (METADATA, CARD, WEIGHTS):
        if needed not in files:
            raise RefusedBundleError(
                Message(N_("The model bundle lacks {file}."), {"file": needed})
            )
    if files.keys() - {METADATA, CARD, WEIGHTS}:
        odd = sorted(files.keys() - {METADATA, CARD, WEIGHTS})[0]
        raise RefusedBundleError(
            Message(N_("The model bundle has a file too many or too few: {file}."), {"file": odd})
        )
    try:
        metadata = BundleMetadata.model_validate_json(files[METADATA])
    except ValidationError as error:
        raise RefusedBundleError(
            Message(
                N_("The metadata of the model bundle cannot be used ({count} errors)."),
                {"count": error.error_count()},
            )
        ) from error
    if metadata.architecture not in architectures():
        raise RefusedBundleError(
            Message(
                N_("This version of the program does not know the architecture {name}."),
                {"name": metadata.architecture},
            )
        )
    try:
        weights = load_safetensors(files[WEIGHTS])
    except SafetensorError as error:
        raise RefusedBundleError(
            Message(N_("The weights of the model bundle cannot be read."))
        ) from error
    return Bundle(folder, metadata, weights, files[CARD].decode("utf-8"), digest)


def find_bundle(name: str, bundles_dir: Path | None) -> Bundle:
    """Open the bundle `name`: the hospital's own if there is one, else the one shipped.

    Raises
    ------
    RefusedBundleError
        Neither exists, or the one found is refused; a refused bundle of the hospital is
        not replaced silently by the shipped one.
    """
    if bundles_dir is not None and (bundles_dir / name).is_dir():
        return open_bundle(bundles_dir / name, extra_keys=bundles_dir / HOSPITAL_KEYS)
    return open_bundle(SHIPPED / name)


def list_bundles(bundles_dir: Path | None) -> tuple[BundleSummary, ...]:
    """Check every bundle shipped and every one in the hospital's folder."""
    extra = bundles_dir / HOSPITAL_KEYS if bundles_dir is not None else None
    folders = [(folder, None) for folder in _bundle_folders(SHIPPED)]
    hospital = _bundle_folders(bundles_dir) if bundles_dir is not None else []
    return tuple(
        _summary(folder, keys) for folder, keys in folders + [(f, extra) for f in hospital]
    )


def _bundle_folders(parent: Path) -> list[Path]:
    if not parent.is_dir():
        return []
    hidden = {HOSPITAL_KEYS, "__pycache__"}
    return sorted(p for p in parent.iterdir() if p.is_dir() and p.name not in hidden)


def _summary(folder: Path, extra_keys: Path | None) -> BundleSummary:
    try:
        bundle = open_bundle(folder, extra_keys=extra_keys)
    except RefusedBundleError as error:
        return BundleSummary(folder.name, "", "", "refused", error.reason, folder)
    except BundleError as error:
        reason = Message(N_("The bundle cannot be checked: {error}"), {"error": str(error)})
        return BundleSummary(folder.name, "", "", "refused", reason, folder)
    metadata = bundle.metadata
    return BundleSummary(metadata.name, metadata.version, metadata.task, "ok", None, folder)
