import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from clinical_ai import codes
from clinical_ai.findings import (
    Assessment,
    Finding,
    Measurement,
    Quality,
    Reading,
    Region,
    pack_mask,
    reading_from_json,
    to_json,
)
from clinical_ai.messages import Message

masks = arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, max_side=9))
text = st.text(max_size=20)


def region(mask: np.ndarray) -> Region:
    return Region(
        series_uid="1.2",
        frame_of_reference_uid="1.3",
        sop_instance_uids=tuple(f"1.4.{n}" for n in range(mask.shape[0])),
        origin=(0, 1, 2),
        shape=mask.shape,
        bits=pack_mask(mask),
        centroid_mm=(1.0, -2.5, 3.0),
    )


@given(masks)
def test_a_mask_survives_packing(mask):
    np.testing.assert_array_equal(region(mask).mask, mask)


def test_the_key_slice_is_the_one_with_the_largest_area():
    mask = np.zeros((3, 4, 4), dtype=np.bool_)
    mask[0, 0, 0] = mask[1, :2, :2] = mask[2, 0, :2] = True
    assert region(mask).key_sop_instance_uid == "1.4.1"


@given(masks, text, st.floats(allow_nan=False, allow_infinity=False), st.text())
def test_a_reading_survives_json(mask, words, number, template):
    finding = Finding(
        id="1",
        tracking_uid="2.25.1",
        code=codes.LUNG_NODULE,
        site=codes.RIGHT_LUNG,
        confidence=0.5,
        measurements=(Measurement(codes.LONG_AXIS, number, codes.MILLIMETER),),
        qualities=(Quality(codes.NODULE_COMPOSITION, codes.SOLID),),
        region=region(mask),
        key_sop_instance_uid="1.4.0",
    )
    assessment = Assessment(
        scheme=words,
        category="2",
        code=None,
        recommendation=Message(template, {"x": 1}),
        branch=Message(words),
        assumptions=(Message(words),),
        citation=words,
        finding_id=None,
    )
    reading = Reading(
        id="r",
        study_uid="1",
        content_version="v",
        series_uids=("1.2",),
        reader=words,
        model=None,
        status="read",
        reason=None,
        cautions=(Message(template),),
        findings=(finding,),
        assessments=(assessment,),
        urgency="soon",
        made_at="2026-01-01T00:00:00+00:00",
    )
    assert reading_from_json(to_json(reading)) == reading
    assert finding.measurement(codes.LONG_AXIS) == number
    assert finding.measurement(codes.SHORT_AXIS) is None
    assert finding.quality(codes.NODULE_COMPOSITION) == codes.SOLID


def test_something_else_is_not_taken_for_a_reading():
    with pytest.raises(pydantic.ValidationError):
        reading_from_json('{"id": "r"}')
