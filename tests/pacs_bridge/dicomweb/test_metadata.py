"""DICOM JSON, with pydicom's as the measure."""

import io
import json

import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs_bridge.dicomweb.metadata import json_members, json_of
from pacs_bridge.dicomweb.plain_values import plain_values
from tests.pacs_bridge.dicomweb.web import part10
from tests.pacs_bridge.support import ct_slice


def rich():
    """A data set with most VRs, several values, empty ones among them, and sequences."""
    ds = ct_slice(SpecificCharacterSet="ISO_IR 100")
    ds.ImageType = ["ORIGINAL", "", "AXIAL"]
    ds.RetrieveAETitle = ["ONE", "TWO"]
    ds.PatientAge = "066Y"
    ds.PatientName = "Müller^Jörg"
    ds.OtherPatientNames = ["A^B", "C^D=E"]
    ds.InstitutionName = "Zürich "
    ds.StudyDescription = "  two spaces before"
    ds.PatientComments = "one\\two\r\nthree "
    ds.AcquisitionDateTime = "20260102030405.678+0100"
    ds.ImagePositionPatient = ["-1.50", "2e1", "3"]
    ds.PixelSpacing = ["0.7", "1"]
    ds.WindowCenter = "40"
    ds.ReferencedFrameNumber = ["1", "+2", "-3"]
    ds.SimpleFrameList = [1, 2**31]
    ds.add_new(0x00189234, "UL", None)
    ds.FrameIncrementPointer = [0x00181063, 0x00181065]
    ds.add_new(0x00186020, "SL", [-5, 5])
    ds.add_new(0x00289110, "FD", 1.5)
    ds.add_new(0x00189087, "FD", [0.25, float("nan")])
    ds.add_new(0x00091001, "UN", b"private!")
    ds.ReferencedImageSequence = [Dataset(), Dataset()]
    ds.ReferencedImageSequence[1].ReferencedSOPInstanceUID = "1.2.3.4"
    ds.ProcedureCodeSequence = []
    ds.AccessionNumber = ""
    return ds


def test_all_vrs_are_as_pydicom_has_them(tmp_path):
    path = tmp_path / "x.dcm"
    path.write_bytes(part10(rich()))
    found = json.loads(json_of(path, "http://x/i"))
    expected = pydicom.dcmread(path).to_json_dict()
    expected["00080005"]["Value"] = ["ISO_IR 192"]
    expected["7FE00010"] = {"vr": "OW", "BulkDataURI": "http://x/i/bulkdata/7FE00010"}
    expected["00189087"]["Value"] = [0.25, None]  # JSON has no NaN
    expected["00080008"]["Value"] = ["ORIGINAL", None, "AXIAL"]
    assert found == expected


VRS = ["AE", "AS", "CS", "DA", "DT", "TM", "UI", "LO", "SH", "LT", "ST", "UT", "IS", "DS"]


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@example("LO", " \\")
@given(st.sampled_from(VRS), st.text("0123456789.+-eE\\ AZaz^=\t_\0", max_size=30))
def test_what_is_taken_from_the_bytes_is_what_pydicom_says(vr, text):
    value = text.encode("ascii")
    raw = RawDataElement(Tag(0x00091010), vr, len(value), value, 0, False, True)
    values = plain_values(raw)
    if values is None:
        return
    data = Dataset()
    data[raw.tag] = pydicom.dataelem.convert_raw_data_element(raw)
    expected = json_members(data, "")["00091010"]
    assert [v if v != "" else None for v in values] == expected["Value"]


@given(st.sampled_from(["US", "SS", "UL", "SL"]), st.binary(min_size=1, max_size=24))
def test_binary_numbers(vr, value):
    raw = RawDataElement(Tag(0x00091010), vr, len(value), value, 0, False, True)
    values = plain_values(raw)
    size = 2 if vr.endswith("S") else 4
    if len(value) % size:
        assert values is None
        return
    expected = pydicom.dataelem.convert_raw_data_element(raw).value
    assert values == (list(expected) if len(value) > size else [expected])


def test_implicit_files_have_their_vrs_settled(tmp_path):
    ds = ct_slice()
    ds.add_new(0x00280106, "US", 7)
    ds.add_new(0x00280107, "US", 70)
    path = tmp_path / "x.dcm"
    source = io.BytesIO(part10(ds))
    read = pydicom.dcmread(source)
    read.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    pydicom.dcmwrite(path, read, implicit_vr=True, little_endian=True)
    found = json.loads(json_of(path, ""))
    assert found["00280106"] == {"vr": "US", "Value": [7]}
    assert found["00100010"]["Value"] == [{"Alphabetic": "Test^Case"}]
    assert found["7FE00010"]["vr"] == "OW"
