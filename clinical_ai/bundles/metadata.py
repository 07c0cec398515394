"""``configs/metadata.json`` of a bundle: MONAI's keys and those our readers need.

The file is data. It names an architecture that `clinical_ai.networks` builds; nothing in it
is ever evaluated, and unknown keys are refused.
"""

from pydantic import BaseModel, ConfigDict, Field


class Result(BaseModel):
    """One measured number with its 95 % confidence interval.

    Parameters
    ----------
    on
        The data it was measured on and how they were kept apart from training.
    n, positives
        Cases, and how many of them were positive; None where that has no meaning.
    floor
        The least value the project asks for; None when there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=1)
    positives: int | None = None
    on: str
    floor: float | None = None

    @property
    def weak(self) -> bool:
        """Whether the value misses its floor."""
        return self.floor is not None and self.value < self.floor


class BundleMetadata(BaseModel):
    """The whole of ``configs/metadata.json``.

    Parameters
    ----------
    input
        Numbers that describe what the network takes: size, spacing in mm, window in HU.
    parameters
        Numbers that turn its output into an answer: temperature, operating point.
    command
        How the weights were made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    version: str = Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")
    changelog: dict[str, str]
    monai_version: str
    pytorch_version: str
    numpy_version: str
    task: str
    description: str
    intended_use: str
    limitations: tuple[str, ...]
    authors: str
    copyright: str
    licence: str
    data_source: str
    architecture: str
    input: dict[str, float | tuple[float, ...]]
    parameters: dict[str, float]
    split: str
    command: str
    training: dict[str, float]
    results: tuple[Result, ...]
