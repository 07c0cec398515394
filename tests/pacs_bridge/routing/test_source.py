import os
import threading

import pytest

from pacs_bridge.routing.load import RulesError
from pacs_bridge.routing.read_actions import Known
from pacs_bridge.routing.rules import RuleSet
from pacs_bridge.routing.source import RuleSource

LOW = "default: {priority: low}\n"
HIGH = "default: {priority: high}\n"
BAD = "default: {priority: fast}\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(LOW)
    return path


def source(path, **more) -> RuleSource:
    return RuleSource(path, Known(), path.parent / "last-good.yaml", **more)


def priority(rules: RuleSource) -> str:
    return rules.current().rules.default.priority


def test_without_a_file_the_rules_are_none(tmp_path):
    assert RuleSource(None, Known(), tmp_path / "x").current().rules == RuleSet()


def test_a_changed_file_counts_from_the_next_call_on(file):
    rules = source(file)
    assert priority(rules) == "low"
    file.write_text(HIGH)
    assert priority(rules) == "high"
    other = file.with_name("new.yaml")
    other.write_text(LOW)
    other.rename(file)
    assert priority(rules) == "low"


def test_an_old_file_that_has_not_changed_is_not_read_again(file):
    old = file.stat().st_mtime_ns - 10**10
    os.utime(file, ns=(old, old))
    rules = source(file)
    first = rules.current()
    assert rules.current() is first
    stamp = file.stat()
    file.write_text(BAD[: len(LOW)])
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert rules.current() is first  # same size and time: nobody looked
    file.write_text(HIGH)
    assert priority(rules) == "high"


@pytest.mark.parametrize("spoil", [lambda f: f.write_text(BAD), lambda f: f.unlink()])
def test_a_bad_or_missing_file_leaves_the_rules_as_they_were(file, spoil):
    rules = source(file)
    assert priority(rules) == "low"
    spoil(file)
    assert priority(rules) == "low"
    assert rules.current().problems
    file.write_text(HIGH)
    assert priority(rules) == "high"
    assert not rules.current().problems


def test_the_last_good_rules_hold_over_a_restart_with_a_bad_file(file):
    assert priority(source(file)) == "low"
    file.write_text(BAD)
    again = source(file)
    assert priority(again) == "low"
    assert "priority 'fast'" in str(again.current().problems[0])


def test_a_file_that_was_never_good_is_an_error(file):
    file.write_text(BAD)
    with pytest.raises(RulesError, match="priority 'fast'"):
        source(file).current()


def test_who_only_looks_writes_nothing(file):
    assert priority(source(file, applies=False)) == "low"
    assert not (file.parent / "last-good.yaml").exists()


def test_last_good_rules_that_no_longer_fit_the_settings_do_not_count(file):
    file.write_text("default: {forward_to: pacs}\n")
    good = file.parent / "last-good.yaml"
    assert RuleSource(file, Known(peers=frozenset({"pacs"})), good).current().rules.digest
    with pytest.raises(RulesError, match="unknown peer 'pacs'"):
        RuleSource(file, Known(), good).current()


def test_many_threads_see_whole_rules(file):
    rules = source(file)
    rules.current()
    seen, stop = set(), threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.add(priority(rules))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50):
        file.write_text([LOW, HIGH, BAD][number % 3])
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {"low", "high"}
