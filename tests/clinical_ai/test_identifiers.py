from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from clinical_ai.identifiers import derive_uid, derive_uuid

parts = st.lists(st.text(), min_size=1, max_size=5)


@given(parts)
def test_a_derived_uid_is_valid_and_the_same_each_time(values):
    uid = derive_uid(*values)
    assert UID(uid).is_valid
    assert len(uid) <= 64
    assert uid == derive_uid(*values)


@given(parts, parts)
def test_other_parts_give_another_uid(first, second):
    separator = "\x1f"
    same = separator.join(first) == separator.join(second)
    assert (derive_uuid(*first) == derive_uuid(*second)) == same


def test_the_value_is_fixed_for_all_releases():
    # Results of an earlier release must keep their UIDs.
    assert derive_uid("1.2.3", "SR") == "2.25.212040348418087841448826399786083387582"
