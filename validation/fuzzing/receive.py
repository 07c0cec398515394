"""Fuzz everything that a byte from the network meets on its way to the archive.

    python -m validation.fuzzing.receive -max_total_time=600 [CORPUS FOLDER]

An input is an association request, a stream of PDUs within an association, or a data set.
Each must be answered, refused with one of our errors, or taken; an exception of any other
kind, a hang (-timeout) or too much memory (-rss_limit_mb) ends the run with the input that
did it. Options are libFuzzer's.
"""

import socket
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pacs_bridge"]):
    from pacs_bridge.dimse.channel import Channel, bytes_sink
    from pacs_bridge.dimse.command import encode_response
    from pacs_bridge.dimse.messages import Context, MessageStream
    from pacs_bridge.dimse.pdu import PduStream
    from pacs_bridge.errors import PeerError, ProtocolError, RefusedError
    from pacs_bridge.header import read_header
    from pacs_bridge.network import silence_pynetdicom
    from pacs_bridge.receive.negotiation import Policy, answer

CT = "1.2.840.10008.5.1.4.1.1.2"
SYNTAXES = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.4.70",
)
CONTEXTS = {i: Context(i, CT, SYNTAXES[0]) for i in (1, 3, 5)}
POLICY = Policy(called=frozenset({"CLINICALAI"}), calling=frozenset())


class _Bytes:
    """A connection that gives the input and takes everything."""

    family = socket.AF_UNIX

    def __init__(self, data: bytes, step: int) -> None:
        self._data = data
        self._step = step

    def settimeout(self, _seconds: float) -> None:
        pass

    def recv_into(self, view: memoryview) -> int:
        piece = self._data[: min(len(view), self._step)]
        view[: len(piece)] = piece
        self._data = self._data[len(piece) :]
        return len(piece)

    def sendall(self, _data: bytes) -> None:
        pass


def request(data: bytes) -> None:
    """An association request."""
    try:
        answer(b"\x01\x00" + len(data).to_bytes(4, "big") + data, POLICY, is_full=False)
    except ProtocolError:
        return


def messages(data: bytes) -> None:
    """PDUs within an association, as the listener reads and answers them."""
    pdus = PduStream(_Bytes(data[1:], data[0] + 1), pdu_seconds=1e6)  # type: ignore[arg-type]
    stream = MessageStream(
        pdus, CONTEXTS, peer_max_pdu_bytes=0, idle_seconds=1e6, fragment_seconds=1e6
    )
    channel = Channel(
        stream,
        tuple(CONTEXTS.values()),
        calling_ae_title="FUZZ",
        called_ae_title="CLINICALAI",
        peer_host="",
        poll_fileno=lambda: -1,
    )
    try:
        while True:
            context, command, sink = stream.read(bytes_sink)
            stream.write(context.context_id, encode_response(command, 0xC000, "no"))
            taken = channel.take(context, command, sink)
            if taken is not None and "CommandField" in taken.command:
                channel.respond(taken, 0x0122)
    except PeerError:
        return


def dataset(data: bytes) -> None:
    """An encoded data set."""
    try:
        read_header(data[1:], SYNTAXES[data[0] % len(SYNTAXES)])
    except RefusedError:
        return


TARGETS = (request, messages, dataset)


def one_input(data: bytes) -> None:
    """Give the input to the target that its first byte names."""
    if len(data) > 2:
        TARGETS[data[0] % len(TARGETS)](data[1:])


def write_seeds(folder: Path) -> None:
    """Write whole, correct inputs to start from."""
    from tests.pacs_bridge.support import ct_slice, encode
    from tests.support.scripted_scu import associate_rq, echo_rq, store_rq

    whole = encode(ct_slice())
    seeds = [
        b"\x00" + associate_rq(roles=[(CT, True, True)])[6:],
        b"\x01\xff" + echo_rq() + b"".join(store_rq(whole, "1.2.3.1.1", piece=300)),
        b"\x01\x07" + b"".join(store_rq(b"abcd", "1.2")) + b"\x05\x00\x00\x00\x00\x04\0\0\0\0",
        *(b"\x02" + bytes([i]) + encode(ct_slice(), s) for i, s in enumerate(SYNTAXES[:3])),
    ]
    for number, seed in enumerate(seeds):
        (folder / f"seed-{number}").write_bytes(seed)


def main() -> None:
    """Run libFuzzer."""
    silence_pynetdicom()
    warnings.simplefilter("ignore")  # of pydicom, on values that the input holds
    with tempfile.TemporaryDirectory() as seeds:
        write_seeds(Path(seeds))
        arguments = [sys.argv[0], "-max_len=20000", "-timeout=20", "-rss_limit_mb=1500"]
        atheris.Setup([*arguments, *sys.argv[1:], seeds], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
