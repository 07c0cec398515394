"""Encode the data sets that go with messages."""

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ImplicitVRLittleEndian


def encode_dataset(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """Encode a data set.

    Parameters
    ----------
    transfer_syntax_uid
        Implicit VR Little Endian, or any that is encoded as Explicit VR Little Endian.
    """
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = transfer_syntax_uid == ImplicitVRLittleEndian
    buffer.is_little_endian = True
    write_dataset(buffer, dataset)
    return buffer.getvalue()
