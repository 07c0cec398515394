"""Files that pydicom and DCMTK read, and files that are none."""

import subprocess
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from pacs_bridge.errors import EncodingError
from pacs_bridge.part10 import read_file_meta
from tests.pacs_bridge.support import ct_slice, tool, write_file


def test_pydicom_reads_what_we_write(tmp_path):
    ds = ct_slice()
    path = write_file(ds, tmp_path)
    read = pydicom.dcmread(path)
    assert read.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert read.file_meta.SourceApplicationEntityTitle == "TEST"
    assert read.file_meta.ImplementationVersionName.startswith("CLINICALAI")
    assert read.PixelData == ds.PixelData


def test_dcmtk_reads_what_we_write_without_a_warning(tmp_path):
    path = write_file(ct_slice(), tmp_path)
    run = subprocess.run([tool("dcmdump"), path], capture_output=True, text=True, check=True)
    assert "MONOCHROME2" in run.stdout
    assert run.stderr == ""


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "rtplan.dcm"])
def test_the_data_set_of_real_files_begins_where_pydicom_says(name):
    path = get_testdata_file(name)
    meta = read_file_meta(Path(path))
    with open(path, "rb") as file:
        read = pydicom.dcmread(file, defer_size=0)
        assert meta.transfer_syntax_uid == read.file_meta.TransferSyntaxUID
    first = next(iter(read))
    with open(path, "rb") as file:
        file.seek(meta.offset)
        head = file.read(4)
    assert head == first.tag.group.to_bytes(2, "little") + first.tag.element.to_bytes(2, "little")


@given(st.binary(max_size=300))
def test_any_bytes_after_the_prefix_are_refused_or_read(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("part10") / "x.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM" + data)
    with pytest.raises(EncodingError):
        read_file_meta(path)
