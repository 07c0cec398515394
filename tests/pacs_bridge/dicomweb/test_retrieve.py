"""WADO-RS with the field's own client and with bare HTTP."""

import io
import json

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.pacs_bridge.dicomweb.web import (
    COMPRESSED,
    clip,
    jpeg_clip,
    noise,
    part10,
    put,
)
from tests.pacs_bridge.support import ct_slice, store

INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
UIDS = ("1.2.3", "1.2.3.1", "1.2.3.1.1")
MEDIA = {RLELossless: "image/dicom-rle", JPEGLSLossless: "image/jls", JPEG2000Lossless: "image/jp2"}
DICOM = 'multipart/related; type="application/dicom"'


@pytest.fixture
def series(web):
    """Three slices and what they hold."""
    slices = [ct_slice(n, PixelData=noise((16, 16), n).tobytes()) for n in (1, 2, 3)]
    for one in slices:
        store(web.archive, one)
    return slices


def test_client_retrieves_study_series_and_instance(web, series):
    client = web.client()
    for found in (client.retrieve_study("1.2.3"), client.retrieve_series("1.2.3", "1.2.3.1")):
        assert [f.PixelData for f in found] == [s.PixelData for s in series]
        assert {f.file_meta.TransferSyntaxUID for f in found} == {ExplicitVRLittleEndian}
    one = client.retrieve_instance(*UIDS)
    assert one.PixelData == series[0].PixelData
    assert one.PatientName == "Test^Case"


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_stored_form_is_the_file_and_explicit_is_decoded(web, syntax):
    original = clip()
    file = part10(original, syntax)
    put(web.archive, file)
    (path,) = web.archive.root.glob("1.2.3/*/*.dcm")
    for accept in (
        f"{DICOM}; transfer-syntax=*",
        f"{DICOM}; transfer-syntax={syntax}",
        "application/dicom; transfer-syntax=*",
        "*/*",
        "",
    ):
        answer = web.get(INSTANCE, accept)
        assert answer.status_code == 200
        assert path.read_bytes() in answer.content
    client = web.client()
    explicit = (("application/dicom", "1.2.840.10008.1.2.1"),)
    for decoded in (
        client.retrieve_instance(*UIDS, media_types=("application/dicom",)),
        client.retrieve_instance(*UIDS, media_types=explicit),
    ):
        assert decoded.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert decoded.PixelData == original.PixelData
        assert decoded.PatientName == original.PatientName
    answer = web.get(INSTANCE, f"{DICOM}; transfer-syntax=1.2.840.10008.1.2.4.50")
    assert answer.status_code == 406
    assert syntax in answer.json()["error"]


def test_single_part_has_length_and_is_the_file(web, series):
    answer = web.get(INSTANCE, "application/dicom; transfer-syntax=*")
    (path,) = web.archive.root.glob("1.2.3/*/1.2.3.1.1.dcm")
    assert answer.content == path.read_bytes()
    assert int(answer.headers["content-length"]) == path.stat().st_size
    assert answer.headers["content-encoding"] == "identity"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_native_encodings_become_explicit(web, syntax):
    pixels = noise((16, 16))
    original = ct_slice(PixelData=pixels.tobytes())
    original.add_new(0x00280106, "US", 7)  # Smallest Image Pixel Value: VR open if implicit
    original.ReferencedStudySequence = [pydicom.Dataset()]
    original.ReferencedStudySequence[0].ReferencedSOPInstanceUID = "1.2.3.4"
    stored = pydicom.Dataset(original)
    if syntax == ExplicitVRBigEndian:
        stored.PixelData = pixels.byteswap().tobytes()
    store(web.archive, stored, syntax)
    answer = web.get(INSTANCE, "application/dicom")
    found = pydicom.dcmread(io.BytesIO(answer.content))
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(found.pixel_array, pixels)
    assert found[0x00280106].VR == "US"
    assert found[0x00280106].value == 7
    assert found.ReferencedStudySequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    (frame,) = web.client().retrieve_instance_frames(
        *UIDS, [1], media_types=("application/octet-stream",)
    )
    assert frame == pixels.tobytes()


def test_series_of_mixed_syntaxes_is_partial_where_one_cannot_be_had(web):
    put(web.archive, part10(clip(1), RLELossless))
    put(web.archive, part10(clip(2), JPEGLSLossless))
    answer = web.get("/studies/1.2.3", f"{DICOM}; transfer-syntax={RLELossless}")
    assert answer.status_code == 206
    assert answer.content.count(b"DICM") == 1
    assert web.get("/studies/1.2.3", f"{DICOM}; transfer-syntax=*").content.count(b"DICM") == 2


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_client_retrieves_compressed_frames_in_their_own_media_type(web, syntax):
    original = clip()
    put(web.archive, part10(original, syntax))
    client, media = web.client(), MEDIA[syntax]
    frames = client.retrieve_instance_frames(*UIDS, [2, 4], media_types=((media, str(syntax)),))
    plain = np.frombuffer(original.PixelData, np.uint16).reshape(5, 48, 64)
    for number, frame in zip((2, 4), frames, strict=True):
        again = clip(frames=1)
        again.PixelData = pydicom.encaps.encapsulate([frame])
        again["PixelData"].VR, again["PixelData"].is_undefined_length = "OB", True
        decoded = pydicom.dcmread(io.BytesIO(part10_as_is(again, syntax))).pixel_array
        assert np.array_equal(decoded, plain[number - 1])
    answer = web.get(f"{INSTANCE}/frames/2", f'multipart/related; type="{media}"')
    assert f"Content-Type: {media}; transfer-syntax={syntax}".encode() in answer.content
    stored = web.get(
        f"{INSTANCE}/frames/2",
        'multipart/related; type="application/octet-stream"; transfer-syntax=*',
    )
    head = f"Content-Type: application/octet-stream; transfer-syntax={syntax}"
    assert head.encode() in stored.content


def part10_as_is(ds, syntax):
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = syntax
    target = io.BytesIO()
    pydicom.dcmwrite(target, ds, enforce_file_format=True)
    return target.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, *COMPRESSED])
def test_client_retrieves_frames_as_octets(web, syntax):
    original = clip()
    put(web.archive, part10(original, syntax))
    size = 48 * 64 * 2
    frames = web.client().retrieve_instance_frames(
        *UIDS, [3, 1, 5], media_types=("application/octet-stream",)
    )
    expected = [original.PixelData[(n - 1) * size : n * size] for n in (3, 1, 5)]
    assert frames == expected
    one = web.get(f"{INSTANCE}/frames/4", "application/octet-stream")
    assert one.content == original.PixelData[3 * size : 4 * size]
    assert one.headers["content-type"].startswith("application/octet-stream")


def test_jpeg_colour_is_rgb_once_decoded(web):
    put(web.archive, jpeg_clip())
    (jpeg,) = web.client().retrieve_instance_frames(*UIDS, [2], media_types=("image/jpeg",))
    assert jpeg.startswith(b"\xff\xd8")
    octets = web.get(f"{INSTANCE}/frames/2", "application/octet-stream").content
    decoded = np.frombuffer(octets, np.uint8).reshape(48, 64, 3)
    assert abs(int(decoded[24, 20, 0]) - 80) < 12  # red 4x, green 5y, blue 40
    assert abs(int(decoded[24, 20, 1]) - 120) < 12
    found = pydicom.dcmread(io.BytesIO(web.get(INSTANCE, "application/dicom").content))
    assert found.PhotometricInterpretation == "RGB"
    assert np.array_equal(found.pixel_array[1], decoded)
    assert web.get(INSTANCE, f"{DICOM}; transfer-syntax={JPEGBaseline8Bit}").status_code == 200


def test_frames_of_single_bits_that_start_inside_bytes(web):
    bits = np.random.default_rng(5).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    ds = ct_slice()
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "SEG"
    ds.Rows, ds.Columns, ds.NumberOfFrames = 5, 7, 3
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = 0
    ds.PixelData = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    store(web.archive, ds)
    for n in (1, 2, 3):
        octets = web.get(f"{INSTANCE}/frames/{n}", "application/octet-stream").content
        found = np.unpackbits(np.frombuffer(octets, np.uint8), bitorder="little")[:35]
        assert np.array_equal(found, bits[n - 1].reshape(-1))


def test_metadata_of_study_series_and_instance(web, series):
    client = web.client()
    for found in (
        client.retrieve_study_metadata("1.2.3"),
        client.retrieve_series_metadata("1.2.3", "1.2.3.1"),
        [client.retrieve_instance_metadata("1.2.3", "1.2.3.1", f"1.2.3.1.{n}") for n in (1, 2, 3)],
    ):
        for one, original in zip(found, series, strict=True):
            expected = original.to_json_dict()
            uri = one.pop("7FE00010")["BulkDataURI"]
            del expected["7FE00010"]
            assert one == expected
            (pixels,) = client.retrieve_bulkdata(uri, media_types=("application/octet-stream",))
            assert pixels == original.PixelData


def test_nested_and_large_bulk_data_are_had_where_metadata_says(web):
    ds = ct_slice()
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    wave = pydicom.Dataset()
    wave.WaveformBitsAllocated, wave.WaveformSampleInterpretation = 16, "SS"
    wave.add_new("WaveformData", "OW", bytes(range(256)) * 40)
    ds.WaveformSequence = [pydicom.Dataset(), wave]
    ds.add_new(0x00420011, "OB", b"%PDF" + bytes(400_000))
    ds.add_new(0x00091010, "OB", b"short!")
    store(web.archive, ds)
    found = web.client().retrieve_instance_metadata(*UIDS)
    assert found["00091010"]["InlineBinary"] == "c2hvcnQh"
    uri = found["54000100"]["Value"][1]["54001010"]["BulkDataURI"]
    assert uri.endswith("/bulkdata/54000100/2/54001010")
    (wave_data,) = web.client().retrieve_bulkdata(uri, media_types=("application/octet-stream",))
    assert wave_data == bytes(range(256)) * 40
    answer = web.get(found["00420011"]["BulkDataURI"].removeprefix(web.url))
    assert answer.content == b"%PDF" + bytes(400_000)
    for wrong in ("00420012", "54000100/3/54001010", "54000100/2/54001011", "00100010"):
        assert web.get(f"{INSTANCE}/bulkdata/{wrong}").status_code == 404
    for bad in ("", "xyz", "54000100/0/54001010", "54000100/2", "..%2f..%2fetc"):
        assert web.get(f"{INSTANCE}/bulkdata/{bad}").status_code in (400, 404)


def test_bulk_pixel_data_of_a_compressed_clip_are_its_frames(web):
    put(web.archive, part10(clip(), JPEGLSLossless))
    uri = web.client().retrieve_instance_metadata(*UIDS)["7FE00010"]["BulkDataURI"]
    assert len(web.client().retrieve_bulkdata(uri)) == 5
    octets = web.client().retrieve_bulkdata(uri, media_types=("application/octet-stream",))
    assert b"".join(octets) == clip().PixelData


def test_text_beyond_ascii_is_utf8_in_metadata(web):
    ds = ct_slice(SpecificCharacterSet="GB18030", PatientName="Zhang^San=张^三")
    put(web.archive, part10(ds))
    answer = web.get(f"{INSTANCE}/metadata")
    assert answer.headers["content-type"] == "application/dicom+json"
    (found,) = json.loads(answer.content.decode("utf-8"))
    name = {"Alphabetic": "Zhang^San", "Ideographic": "张^三"}
    assert found["00100010"]["Value"] == [name]
    assert found["00080005"]["Value"] == ["ISO_IR 192"]


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_values_that_break_their_vr_are_left_out_and_the_rest_is_sent(web):
    ds = ct_slice()
    ds.add_new(0x00180050, "DS", "1")
    raw = part10(ds).replace(b"DS\x02\x001 ", b"DS\x02\x00x ")
    put(web.archive, raw)
    (found,) = web.get(f"{INSTANCE}/metadata").json()
    assert "00180050" not in found
    assert found["00100020"]["Value"] == ["P1"]


def test_unchanged_instances_are_not_sent_again(web, series):
    for path, accept in (
        (INSTANCE, DICOM),
        (f"{INSTANCE}/metadata", ""),
        ("/studies/1.2.3/metadata", ""),
        (f"{INSTANCE}/frames/1", ""),
        (f"{INSTANCE}/rendered", ""),
        (f"{INSTANCE}/bulkdata/7FE00010", ""),
    ):
        tag = web.get(path, accept).headers["etag"]
        again = web.get(path, accept, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    before = web.get("/studies/1.2.3/metadata").headers["etag"]
    store(web.archive, ct_slice(9))
    assert web.get("/studies/1.2.3/metadata").headers["etag"] != before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/studies/1.2.9", 404),
        ("/studies/1.2.3/series/1.2.9", 404),
        ("/studies/1.2.9/series/1.2.3.1", 404),
        (f"{INSTANCE}9", 404),
        (f"{INSTANCE}/frames/2", 404),
        (f"{INSTANCE}/frames/0", 400),
        (f"{INSTANCE}/frames/1,,1", 400),
        (f"{INSTANCE}/frames/1,x", 400),
        (f"{INSTANCE}/frames/99999999999999999999", 400),
        (f"{INSTANCE}/frames/-1", 400),
        ("/studies/..%2f..%2f..%2fetc%2fpasswd", 404),
        ("/studies/%2e%2e/metadata", 400),
        ("/studies/1.2.3'--", 400),
        ("/studies/" + "1" * 65, 400),
        ("/nothing", 404),
    ],
)
def test_wrong_paths_get_an_error_in_json(web, series, path, status):
    answer = web.get(path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert "Test" not in answer.text


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("image/png", 406),
        ("application/dicom+xml", 406),
        ("text", 400),
        ("a/b;q=7", 400),
        ('a/b;x="', 400),
        ("a/b, " * 2000 + "a/b", 400),
        ("*/*;q=0", 406),
    ],
)
def test_accept_that_cannot_be_met_or_read(web, series, accept, status):
    assert web.get("/studies/1.2.3/metadata", accept).status_code == status


def test_accept_may_stand_in_the_query(web, series):
    answer = web.get(f"{INSTANCE}/rendered?accept=image/png")
    assert answer.headers["content-type"] == "image/png"


def test_report_has_metadata_and_no_frames(web):
    ds = ct_slice()
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(ds, keyword)
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.88.34", "SR"
    store(web.archive, ds)
    assert web.get(f"{INSTANCE}/metadata").status_code == 200
    for path in ("/frames/1", "/rendered", "/thumbnail"):
        assert web.get(f"{INSTANCE}{path}").status_code == 406


def test_audit_names_a_study_once_however_many_frames_are_read(web, series):
    for n in (1, 2, 3):
        web.get(f"/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.{n}/frames/1")
    assert [(a.principal, a.action, a.study_uid) for a in web.trail] == [
        ("reader", "retrieve", "1.2.3")
    ]


def test_other_methods_are_refused(web, series):
    import httpx

    headers = {"Authorization": "Bearer both"}
    answer = httpx.delete(f"{web.url}/studies/1.2.3", headers=headers)
    assert answer.status_code == 405
    assert set(answer.json()) == {"error"}
