"""The benchmark of the risk equations stays runnable; its peers are optional."""

import pytest

from risk_models import Result, evaluate
from validation.benchmarks.risk_equations import OURS, Agreement, agreement, measure_ours
from validation.benchmarks.risk_peers import PEERS, Peer, loaded, published_cases


def test_every_equation_scores_everyone_of_its_population(capsys):
    seconds = measure_ours(500)
    assert set(seconds) == {equation for equation, _ in OURS}
    assert "prevent_2023, total_cvd_10y" in capsys.readouterr().out


def test_a_peer_that_is_not_installed_says_how_to_install_it():
    def load():
        import no_such_package  # noqa: F401 - the import that fails

        raise AssertionError

    peer = Peer("no-such-package", "pce_2013", "ascvd_10y", 0.0, load)
    assert loaded(peer) == "not installed (pip install no-such-package)"


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.package}-{peer.equation}")
def test_our_numbers_meet_the_published_cases_that_judge_the_peers(peer):
    cases = list(published_cases(peer))
    assert len(cases) >= 5
    for person, value in cases:
        found = evaluate(peer.equation, person)[peer.outcome]
        assert isinstance(found, Result)
        ours = found.value if peer.outcome == "points" else found.percent
        assert ours == pytest.approx(value, abs=0.05)


def test_another_equation_is_told_from_the_same_one():
    peer = PEERS[0]

    def ours(person):
        found = evaluate(peer.equation, person)[peer.outcome]
        assert isinstance(found, Result)
        return found.percent

    same = agreement(peer, lambda person: lambda: ours(person))
    assert same == Agreement(500, 500, 0.0, 9, same.ours_off, same.ours_off)
    wrong = agreement(peer, lambda person: lambda: ours(person) * 1.1 + 0.01)
    assert wrong.same == 0
    assert wrong.peer_off > wrong.ours_off
