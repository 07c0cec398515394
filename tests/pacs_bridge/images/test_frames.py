"""Where frames lie, and that no file makes reading it go wrong in another way than it says."""

import copy
import io
import itertools

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from pacs_bridge.dicomweb.body import Made
from pacs_bridge.dicomweb.metadata import json_of
from pacs_bridge.dicomweb.transcode import explicit_file
from pacs_bridge.errors import EncodingError
from pacs_bridge.images.codestream import claimed_size
from pacs_bridge.images.frames import decode_frame, find_frames
from pacs_bridge.images.picture import read_picture
from pacs_bridge.images.stored import read_stored
from pacs_bridge.records import InstanceRecord
from tests.pacs_bridge.dicomweb.web import clip, jpeg_clip, part10
from tests.pacs_bridge.support import ct_slice

JPEGS = [b"\xff\xd8" + bytes([n]) * (50 + n) for n in (1, 2, 3)]


def file_of(pixel_data, tmp_path, *, frames=3, **more):
    ds = clip(frames=frames, colour=True, **more)
    ds.PixelData = pixel_data
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    path = tmp_path / "x.dcm"
    path.write_bytes(part10(ds, JPEGBaseline8Bit))
    return path


def item(content):
    content += b"\0" * (len(content) % 2)
    return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content


def padded(content):
    return content + b"\0" * (len(content) % 2)


@pytest.mark.parametrize(
    "pixel_data",
    [
        encapsulate(JPEGS),
        encapsulate(JPEGS, has_bot=False),
        encapsulate(JPEGS, fragments_per_frame=3),
        # several fragments a frame and no table: a frame begins where an image does
        item(b"") + b"".join(item(f[:20]) + item(f[20:]) for f in JPEGS),
    ],
    ids=["table", "no table", "table and fragments", "fragments"],
)
def test_frames_are_found_by_table_or_by_their_beginning(pixel_data, tmp_path):
    frames = find_frames(read_stored(file_of(pixel_data, tmp_path)))
    assert [frames.encoded(n) for n in range(3)] == [padded(f) for f in JPEGS]
    data = frames.stored.path.read_bytes()
    joined = [b"".join(data[a:b] for a, b in frames.ranges(n)) for n in range(3)]
    assert joined == [padded(f) for f in JPEGS]


def test_extended_offset_table(tmp_path):
    pixel_data, offsets, lengths = encapsulate_extended(JPEGS)
    path = file_of(
        pixel_data, tmp_path, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths
    )
    assert find_frames(read_stored(path)).encoded(2) == padded(JPEGS[2])


@pytest.mark.parametrize(
    "pixel_data",
    [
        item(b"") + item(b"aa") + item(b"bb"),  # fewer fragments than frames
        item(b"\0\0\0\0\x0c\0\0\0\x0d\0\0\0") + item(b"aa") * 4,  # a table that is wrong
    ],
)
def test_frames_that_cannot_be_told_apart(pixel_data, tmp_path):
    with pytest.raises(EncodingError, match="cannot be assigned"):
        find_frames(read_stored(file_of(pixel_data, tmp_path)))


def test_deflated_files_are_read_too(tmp_path):
    ds = ct_slice(PixelData=np.arange(256, dtype=np.uint16).tobytes())
    path = tmp_path / "x.dcm"
    path.write_bytes(part10(ds, DeflatedExplicitVRLittleEndian))
    frames = find_frames(read_stored(path))
    assert frames.ranges(0) is None
    assert frames.encoded(0) == ds.PixelData
    assert read_picture(path, 0).values[0, 5] == 5


def test_rle_that_runs_over_is_refused(tmp_path):
    header = b"".join(n.to_bytes(4, "little") for n in (2, 64, 164)) + bytes(52)
    run = b"\x81\x07" * 50  # 128 times 7: 6400 bytes for a segment of 3072
    ds = clip(frames=1)
    ds.PixelData = encapsulate([header + run + run])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = RLELossless
    path = tmp_path / "x.dcm"
    ds.save_as(path, enforce_file_format=True)
    with pytest.raises(EncodingError, match="cannot be decoded"):
        decode_frame(find_frames(read_stored(path)), 0, max_bytes=2**20)


def test_sizes_that_codestreams_claim():
    file = pydicom.dcmread(io.BytesIO(jpeg_clip(frames=1)))
    (jpeg,) = pydicom.encaps.generate_frames(file.PixelData, number_of_frames=1)
    assert claimed_size(jpeg) == (48, 64)
    j2k = pydicom.dcmread(io.BytesIO(part10(clip(frames=1), JPEG2000Lossless)))
    (codestream,) = pydicom.encaps.generate_frames(j2k.PixelData, number_of_frames=1)
    assert claimed_size(codestream) == (48, 64)
    assert claimed_size(b"") is None


@given(st.binary(max_size=60))
def test_any_codestream_has_a_size_or_none(data):
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xc0", b"\xff\x4f\xff\x51"):
        claimed_size(start + data)


def rich():
    ds = copy.deepcopy(ct_slice())
    ds.ReferencedImageSequence = [pydicom.Dataset()]
    ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2"
    ds.WindowCenter, ds.WindowWidth = "40", "400"
    return ds


FILES = [
    part10(rich()),
    part10(clip(frames=2), RLELossless),
    jpeg_clip(frames=2),
    part10(rich(), DeflatedExplicitVRLittleEndian),
]


def record_of(path, stored):
    return InstanceRecord(
        "1.2", "1.2", "1.2", "1.2", stored.transfer_syntax_uid, path, 0, "", 1, 1, 1, 8, 1,
        "", "", 0.0, False,
    )  # fmt: skip


def read_all(path):
    """All that the server does with a file."""
    for read in (
        lambda: json_of(path, ""),
        lambda: read_picture(path, 0, max_bytes=2**20),
        lambda: decode_frame(find_frames(read_stored(path)), 0, max_bytes=2**20),
    ):
        try:
            read()
        except EncodingError:
            continue
    try:
        pieces = explicit_file(record_of(path, read_stored(path)), max_frame_bytes=2**20)
        for piece in itertools.islice(pieces, 8):
            if isinstance(piece, Made):
                piece.make()
    except EncodingError:
        return


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_a_spoilt_file_is_an_encoding_error_or_is_read(tmp_path, data):
    file = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(132, len(file) - 1))
        file[position] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(140, len(file)))
    path = tmp_path / "x.dcm"
    path.write_bytes(bytes(file[:cut]))
    read_all(path)
