"""Re-encode an archived file without compression, for a receiver that takes nothing else."""

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pacs_bridge.dimse.datasets import encode_dataset
from pacs_bridge.errors import EncodingError

UNCOMPRESSED = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""The transfer syntaxes that `uncompressed` makes, the preferred one first."""

# What pydicom and its decoders raise for a data set or pixels they cannot use.
_ERRORS = (
    AttributeError,
    IndexError,
    InvalidDicomError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def uncompressed(path: Path, transfer_syntax_uid: str) -> bytes:
    """Return the data set of a Part 10 file in a native transfer syntax.

    The SOP Instance UID stays: the pixels are those that the compressed ones stand for.

    Parameters
    ----------
    transfer_syntax_uid
        One of `UNCOMPRESSED`.

    Raises
    ------
    EncodingError
        If pydicom cannot decode the file.
    """
    try:
        dataset = pydicom.dcmread(path)
        _decompress(dataset)
        return encode_dataset(dataset, transfer_syntax_uid)
    except _ERRORS as error:
        raise EncodingError(
            f"it cannot be re-encoded without compression ({type(error).__name__})"
        ) from error


def _decompress(dataset: Dataset) -> None:
    if dataset.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in dataset:
        # To RGB, which every receiver of uncompressed colour reads.
        dataset.decompress(as_rgb=True, generate_instance_uid=False)
