"""What must hold whatever the data set: a name gets out of no element, or the file is held back."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs_bridge.deidentify.allow_list import standard_allow_list
from pacs_bridge.deidentify.export import Export
from pacs_bridge.deidentify.key import Key
from pacs_bridge.deidentify.options import Options
from tests.pacs_bridge.deidentify.canaries import CANARY, canary, full_dataset, subject
from tests.pacs_bridge.support import write_file

FLAGS = (
    "modified_dates",
    "patient_characteristics",
    "device_identity",
    "uids",
    "safe_private",
    "structured_content",
    "graphics",
)
OPTIONS = st.builds(
    lambda flags, words: Options(
        **dict.fromkeys(flags, True), descriptors=standard_allow_list() if words else None
    ),
    st.sets(st.sampled_from(FLAGS)),
    st.booleans(),
)


def _public_tags() -> list[int]:
    from pydicom.datadict import DicomDictionary

    left_out = {
        0x00080005,  # the character set decides how all is read
        0x00080016,  # the SOP class decides what is refused
        0x00020010,
    }
    return sorted(t for t in DicomDictionary if 0x00080000 < t < 0x7FE00000 and t not in left_out)


TAGS = _public_tags()
TAG = st.one_of(
    st.sampled_from(TAGS),
    st.integers(0x00080001, 0x7FDFFFFF).filter(lambda t: t & 0xFFFF > 0xFF),  # unknown, private
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 2) -> Dataset:
    ds = Dataset()
    for tag in draw(st.lists(TAG, max_size=6)):
        try:
            vr = dictionary_VR(tag).split(" ")[0]
        except KeyError:
            vr = draw(st.sampled_from(["UN", "LO", "OB", "UT"]))
        if vr == "SQ" and depth:
            ds[tag] = DataElement(tag, "SQ", draw(st.lists(elements(depth - 1), max_size=2)))
        elif vr not in ("OD", "OF", "OL", "OV", "OW"):  # numbers
            ds[tag] = canary(tag, vr)
    return ds


def export(source: Path, folder: Path, options: Options):
    out = folder / "out"
    for file in sorted(out.rglob("*"), reverse=True) if out.exists() else ():
        file.rmdir() if file.is_dir() else file.unlink()
    reports = Export(options, Key(b"k" * 32), include_flagged=True).run(
        [(source, "x")], out, lambda _: None
    )
    return reports[0], [path for path in out.rglob("*") if path.is_file()]


@given(elements(), OPTIONS)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_name_never_gets_out(tmp_path: Path, more: Dataset, options: Options):
    ds = subject()
    for tag in more.keys():  # noqa: SIM118 - iterating decodes
        if tag not in ds:
            ds[tag] = more[tag]
    with config.disable_value_validation():
        source = write_file(ds, tmp_path)
    report, files = export(source, tmp_path, options)
    source.unlink()
    assert report.state in ("exported", "identified", "refused")
    assert len(files) == (report.state == "exported")
    for path in files:
        assert CANARY.lower().encode() not in path.read_bytes().lower()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with config.disable_value_validation():
        return write_file(full_dataset(), tmp_path_factory.mktemp("whole")).read_bytes()


@given(
    st.lists(st.tuples(st.integers(132, 2**16), st.binary(max_size=4)), min_size=1, max_size=6),
    OPTIONS,
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_broken_bytes_are_reported_not_raised(
    tmp_path: Path, whole: bytes, changes: list[tuple[int, bytes]], options: Options
):
    broken = BytesIO(whole)
    for position, value in changes:
        broken.seek(132 + position % (len(whole) - 140))
        broken.write(value)
    source = tmp_path / "broken.dcm"
    source.write_bytes(broken.getvalue())
    report, files = export(source, tmp_path, options)
    assert len(files) == (report.state == "exported")


def test_the_tags_tried_are_many():
    assert len(TAGS) > 4000
    assert Tag(0x00100010) in TAGS
