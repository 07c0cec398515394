"""Cut the answer of a DICOMweb server into instances as it arrives."""

from collections.abc import Iterable, Iterator

from pacs_bridge.dicomweb.problem import HttpError
from pacs_bridge.dicomweb.upload import PartBegins, PartEnds, splitter_for
from pacs_bridge.errors import PeerError

# A part is held in memory; the largest objects in use, tomosynthesis, stay below this.
MAX_PART_BYTES = 2**30


def parts(
    chunks: Iterable[bytes], content_type: str, *, max_part_bytes: int = MAX_PART_BYTES
) -> Iterator[bytes]:
    """Yield the body of each part.

    Parameters
    ----------
    chunks
        The answer as it arrives; at most one part and one chunk are in memory.
    content_type
        Of the answer: multipart/related (RFC 2387), or a single application/dicom.
    max_part_bytes
        A larger part ends the transfer.

    Raises
    ------
    PeerError
        If the answer is malformed, cut short, or a part is too large.
    """
    part = bytearray()
    try:
        splitter = splitter_for(content_type)
        for chunk in chunks:
            for event in splitter.feed(chunk):
                match event:
                    case PartBegins():
                        part = bytearray()
                    case PartEnds():
                        whole, part = bytes(part), bytearray()
                        yield whole
                    case data:
                        part += data
                        if len(part) > max_part_bytes:
                            raise PeerError(
                                f"a part of the server's answer is larger than {max_part_bytes} "
                                "bytes"
                            )
        splitter.close()
        if part:  # application/dicom, which has no end of its own
            yield bytes(part)
    except HttpError as error:  # worded for a request; the rules are the same
        raise PeerError(f"the server's answer cannot be read: {error.reason}") from error
