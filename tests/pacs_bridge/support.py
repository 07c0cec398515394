"""Data sets, archives and peers for the tests of `pacs_bridge`."""

import shutil
import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.dimse_primitives import C_STORE
from sqlalchemy import select

from pacs_bridge.archive import Archive
from pacs_bridge.database import writing
from pacs_bridge.errors import PeerError
from pacs_bridge.network import application_entity
from pacs_bridge.outbox import enqueue_delivery
from pacs_bridge.part10 import file_head
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Listener
from pacs_bridge.send import echo
from pacs_bridge.tables import delivery
from tests.support.processes import free_port


def poll(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until the condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def ct_slice(number: int = 1, *, study: str = "1.2.3", series: str = "1.2.3.1", **more) -> Dataset:
    """A small CT slice; the same arguments give the same content."""
    size = 16
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = f"{series}.{number}"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260102", "030405", "A1"
    ds.Modality = "CT"
    ds.StudyDescription, ds.SeriesDescription = "CHEST", "AXIAL"
    ds.PatientName, ds.PatientID = "Test^Case", "P1"
    ds.PatientBirthDate, ds.PatientSex = "19600102", "F"
    ds.BodyPartExamined = "CHEST"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
    ds.SeriesNumber, ds.InstanceNumber = 3, number
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = size
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = number.to_bytes(2, "little") * size * size
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    return ds


def encode(ds: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR = syntax == "1.2.840.10008.1.2"
    buffer.is_little_endian = syntax != "1.2.840.10008.1.2.2"
    for element in ds:
        if element.tag == 0x7FE00010:
            element.VR = "OW"
    write_dataset(buffer, ds)
    return buffer.getvalue()


def write_file(ds: Dataset, folder: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    head = file_head(
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=syntax,
        source_ae_title="TEST",
    )
    path = folder / f"{ds.SOPInstanceUID}-{uuid.uuid4().hex[:6]}.dcm"
    path.write_bytes(head + encode(ds, syntax))
    return path


def store(archive: Archive, ds: Dataset, syntax: str = ExplicitVRLittleEndian, **more):
    """Hand a data set to the archive as the listener would."""
    arguments = {
        "dataset": encode(ds, syntax),
        "transfer_syntax_uid": syntax,
        "sop_class_uid": str(ds.get("SOPClassUID", "1.2.3")),
        "sop_instance_uid": str(ds.get("SOPInstanceUID", "1.2.3")),
        "calling_ae_title": "TEST",
    }
    arguments.update(more)
    return archive.store(arguments.pop("dataset"), **arguments)


def store_raw(
    port: int,
    dataset: bytes,
    sop_instance_uid: str,
    *,
    sop_class_uid: str = CTImageStorage,
    syntax: str = ExplicitVRLittleEndian,
    called: str = "CLINICALAI",
) -> int | None:
    """Send any bytes as a data set by C-STORE; the status answered, None if none."""
    entity = application_entity("TEST")
    association = entity.associate(
        "127.0.0.1", port, contexts=[build_context(sop_class_uid, syntax)], ae_title=called
    )
    assert association.is_established
    request = C_STORE()
    request.MessageID = 7
    request.Priority = 2
    request.AffectedSOPClassUID = sop_class_uid
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hostile UID on purpose
        request.AffectedSOPInstanceUID = sop_instance_uid
    request.DataSet = BytesIO(dataset)
    association._reactor_checkpoint.clear()
    poll(lambda: association._is_paused)
    association.dimse.send_msg(request, 1)
    _, response = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    return None if response is None else response.Status


@contextmanager
def listening(archive: Archive, **options) -> Iterator[Listener]:
    arguments = {"ae_title": "CLINICALAI", "host": "127.0.0.1", "port": 0, **options}
    listener = Listener(archive, **arguments)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def tool(name: str) -> str:
    """The path of a program, or skip."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def storescu(port: int, *arguments: str, called: str = "CLINICALAI", calling: str = "STORESCU"):
    """Run DCMTK's storage SCU."""
    return subprocess.run(
        [tool("storescu"), "-aet", calling, "-aec", called, "127.0.0.1", str(port), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def dcmtk_storescp(folder, *arguments, port=None):
    """DCMTK's storage SCP."""
    folder.mkdir(exist_ok=True)
    port = port or free_port()
    process = subprocess.Popen(
        [tool("storescp"), "-od", str(folder), "-aet", "PACS", *arguments, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peer = Peer("pacs", "PACS", "127.0.0.1", port)

    def up() -> bool:
        try:
            return echo(peer, "TEST") > 0
        except PeerError:
            return False

    try:
        poll(up)
        yield peer
    finally:
        process.terminate()
        process.wait(10)


def queue(engine, folder, numbers=(1,), peer="pacs", purpose="result", **more) -> None:
    """Write CT slices to files and queue them for a peer."""
    for n in numbers:
        ds = ct_slice(n, **more)
        path = write_file(ds, folder)
        with writing(engine) as connection:
            enqueue_delivery(
                connection,
                sop_instance_uid=ds.SOPInstanceUID,
                path=path,
                peer_name=peer,
                purpose=purpose,
            )


def rows(engine):
    """All deliveries, in the order in which they were queued."""
    with engine.connect() as connection:
        return connection.execute(select(delivery).order_by(delivery.c.id)).all()


def states(engine):
    return [row.state for row in rows(engine)]
