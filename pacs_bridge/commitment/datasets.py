"""What travels in a storage commitment transaction (PS3.4 annex J.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from pacs_bridge.errors import EncodingError
from pacs_bridge.header import is_uid

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
REQUEST_ACTION = 1  # PS3.4 table J.3-1
ALL_COMMITTED = 1  # event types, PS3.4 table J.3-2
FAILURES_EXIST = 2

# PS3.3 section C.14.1.1
_REASONS = {
    0x0110: "processing failure",
    0x0112: "it has no such instance",
    0x0119: "SOP class and instance do not match",
    0x0122: "it does not commit to this SOP class",
    0x0131: "the transaction UID was used before",
    0x0213: "out of resources",
}


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What an N-EVENT-REPORT says.

    Parameters
    ----------
    committed
        SOP Instance UIDs that the peer keeps.
    failed
        Failure Reason by SOP Instance UID.
    """

    transaction_uid: str
    committed: frozenset[str]
    failed: Mapping[str, int]


def request_dataset(transaction_uid: str, references: Sequence[tuple[str, str]]) -> Dataset:
    """Return the Action Information of the request (PS3.4 table J.3-1).

    Parameters
    ----------
    references
        SOP class and SOP Instance UID of each object.
    """
    dataset = Dataset()
    dataset.TransactionUID = transaction_uid
    dataset.ReferencedSOPSequence = [_reference(*pair) for pair in references]
    return dataset


def parse_report(dataset: Dataset) -> CommitmentReport:
    """Read the Event Information of a report (PS3.4 table J.3-2).

    What is listed both as kept and as failed counts as failed.

    Raises
    ------
    EncodingError
        If the transaction UID is missing or malformed.
    """
    transaction_uid = str(dataset.get("TransactionUID", ""))
    if not is_uid(transaction_uid):
        raise EncodingError("the report has no valid Transaction UID")
    failed = {_instance(item): _reason(item) for item in _items(dataset, "FailedSOPSequence")}
    listed = {_instance(item) for item in _items(dataset, "ReferencedSOPSequence")}
    return CommitmentReport(transaction_uid, frozenset(listed - failed.keys()), failed)


def _items(dataset: Dataset, keyword: str) -> Sequence[Dataset]:
    value = dataset.get(keyword)
    return value if isinstance(value, DicomSequence) else ()


def _instance(item: Dataset) -> str:
    return str(item.get("ReferencedSOPInstanceUID", ""))


def _reason(item: Dataset) -> int:
    reason = item.get("FailureReason")
    return reason if isinstance(reason, int) else 0


def describe_reason(code: int) -> str:
    """Return a Failure Reason in words, with its code."""
    return f"{_REASONS.get(code, 'no known reason')} (0x{code:04X})"


def _reference(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item
