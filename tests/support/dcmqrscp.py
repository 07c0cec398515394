"""DCMTK's Query/Retrieve server on a free loopback port, for the length of a block."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_bridge.peer import Peer
from tests.support.processes import answers, free_port, started, wait_for


@contextmanager
def dcmqrscp(folder: Path, nodes: Mapping[str, int]) -> Iterator[Peer]:
    """Run dcmqrscp with its storage in `folder`; yields it as a peer.

    Parameters
    ----------
    nodes
        AE title and loopback port of each node that it may send to.
    """
    program = shutil.which("dcmqrscp")
    if program is None:
        pytest.skip("DCMTK's dcmqrscp is not installed")
    store = folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    port = free_port()
    hosts = "\n".join(
        f"{title.lower()} = ({title}, localhost, {at})" for title, at in nodes.items()
    )
    configuration = folder / "dcmqrscp.cfg"
    configuration.write_text(
        "MaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{hosts}\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {store} RW (500, 1024mb) ANY\nAETable END\n"
    )
    command = [program, "-c", str(configuration), str(port)]
    with started(command, folder / "dcmqrscp.log"):
        wait_for(lambda: answers(port), "dcmqrscp")
        yield Peer("qrscp", "QRSCP", "127.0.0.1", port)
