"""Pictures for people."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, RLELossless

from pacs_bridge.dicomweb.limits import Limits
from tests.pacs_bridge.dicomweb.web import clip, jpeg_clip, part10, put, serving
from tests.pacs_bridge.support import ct_slice, store

INSTANCE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"


def picture(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def ramp(**more):
    """A slice whose columns go from -1024 to 976 HU by 125."""
    row = np.arange(0, 2000, 125, dtype=np.uint16)
    pixels = np.repeat(row[np.newaxis, :], 16, axis=0)
    return ct_slice(PixelData=pixels.tobytes(), RescaleIntercept=-1024, RescaleSlope=1, **more)


def test_window_of_the_query_then_of_the_file_then_one_that_fits(web):
    store(web.archive, ramp(WindowCenter=-24, WindowWidth=2001))
    hu = np.arange(-1024, 976, 125)
    by_file = picture(web.get(f"{INSTANCE}/rendered", "image/png"))[0]
    assert np.abs(by_file - (hu + 1024) * 255 / 2000).max() <= 1
    lung = picture(web.get(f"{INSTANCE}/rendered?window=-600,1500", "image/png"))[0]
    assert np.abs(lung - np.clip((hu + 599.5) / 1499 + 0.5, 0, 1) * 255).max() <= 1
    exact = picture(web.get(f"{INSTANCE}/rendered?window=0,100,linear-exact", "image/png"))[0]
    assert set(exact) == {0, round(255 * 0.26)} | {255}
    store(web.archive, ct_slice(2, PixelData=np.arange(256, dtype=np.uint16).tobytes()))
    fitted = picture(web.get(f"{INSTANCE[:-1]}2/rendered", "image/png"))
    assert fitted.min() == 0
    assert fitted.max() == 255


def test_monochrome1_is_inverted(web):
    store(web.archive, ramp(PhotometricInterpretation="MONOCHROME1"))
    row = picture(web.get(f"{INSTANCE}/rendered?window=0,1000", "image/png"))[0]
    assert row[0] == 255
    assert row[-1] == 0


def test_jpeg_is_the_default_and_quality_counts(web):
    put(web.archive, part10(clip()))
    plain = web.get(f"{INSTANCE}/rendered")
    assert plain.headers["content-type"] == "image/jpeg"
    assert picture(plain).shape == (48, 64)
    assert len(web.get(f"{INSTANCE}/rendered?quality=10").content) < len(plain.content)


def test_viewport_keeps_the_shape_and_crops(web):
    store(web.archive, ramp())
    get = lambda query: picture(web.get(f"{INSTANCE}/rendered?{query}", "image/png"))  # noqa: E731
    assert get("viewport=64,32").shape == (32, 32)
    assert get("viewport=8,100").shape == (8, 8)
    part = get("window=0,3000&viewport=2,4,14,0,2,4")
    assert np.array_equal(part, get("window=0,3000")[:4, 14:16])


def test_pixels_that_are_not_square_are_made_so(web):
    store(web.archive, ramp(PixelSpacing=[2, 1]))
    assert picture(web.get(f"{INSTANCE}/rendered", "image/png")).shape == (32, 16)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_frames_of_compressed_clips(web, syntax):
    original = clip()
    put(web.archive, part10(original, syntax))
    plain = np.frombuffer(original.PixelData, np.uint16).reshape(5, 48, 64).astype(float)
    for number in (1, 5):
        drawn = picture(
            web.get(f"{INSTANCE}/frames/{number}/rendered?window=2000,4001", "image/png")
        )
        assert np.abs(drawn - plain[number - 1] * 255 / 4000).max() <= 1


def test_colour_and_thumbnails(web):
    put(web.archive, jpeg_clip())
    drawn = picture(web.get(f"{INSTANCE}/frames/3/rendered", "image/png"))
    assert drawn.shape == (48, 64, 3)
    assert np.abs(drawn[24, 20] - [80, 120, 80]).max() < 12
    for path in ("/studies/1.2.3", "/studies/1.2.3/series/1.2.3.1", INSTANCE):
        thumbnail = web.get(f"{path}/thumbnail")
        assert thumbnail.headers["content-type"] == "image/jpeg"
        assert picture(thumbnail).shape == (150, 200, 3)
    assert picture(web.get(f"{INSTANCE}/frames/2/thumbnail?viewport=20,20")).shape == (15, 20, 3)


def test_client_renders(web):
    put(web.archive, part10(clip()))
    png = web.client().retrieve_instance_rendered(
        "1.2.3", "1.2.3.1", "1.2.3.1.1", media_types=("image/png",), params={"window": "1,2"}
    )
    assert png.startswith(b"\x89PNG")
    jpeg = web.client().retrieve_instance_frames_rendered(
        "1.2.3", "1.2.3.1", "1.2.3.1.1", [2], media_types=("image/jpeg",)
    )
    assert jpeg.startswith(b"\xff\xd8")


def test_windows_of_enhanced_images_are_those_of_the_frame(web):
    ds = clip(frames=2)
    ds.PixelData = np.full((2, 48, 64), 500, np.uint16).tobytes()
    ds.PerFrameFunctionalGroupsSequence = []
    for centre in (500.5, 2000):
        item, voi = pydicom.Dataset(), pydicom.Dataset()
        voi.WindowCenter, voi.WindowWidth = centre, 1001
        item.FrameVOILUTSequence = [voi]
        ds.PerFrameFunctionalGroupsSequence.append(item)
    store(web.archive, ds)
    levels = [
        picture(web.get(f"{INSTANCE}/frames/{n}/rendered", "image/png"))[0, 0] for n in (1, 2)
    ]
    assert levels == [128, 0]


@pytest.mark.parametrize(
    "query",
    [
        "window=1",
        "window=1,0",
        "window=a,b",
        "window=nan,5",
        "window=1,inf",
        "window=1,2,cubic",
        "viewport=0,5",
        "viewport=99999,5",
        "viewport=1,2,3",
        "viewport=5,5,1000,1000,5,5",
        "viewport=5,5,0,0,0,5",
        "viewport=-5,5",
        "quality=0",
        "quality=101",
        "quality=x",
    ],
)
def test_malformed_parameters(web, query):
    store(web.archive, ct_slice())
    assert web.get(f"{INSTANCE}/rendered?{query}").status_code == 400


def test_frames_larger_than_the_limit_are_not_decoded(sqlite_archive):
    put(sqlite_archive, part10(clip(), RLELossless))
    with serving(sqlite_archive, Limits(max_frame_bytes=48 * 64)) as web:
        for path in ("/rendered", "/frames/1/rendered", "/thumbnail"):
            answer = web.get(f"{INSTANCE}{path}")
            assert answer.status_code == 406
            assert "larger than the limit" in answer.json()["error"]
        octets = 'multipart/related; type="application/octet-stream"'
        assert web.get(f"{INSTANCE}/frames/1", octets).status_code == 406
        assert web.get(f"{INSTANCE}/frames/1").status_code == 200  # as stored


def test_a_codestream_that_claims_another_size_is_not_decoded(web):
    file = bytearray(jpeg_clip())
    while (position := file.find(b"\xff\xc0\x00\x11\x08\x00\x30")) >= 0:
        file[position + 5 : position + 9] = b"\xff\xff\xff\xff"  # 65535 x 65535 pixels
    put(web.archive, bytes(file))
    answer = web.get(f"{INSTANCE}/rendered")
    assert answer.status_code == 406
    assert "65535 x 65535" in answer.json()["error"]


def test_broken_pixels_are_an_answer_not_a_crash(web):
    file = part10(clip(), JPEG2000Lossless)
    place = file.rfind(b"\xff\x93")  # start of data of the last frame
    put(web.archive, file[: place + 2] + bytes(len(file) - place - 10) + file[-8:])
    assert web.get(f"{INSTANCE}/frames/5/rendered").status_code in (200, 406)
    assert web.get(f"{INSTANCE}/frames/1/rendered").status_code == 200
