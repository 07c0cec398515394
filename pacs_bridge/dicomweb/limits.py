"""How much one request, and all of them together, may take."""

import os
from dataclasses import dataclass, field


def _decoders() -> int:
    return max(2, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the service.

    Parameters
    ----------
    max_part_bytes, max_request_bytes, max_parts
        Of one instance sent to us, of one request that stores, and of its instances.
    uploads
        Requests that store, at once; more are answered 503.
    decoders
        Frames decoded or drawn at once.
    waiting
        Requests that may wait for a decoder; more are answered 503.
    max_frame_bytes
        A frame that is larger once decoded is not decoded.
    stall_seconds
        A client that takes or sends nothing for this long is given up.
    metadata_cache_bytes
        Memory for attributes as JSON.
    """

    max_part_bytes: int = 2 * 1024**3
    max_request_bytes: int = 4 * 1024**3
    max_parts: int = 10_000
    uploads: int = 8
    decoders: int = field(default_factory=_decoders)
    waiting: int = 64
    max_frame_bytes: int = 512 * 1024**2
    stall_seconds: float = 60.0
    metadata_cache_bytes: int = 64 * 1024**2
