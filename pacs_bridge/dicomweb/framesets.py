"""How frames can be sent: as stored, each format in its own media type, or decoded."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from pydicom.uid import ExplicitVRLittleEndian

from pacs_bridge.dicomweb.body import FileRange, Made, Part, Piece
from pacs_bridge.dicomweb.media import OCTETS, Offer
from pacs_bridge.dicomweb.transcode import can_decode
from pacs_bridge.images.frames import Frames, decoded_octets, is_plain

NATIVE = str(ExplicitVRLittleEndian)
# PS3.18 tables 8.7.3-4 and 8.7.3-5; the older names with x- are still asked for.
_PREFIX = "1.2.840.10008.1.2.4."
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    "1.2.840.10008.1.2.5": ("image/dicom-rle", "image/x-dicom-rle"),
    **{f"{_PREFIX}{n}": ("image/jpeg",) for n in (50, 51, 57, 70)},
    **{f"{_PREFIX}{n}": ("image/jls", "image/x-jls") for n in (80, 81)},
    **{f"{_PREFIX}{n}": ("image/jp2",) for n in (90, 91)},
    **{f"{_PREFIX}{n}": ("image/jpx",) for n in (92, 93)},
    **{f"{_PREFIX}{n}": ("image/jphc",) for n in (201, 202, 203)},
    **{f"{_PREFIX}{n}": ("image/jxl",) for n in (110, 111, 112)},
    **{f"{_PREFIX}{n}": ("video/mpeg2",) for n in (100, 101)},
    **{f"{_PREFIX}{n}": ("video/mp4",) for n in range(102, 107)},
}


def frame_offers(frames: Frames, *, single: bool) -> Iterator[Offer]:
    """Yield how frames can be sent, best first.

    Parameters
    ----------
    single
        Also as an answer of one part.
    """
    syntax = frames.stored.transfer_syntax_uid
    forms = (True, False) if single else (True,)
    for form in forms:
        if not is_plain(frames) and frames.pixels.encapsulated:
            for media_type in MEDIA_TYPES.get(syntax, ()):
                yield Offer(media_type, form, syntax)
            # Viewers ask for octets in any transfer syntax, and look at its parameter.
            yield Offer(OCTETS, form, syntax, default=False)
        if is_plain(frames) or can_decode(syntax):
            yield Offer(OCTETS, form, NATIVE)


@dataclass(frozen=True, slots=True)
class FrameSource:
    """Frames in the representation that was chosen.

    Parameters
    ----------
    max_bytes
        A frame that is larger once decoded is refused.
    """

    frames: Frames
    offer: Offer
    max_bytes: int

    @property
    def decoded(self) -> bool:
        """Whether frames must be decoded first."""
        native = self.offer.media_type == OCTETS and self.offer.transfer_syntax == NATIVE
        return native and not is_plain(self.frames)

    @property
    def content_type(self) -> str:
        """Media type of each frame, with its transfer syntax."""
        return f"{self.offer.media_type}; transfer-syntax={self.offer.transfer_syntax}"

    def pieces(self, index: int) -> list[Piece]:
        """Return one frame (from 0)."""
        if self.decoded:
            return [Made(partial(decoded_octets, self.frames, index, max_bytes=self.max_bytes))]
        ranges = self.frames.ranges(index)
        if ranges is None:
            return [Made(partial(self.frames.encoded, index))]
        path = self.frames.stored.path
        return [FileRange(path, start, stop - start) for start, stop in ranges]

    def parts(self, indices: Iterable[int], base_url: str) -> Iterator[Part]:
        """Return frames (from 0) as parts; `base_url` is that of the instance."""
        for index in indices:
            yield Part(self.content_type, self.pieces(index), f"{base_url}/frames/{index + 1}")
