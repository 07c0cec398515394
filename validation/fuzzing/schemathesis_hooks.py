"""Teaches Schemathesis the bodies of DICOMweb: a file, and one file in a multipart body.

Loaded by its command line through ``SCHEMATHESIS_HOOKS``.
"""

from typing import Any

import schemathesis
from schemathesis import Case, HookContext, SerializationContext

_BOUNDARY = b"fuzz"
_MULTIPART = 'multipart/related; type="application/dicom"; boundary=fuzz'
_PART10 = b"\0" * 128 + b"DICM"


def _bytes(value: Any) -> bytes:
    """Return generated content behind the preamble of a DICOM file, or as it is."""
    if isinstance(value, bytes | str):
        content = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    else:
        content = bytes(getattr(value, "data", b"")) or repr(value).encode("utf-8", "replace")
    return _PART10 + content if len(content) % 2 else content


@schemathesis.serializer("application/dicom")
def dicom(ctx: SerializationContext, value: Any) -> bytes:  # noqa: ARG001 - called so
    """Serialize one file."""
    return _bytes(value)


@schemathesis.serializer("multipart/related")
def related(ctx: SerializationContext, value: Any) -> bytes:  # noqa: ARG001 - called so
    """Serialize one part."""
    head = b"--" + _BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
    return head + _bytes(value) + b"\r\n--" + _BOUNDARY + b"--\r\n"


@schemathesis.hook
def before_call(ctx: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    """Name the boundary, which the description of a media type cannot hold."""
    if case.media_type == "multipart/related" and case.headers is not None:
        case.headers["Content-Type"] = _MULTIPART
