"""A response is taken by who waits for it, however slowly the machine runs."""

import threading
import time

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.sop_class import CTImageStorage

from pacs_bridge.association import RequestedAssociation
from pacs_bridge.peer import Peer
from tests.pacs_bridge.support import ct_slice, listening, write_file


def test_a_reactor_that_gets_to_run_late_takes_no_response(monkeypatch, sqlite_archive, tmp_path):
    take, wait = DIMSEServiceProvider.get_msg, threading.Event.wait

    def wake_late(self, timeout=None):
        woken = wait(self, timeout)
        if isinstance(threading.current_thread(), Association):
            time.sleep(0.001)  # the machine runs the thread that sends first
        return woken

    def take_just_then(self, block=False):
        """In the reactor's thread: as if it got to run just when the response comes."""
        found = take(self, block)
        deadline = time.monotonic() + 0.1
        while not block and found == (None, None) and time.monotonic() < deadline:
            found = take(self, block)
        return found

    monkeypatch.setattr(threading.Event, "wait", wake_late)
    monkeypatch.setattr(DIMSEServiceProvider, "get_msg", take_just_then)
    paths = [write_file(ct_slice(n), tmp_path) for n in range(1, 31)]
    with listening(sqlite_archive) as listener:
        association = RequestedAssociation(
            Peer("self", "CLINICALAI", "127.0.0.1", listener.port),
            "TEST",
            [(str(CTImageStorage), str(ExplicitVRLittleEndian))],
            response_seconds=5.0,
        )
        try:
            outcomes = [
                association.store(path, str(CTImageStorage), str(ExplicitVRLittleEndian))
                for path in paths
            ]
        finally:
            association.close()
    assert outcomes == [None] * 30
    assert not association._association.is_alive() or _ends(association._association)


def _ends(thread) -> bool:
    thread.join(10)
    return not thread.is_alive()
