"""What we accept of an association request, and that no bytes break it."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ

from pacs_bridge.dimse.channel import Service
from pacs_bridge.errors import ProtocolError
from pacs_bridge.receive.negotiation import Policy, answer
from tests.support.scripted_scu import CT, EXPLICIT, VERIFICATION, associate_rq

IMPLICIT = "1.2.840.10008.1.2"
JPEG2000 = "1.2.840.10008.1.2.4.90"
COMMITMENT = "1.2.840.10008.1.20.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
WORKLIST = "1.2.840.10008.5.1.4.31"
ANYBODY = Policy(called=frozenset({"CLINICALAI"}), calling=frozenset())


def agreed(contexts, policy=ANYBODY, **options):
    found = answer(associate_rq(contexts, **options), policy, is_full=False)
    pdu = A_ASSOCIATE_AC()
    pdu.decode(found.pdu)
    results = {c.context_id: c.result for c in pdu.presentation_context}
    return found, results


def service(uid, *, requestor_scp=False):
    return Service(frozenset({uid}), lambda _channel, _request: None, requestor_scp)


def test_storage_is_accepted_in_the_first_syntax_proposed_whatever_it_is():
    private = "1.3.12.2.1107.5.9.1"
    found, results = agreed(
        [(CT, JPEG2000), (CT, EXPLICIT), (private, "1.2.840.113619.5.2"), (VERIFICATION, IMPLICIT)]
    )
    assert results == {1: 0, 3: 0, 5: 0, 7: 0}
    assert [(c.context_id, c.abstract_syntax, c.transfer_syntax) for c in found.contexts] == [
        (1, CT, JPEG2000),
        (3, CT, EXPLICIT),
        (5, private, "1.2.840.113619.5.2"),
        (7, VERIFICATION, IMPLICIT),
    ]
    assert found.peer_max_pdu_bytes == 16384


def test_a_registered_class_that_we_do_not_serve_is_not_accepted():
    _, results = agreed([(WORKLIST, EXPLICIT), (STUDY_ROOT_FIND, EXPLICIT)])
    assert results == {1: 3, 3: 3}


def test_services_are_accepted_in_a_syntax_that_we_read():
    policy = Policy(ANYBODY.called, frozenset(), [service(STUDY_ROOT_FIND)])
    found, results = agreed([(STUDY_ROOT_FIND, JPEG2000), (STUDY_ROOT_FIND, IMPLICIT)], policy)
    assert results == {1: 4, 3: 0}
    assert found.contexts[0].transfer_syntax == IMPLICIT


def test_a_requestor_may_be_the_scp_where_the_service_says_so():
    policy = Policy(ANYBODY.called, frozenset(), [service(COMMITMENT, requestor_scp=True)])
    found, results = agreed(
        [(COMMITMENT, IMPLICIT), (CT, EXPLICIT)],
        policy,
        roles=[(COMMITMENT, False, True), (CT, False, True)],
    )
    assert results == {1: 0, 3: 0}
    assert [c.requestor_is_scp for c in found.contexts] == [True, True]
    found, _ = agreed([(COMMITMENT, IMPLICIT), (CT, EXPLICIT)], policy)
    assert [c.requestor_is_scp for c in found.contexts] == [False, False]


@pytest.mark.parametrize(
    ("options", "policy", "is_full", "reason", "diagnostic"),
    [
        ({"called": "OTHER"}, ANYBODY, False, "called_ae_title", (1, 1, 7)),
        (
            {"calling": "EVIL"},
            Policy(ANYBODY.called, frozenset({"CT1"})),
            False,
            "calling_ae_title",
            (1, 1, 3),
        ),
        ({}, ANYBODY, True, "local_limit", (2, 3, 2)),
    ],
)
def test_rejections_say_why(options, policy, is_full, reason, diagnostic):
    found = answer(associate_rq(**options), policy, is_full=is_full)
    assert found.rejected == reason
    assert found.contexts == ()
    pdu = A_ASSOCIATE_RJ()
    pdu.decode(found.pdu)
    assert (pdu.result, pdu.source, pdu.reason_diagnostic) == diagnostic


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_uids_that_are_none_are_answered_and_not_accepted():
    request = associate_rq([(CT, EXPLICIT), (VERIFICATION, EXPLICIT)])
    hostile = request.replace(
        CT.encode(), b"../../../../../../etc/pas"[: len(CT)].ljust(len(CT), b"x")
    )
    found = answer(hostile, ANYBODY, is_full=False)
    assert [c.abstract_syntax for c in found.contexts] == [VERIFICATION]
    pdu = A_ASSOCIATE_AC()
    pdu.decode(found.pdu)
    assert {c.context_id: c.result for c in pdu.presentation_context} == {1: 3, 3: 0}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_answered_or_a_protocol_error(data):
    with contextlib.suppress(ProtocolError):
        answer(b"\x01\x00" + len(data).to_bytes(4, "big") + data, ANYBODY, is_full=False)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_request_with_bytes_changed_is_answered_or_a_protocol_error(data):
    request = bytearray(associate_rq(roles=[(CT, True, True)]))
    for _ in range(data.draw(st.integers(1, 8))):
        request[data.draw(st.integers(6, len(request) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = answer(bytes(request), ANYBODY, is_full=False)
    except ProtocolError:
        return
    assert found.pdu[0] in (2, 3)
