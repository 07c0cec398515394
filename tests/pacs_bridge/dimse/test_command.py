"""Command sets, ours and hostile ones."""

import contextlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from pacs_bridge.dimse.command import (
    C_STORE_RQ,
    decode_command,
    encode_command,
    encode_response,
)
from pacs_bridge.errors import ProtocolError

uids = st.lists(st.integers(0, 10**8), min_size=1, max_size=7).map(lambda n: ".".join(map(str, n)))


@given(uids, uids, st.integers(0, 0xFFFF), st.booleans())
def test_a_command_is_read_as_it_was_written(sop_class, instance, message_id, has_dataset):
    ds = Dataset()
    ds.AffectedSOPClassUID, ds.AffectedSOPInstanceUID = sop_class, instance
    ds.CommandField, ds.MessageID = C_STORE_RQ, message_id
    command = decode_command(encode_command(ds, has_dataset=has_dataset))
    assert command.affected_sop_class_uid == sop_class
    assert command.affected_sop_instance_uid == instance
    assert (command.field, command.message_id) == (C_STORE_RQ, message_id)
    assert command.has_dataset is has_dataset


@given(uids, st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.text())
def test_a_response_made_by_hand_is_what_pynetdicom_reads(uid, message_id, status, comment):
    ds = Dataset()
    ds.AffectedSOPClassUID = ds.AffectedSOPInstanceUID = uid
    ds.CommandField, ds.MessageID = C_STORE_RQ, message_id
    request = decode_command(encode_command(ds, has_dataset=True))
    encoded = encode_response(request, status, comment)
    answer = decode(BytesIO(encoded), True, True)
    assert answer.Status == status
    assert answer.CommandField == 0x8001
    assert answer.MessageIDBeingRespondedTo == message_id
    assert answer.AffectedSOPInstanceUID == answer.AffectedSOPClassUID == uid
    assert answer.CommandGroupLength == len(encoded) - 12
    assert len(answer.get("ErrorComment", "")) <= 64


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_command_or_a_protocol_error(data):
    with contextlib.suppress(ProtocolError):
        decode_command(data).dataset()


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_a_command_that_was_cut_is_an_error(cut):
    ds = Dataset()
    ds.AffectedSOPClassUID, ds.CommandField, ds.MessageID = "1.2.840.10008.1.1", 0x30, 1
    encoded = encode_command(ds, has_dataset=False)
    with pytest.raises(ProtocolError):
        decode_command(encoded[:-cut])
