"""Answers of peers are data: whatever they hold, they become matches with proper UIDs or none."""

import warnings
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from pacs_bridge.header import is_uid
from pacs_bridge.retrieve.answers import (
    dataset_values,
    instance_match,
    json_values,
    series_match,
    study_match,
)
from pacs_bridge.retrieve.worklist import scheduled_steps

TAGS = st.sampled_from(
    [
        *(0x00080005, 0x00080018, 0x00080020, 0x00080061, 0x00100010, 0x0020000D),
        *(0x0020000E, 0x00201208, 0x00201209, 0x00200011, 0x00400100),
    ]
)
TEXT = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"1.2.3", b"../../x", b"GB18030", b"\\ISO 2022 IR 58", b"\x1b$)A\xcd\xf5"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["0020000D", "00100010", "vr", "Value", "Alphabetic", "x"]), inner
        )
    ),
    max_leaves=20,
)


def received(elements: dict[int, bytes], vr: bytes = b"UN") -> Dataset:
    """The elements as a peer sends them, read as pynetdicom does."""
    encoded = b"".join(
        (tag >> 16).to_bytes(2, "little")
        + (tag & 0xFFFF).to_bytes(2, "little")
        + vr
        + b"\0\0"
        + len(value).to_bytes(4, "little")
        + value
        for tag, value in sorted(elements.items())
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom, about character sets
        return decode(BytesIO(encoded), False, True)


def check(values):
    study = study_match(values, "peer")
    assert study is None or is_uid(study.study_uid)
    series = series_match(values, "1.2.3")
    assert series is None or is_uid(series.series_uid)
    instance = instance_match(values, "1.2.3", "1.2.3.1")
    assert instance is None or is_uid(instance.sop_instance_uid)
    for texts in values.values():
        assert all(isinstance(text, str) and len(text) <= 1024 for text in texts)


@given(
    st.dictionaries(TAGS, TEXT),
    st.sampled_from([b"UN", b"SQ", b"UT"]),
    st.sampled_from(["", "GB18030", "ISO_IR 192", "nonsense"]),
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_any_elements(elements, vr, default):
    try:
        answer = received(elements, vr)
    except (ValueError, NotImplementedError, OSError, KeyError, AttributeError, TypeError):
        return  # pynetdicom reports an identifier that cannot be read, and goes on
    check(dataset_values(answer, default))
    scheduled_steps(answer, default)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_broken_character_set_of_a_worklist_answer_is_no_error():
    answer = received({0x00080005: b"\x80"})
    step = Dataset()
    step.Modality = "CT"
    answer.ScheduledProcedureStepSequence = [step]
    assert len(scheduled_steps(answer, "")) == 1


@given(JSON)
def test_any_json(answer):
    check(json_values(answer))


def test_a_backslash_in_a_gb18030_character_splits_nothing():
    # The second byte of this character is that of a backslash.
    name = "俓^一"
    assert b"\\" in name.encode("gb18030")
    answer = received(
        {0x00080005: b"GB18030 ", 0x00100010: name.encode("gb18030"), 0x0020000D: b"1.2.3"}
    )
    study = study_match(dataset_values(answer), "peer")
    assert study is not None
    assert study.patient_name == name
