"""Counts of C-STORE sub-operations, and the responses that carry them (PS3.7 9.1.3, 9.1.4)."""

from dataclasses import dataclass, field

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs_bridge.dimse.channel import Channel, Request
from pacs_bridge.dimse.datasets import encode_dataset
from pacs_bridge.query_retrieve.statuses import (
    CANCELLED,
    CANNOT_SEND,
    PENDING,
    SOME_FAILED,
    SUCCESS,
)

_FAILED_LIST = 0x00080058  # Failed SOP Instance UID List
_MAX_ELEMENT_BYTES = 65_534  # of VR UI in Explicit VR (PS3.5 7.1.2)


@dataclass(slots=True)
class Tally:
    """How far the sub-operations are.

    Parameters
    ----------
    remaining
        At the beginning all of them.
    failed
        SOP Instance UIDs.
    """

    remaining: int
    completed: int = 0
    warnings: int = 0
    failed: list[str] = field(default_factory=list)

    def complete(self, *, warning: bool = False) -> None:
        """Count one that the receiver keeps."""
        self.remaining -= 1
        if warning:
            self.warnings += 1
        else:
            self.completed += 1

    def fail(self, sop_instance_uid: str) -> None:
        """Count one that failed."""
        self.remaining -= 1
        self.failed.append(sop_instance_uid)

    @property
    def status(self) -> int:
        """Of the final response, when nothing remains."""
        if not self.failed and not self.warnings:
            return SUCCESS
        return SOME_FAILED if self.completed or self.warnings else CANNOT_SEND


def respond_pending(channel: Channel, request: Request, tally: Tally) -> None:
    """Tell the requester how far we are."""
    channel.respond(request, PENDING, elements=_counts(tally, with_remaining=True))


def respond_final(
    channel: Channel, request: Request, tally: Tally, *, cancelled: bool = False
) -> None:
    """Send the last response, with the list of failed instances if there are any."""
    channel.respond(
        request,
        CANCELLED if cancelled else tally.status,
        dataset=_failed_list(tally.failed, request.context.transfer_syntax),
        elements=_counts(tally, with_remaining=cancelled),
    )


def _counts(tally: Tally, *, with_remaining: bool) -> dict[str, int]:
    counts = {
        "NumberOfCompletedSuboperations": tally.completed,
        "NumberOfFailedSuboperations": len(tally.failed),
        "NumberOfWarningSuboperations": tally.warnings,
    }
    if with_remaining:
        counts["NumberOfRemainingSuboperations"] = tally.remaining
    return {keyword: min(number, 0xFFFF) for keyword, number in counts.items()}  # VR US


def _failed_list(uids: list[str], transfer_syntax_uid: str) -> bytes:
    if not uids:
        return b""
    text = "\\".join(uids)
    if len(text) > _MAX_ELEMENT_BYTES:
        text = text[:_MAX_ELEMENT_BYTES].rpartition("\\")[0]
    dataset = Dataset()
    dataset.add(DataElement(_FAILED_LIST, "UI", text.split("\\"), validation_mode=config.IGNORE))
    return encode_dataset(dataset, transfer_syntax_uid)
