"""A real DICOMweb server on a free port, and images in many transfer syntaxes."""

import copy
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np
import pydicom
import uvicorn
from dicomweb_client import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)
from starlette.applications import Starlette
from starlette.routing import Mount

from pacs_bridge.archive import Archive
from pacs_bridge.dicomweb.access import Access, Principal, Record
from pacs_bridge.dicomweb.app import dicomweb_app
from pacs_bridge.dicomweb.limits import Limits
from pacs_bridge.part10 import parse_file_meta
from tests.pacs_bridge.support import ct_slice, free_port, poll

READER = {"Authorization": "Bearer reader"}
WRITER = {"Authorization": "Bearer writer"}
COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)


KNOWN = {
    "Bearer reader": Principal("reader", may_read=True),
    "Bearer writer": Principal("writer", may_write=True),
    "Bearer both": Principal("both", may_read=True, may_write=True),
    "Bearer viewer": Principal("viewer", may_read=True, study_uid="1.2.3"),
}


class Tokens:
    """Knows a few callers by fixed tokens."""

    def authenticate(self, request):
        return KNOWN.get(request.headers.get("authorization", ""))


@dataclass
class Web:
    """A running server."""

    archive: Archive
    port: int
    trail: list[Access] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dicomweb"

    def client(self, token: str = "both") -> DICOMwebClient:
        return DICOMwebClient(self.url, headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str, accept: str = "", **options) -> httpx.Response:
        headers = {**READER, **options.pop("headers", {})}
        if accept:
            headers["Accept"] = accept
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=30, **options)

    def post(self, path: str, body: bytes, content_type: str, **headers) -> httpx.Response:
        headers = {**WRITER, "Content-Type": content_type, **headers}
        return httpx.post(f"{self.url}{path}", content=body, headers=headers, timeout=30)


@contextmanager
def serving(
    archive: Archive, limits: Limits | None = None, record: Record | None = None
) -> Iterator[Web]:
    """Serve an archive for the length of the block."""
    web = Web(archive, free_port())
    # dicomweb-client leaves the port out of the header Host
    app = dicomweb_app(
        archive, [Tokens()], record or web.trail.append, limits=limits, public_url=web.url
    )
    config = uvicorn.Config(
        Starlette(routes=[Mount("/dicomweb", app=app)]),
        host="127.0.0.1",
        port=web.port,
        log_level="error",
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="dicomweb")
    thread.start()
    try:
        poll(lambda: server.started)
        yield web
    finally:
        server.should_exit = True
        thread.join(20)


def part10(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A data set as a DICOM file; pixel data that is not compressed yet is compressed."""
    ds = copy.deepcopy(ds)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in COMPRESSED:
        ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"
        ds.compress(syntax, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, enforce_file_format=True)
    return target.getvalue()


def put(archive: Archive, file: bytes) -> None:
    """Archive a DICOM file."""
    meta = parse_file_meta(file)
    outcome = archive.store(
        file[meta.offset :],
        transfer_syntax_uid=meta.transfer_syntax_uid,
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        calling_ae_title="TEST",
    )
    assert outcome.status == 0, outcome


def noise(shape: tuple[int, ...], seed: int = 1, high: int = 4000) -> np.ndarray:
    """Pixels of which no two frames are alike."""
    return np.random.default_rng(seed).integers(0, high, shape, dtype=np.uint16)


def clip(number: int = 1, frames: int = 5, *, colour: bool = False, **more) -> Dataset:
    """A multi-frame image of 48 x 64 pixels."""
    ds = ct_slice(number, **more)
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage
    ds.Modality = "US"
    ds.Rows, ds.Columns, ds.NumberOfFrames = 48, 64, frames
    if colour:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        ds.PixelData = noise((frames, 48, 64, 3), number, 256).astype(np.uint8).tobytes()
    else:
        ds.PixelData = noise((frames, 48, 64), number).tobytes()
    return ds


def jpeg_clip(number: int = 1, frames: int = 3, **more) -> bytes:
    """A clip in JPEG baseline, as ultrasound machines make it, as a DICOM file."""
    ds = clip(number, frames, colour=True, **more)
    y, x = np.mgrid[0:48, 0:64]
    encoded = []
    for frame in range(frames):
        picture = np.stack([4 * x, 5 * y, np.full_like(x, 40 * frame)], axis=-1).astype(np.uint8)
        target = io.BytesIO()
        Image.fromarray(picture).save(target, format="JPEG", quality=95, subsampling=0)
        encoded.append(target.getvalue())
    ds.PhotometricInterpretation = "YBR_FULL"
    ds.PixelData = encapsulate(encoded)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return part10(ds, JPEGBaseline8Bit)


def multipart_of(files: list[bytes], boundary: str = "b0undary") -> tuple[bytes, str]:
    """The body and Content-Type of a store request."""
    head = b"\r\n--" + boundary.encode() + b"\r\nContent-Type: application/dicom\r\n\r\n"
    body = b"".join(head + file for file in files).removeprefix(b"\r\n")
    content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return body + b"\r\n--" + boundary.encode() + b"--\r\n", content_type
