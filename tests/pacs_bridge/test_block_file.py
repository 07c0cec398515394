import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacs_bridge import block_file
from pacs_bridge.block_file import BUFFER_BYTES, BlockFile, BufferPool


def aligned(content):
    buffer = BufferPool().take()
    buffer[: len(content)] = content
    return memoryview(buffer)[: len(content)]


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 530_001, BUFFER_BYTES])
def test_what_was_written_is_in_the_file(tmp_path, size):
    content = os.urandom(size)
    file = BlockFile(tmp_path / "a.part")
    file.write(aligned(content))
    file.sync()
    assert (tmp_path / "a.part").read_bytes() == content


def test_full_buffers_then_the_rest(tmp_path):
    content = os.urandom(2 * BUFFER_BYTES + 777)
    file = BlockFile(tmp_path / "a.part")
    for start in range(0, len(content), BUFFER_BYTES):
        file.write(aligned(content[start : start + BUFFER_BYTES]))
    file.sync()
    assert (tmp_path / "a.part").read_bytes() == content


def test_memory_that_the_disk_cannot_take_is_written_as_usual(tmp_path):
    content = os.urandom(3 * 4096)
    file = BlockFile(tmp_path / "a.part")
    file.write(memoryview(b"x" + content)[1:])  # at an odd address
    file.sync()
    assert (tmp_path / "a.part").read_bytes() == content


def test_a_file_system_without_direct_writes(tmp_path, monkeypatch):
    usual = os.open

    def refusing(path, flags, mode=0o777):
        if flags & os.O_DIRECT:
            usual(path, flags & ~os.O_DIRECT, mode)  # some have made the file by then
            raise OSError(errno.EINVAL, "no direct writes here")
        return usual(path, flags, mode)

    monkeypatch.setattr(block_file.os, "open", refusing)
    file = BlockFile(tmp_path / "a.part")
    file.write(aligned(b"y" * 5000))
    file.sync()
    assert (tmp_path / "a.part").read_bytes() == b"y" * 5000


def test_an_existing_file_is_never_overwritten(tmp_path):
    (tmp_path / "a.part").write_bytes(b"first")
    with pytest.raises(FileExistsError):
        BlockFile(tmp_path / "a.part")
    assert (tmp_path / "a.part").read_bytes() == b"first"


def test_a_folder_that_is_gone_is_said():
    with pytest.raises(FileNotFoundError):
        BlockFile(Path("/nonexistent-folder/a.part"))


def test_buffers_are_used_again_and_not_hoarded():
    pool = BufferPool()
    taken = [pool.take() for _ in range(40)]
    assert len({id(buffer) for buffer in taken}) == 40
    for buffer in taken:
        pool.give(buffer)
    assert sum(buffer.closed for buffer in taken) == 24
    assert pool.take() in taken


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 700_000), min_size=1, max_size=12), st.integers(1, 900))
def test_fragments_of_any_size_make_one_file(tmp_path, sizes, head_size):
    from hashlib import sha256

    from pacs_bridge.incoming import Incoming, Origin
    from pacs_bridge.staging import Staging

    head, data = os.urandom(head_size), [os.urandom(size) for size in sizes]
    incoming = Incoming(
        Origin("1.2.840.10008.1.2.1", "1.2", "1.3", "TEST"),
        Staging(tmp_path / "staging"),
        head,
        lambda _size: None,
    )
    for fragment in data:
        incoming.write(fragment)
    whole = b"".join(data)
    assert incoming.finish() == sha256(whole).hexdigest()
    with incoming.dataset() as seen:
        assert bytes(seen) == whole
    assert incoming.sync().read_bytes() == head + whole
    assert incoming.size_bytes == len(whole)
    incoming.discard()
