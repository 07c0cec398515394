"""Read a request for storage commitment, and make the report on it (PS3.4 J.3.2, J.3.3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from pacs_bridge.commitment.datasets import ALL_COMMITTED, FAILURES_EXIST
from pacs_bridge.elements import Buffer, items, walk
from pacs_bridge.errors import EncodingError
from pacs_bridge.header import is_uid

_TRANSACTION_UID = 0x00081195
_REFERENCED_SOP_SEQUENCE = 0x00081199
_REFERENCED_CLASS, _REFERENCED_INSTANCE = 0x00081150, 0x00081155

Reference = tuple[str, str]
"""SOP class and SOP Instance UID."""


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """What we are asked to keep."""

    transaction_uid: str
    references: tuple[Reference, ...]


def read_request(dataset: bytes, transfer_syntax_uid: str) -> CommitmentRequest:
    """Read the Action Information of an N-ACTION request (PS3.4 table J.3-1).

    Raises
    ------
    EncodingError
        If it cannot be read, has no references, or a UID is missing or malformed.
    """
    transaction_uid = ""
    references: list[Reference] = []
    for element in walk(dataset, transfer_syntax_uid):
        if element.tag == _TRANSACTION_UID:
            transaction_uid = _uid(dataset[element.start : element.stop], "Transaction UID")
        elif element.tag == _REFERENCED_SOP_SEQUENCE:
            found = items(dataset, element, transfer_syntax_uid)
            references += [_reference(item, transfer_syntax_uid) for item in found]
    if not transaction_uid:
        raise EncodingError("Transaction UID is missing")
    if not references:
        raise EncodingError("Referenced SOP Sequence is missing or empty")
    return CommitmentRequest(transaction_uid, tuple(dict.fromkeys(references)))


def event_type(failed: Mapping[Reference, int]) -> int:
    """Return the Event Type ID of a report (PS3.4 table J.3-2)."""
    return FAILURES_EXIST if failed else ALL_COMMITTED


def event_information(
    request: CommitmentRequest, failed: Mapping[Reference, int], retrieve_ae_title: str
) -> Dataset:
    """Return the data set of a report.

    Parameters
    ----------
    failed
        Failure Reason by what we do not keep.
    retrieve_ae_title
        Who can be asked for the instances; empty leaves the element out.
    """
    dataset = Dataset()
    dataset.TransactionUID = request.transaction_uid
    if retrieve_ae_title:
        dataset.RetrieveAETitle = retrieve_ae_title
    kept = [r for r in request.references if r not in failed]
    if kept:
        dataset.ReferencedSOPSequence = list(_sequence(kept, {}))
    if failed:
        dataset.FailedSOPSequence = list(_sequence(list(failed), failed))
    return dataset


def _sequence(
    references: Sequence[Reference], reasons: Mapping[Reference, int]
) -> Iterator[Dataset]:
    for reference in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = reference
        if reference in reasons:
            item.FailureReason = reasons[reference]
        yield item


def _reference(item: Buffer, transfer_syntax_uid: str) -> Reference:
    values = {
        element.tag: bytes(item[element.start : element.stop])
        for element in walk(item, transfer_syntax_uid)
        if element.tag in (_REFERENCED_CLASS, _REFERENCED_INSTANCE)
    }
    return (
        _uid(values.get(_REFERENCED_CLASS, b""), "Referenced SOP Class UID"),
        _uid(values.get(_REFERENCED_INSTANCE, b""), "Referenced SOP Instance UID"),
    )


def _uid(value: bytes, title: str) -> str:
    text = value.rstrip(b"\0 ").decode("ascii", "replace")
    if not is_uid(text):
        raise EncodingError(f"{title} is missing or not made of 1 to 64 digits and dots")
    return text
