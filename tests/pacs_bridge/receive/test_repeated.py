import pytest

from pacs_bridge.errors import ProtocolError
from pacs_bridge.receive import repeated
from pacs_bridge.receive.negotiation import Policy, answer
from pacs_bridge.receive.repeated import Negotiator
from tests.support.scripted_scu import associate_rq

POLICY = Policy(called=frozenset({"CLINICALAI"}), calling=frozenset({"CT1", "CT2"}))


@pytest.fixture
def worked_out(monkeypatch):
    requests = []

    def counting(pdu, policy, *, is_full):
        requests.append(pdu)
        return answer(pdu, policy, is_full=is_full)

    monkeypatch.setattr(repeated, "answer", counting)
    return requests


def request(calling="CT1"):
    return associate_rq(calling=calling)


def test_the_same_request_gets_the_same_answer_without_work(worked_out):
    negotiator = Negotiator(POLICY)
    first = negotiator.answer(request(), is_full=False)
    assert first.rejected is None
    assert negotiator.answer(request(), is_full=False) == first
    assert len(worked_out) == 1


def test_another_sender_is_answered_by_its_own_request(worked_out):
    negotiator = Negotiator(POLICY)
    assert negotiator.answer(request(), is_full=False).calling_ae_title == "CT1"
    assert negotiator.answer(request(calling="CT2"), is_full=False).calling_ae_title == "CT2"
    assert len(worked_out) == 2


def test_a_full_listener_rejects_what_it_accepted_before():
    negotiator = Negotiator(POLICY)
    assert negotiator.answer(request(), is_full=False).rejected is None
    assert negotiator.answer(request(), is_full=True).rejected == "local_limit"
    assert negotiator.answer(request(), is_full=False).rejected is None


def test_rejections_are_not_kept(worked_out):
    negotiator = Negotiator(POLICY)
    for _ in range(2):
        found = negotiator.answer(request(calling="EVIL"), is_full=False)
        assert found.rejected == "calling_ae_title"
    assert len(worked_out) == 2


def test_only_the_last_ones_are_kept(worked_out):
    negotiator = Negotiator(Policy(called=frozenset({"CLINICALAI"}), calling=frozenset()))
    for number in range(65):
        negotiator.answer(request(calling=f"CT{number}"), is_full=False)
    negotiator.answer(request(calling="CT64"), is_full=False)
    assert len(worked_out) == 65
    negotiator.answer(request(calling="CT0"), is_full=False)
    assert len(worked_out) == 66


def test_what_cannot_be_read_is_refused_each_time():
    negotiator = Negotiator(POLICY)
    for _ in range(2):
        with pytest.raises(ProtocolError):
            negotiator.answer(b"\x01\x00\x00\x00\x00\x04abcd", is_full=False)
