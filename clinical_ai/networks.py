"""Architecture id -> network, built here in code and nowhere else.

A bundle names one of these ids; it can never bring code or a configuration that builds
something. An id is never reused for another structure: weights depend on it.
"""

from collections.abc import Callable

from monai.networks.nets import ResNet
from torch import nn

from clinical_ai.errors import BundleError


def _patch_resnet10() -> nn.Module:
    """Residual network on a one-channel 2D patch, one logit out (about 1.2 M parameters).

    He et al. 2016, doi:10.1109/CVPR.2016.90; four single-block stages, as patches are small.
    """
    network: nn.Module = ResNet(
        block="basic",
        layers=[1, 1, 1, 1],
        block_inplanes=[32, 64, 128, 256],
        spatial_dims=2,
        n_input_channels=1,
        num_classes=1,
        conv1_t_size=5,
        conv1_t_stride=1,
    )
    return network


_ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {"patch-resnet10-2d": _patch_resnet10}


def architectures() -> frozenset[str]:
    """Return the ids that `build_network` knows."""
    return frozenset(_ARCHITECTURES)


def build_network(architecture: str) -> nn.Module:
    """Return the network with id `architecture`, untrained, in evaluation mode.

    Raises
    ------
    BundleError
        The id is unknown to this version of the program.
    """
    builder = _ARCHITECTURES.get(architecture)
    if builder is None:
        raise BundleError(
            f"architecture {architecture!r} is unknown; this version knows "
            f"{', '.join(sorted(_ARCHITECTURES))}. Update the program or the bundle."
        )
    return builder().eval()
