from dataclasses import dataclass, field
from pathlib import Path

from clinical_ai.messages import Message
from clinical_ai.readers.base import Refusal, SeriesInput, StudyInput
from clinical_ai.readers.choose import choose_reader
from clinical_ai.readers.installed import installed_readers
from clinical_ai.readers.names import READER_NAMES
from clinical_ai.settings import Settings


@dataclass
class Takes:
    """A reader that accepts or refuses, and is never asked to read."""

    name: str
    modalities: frozenset[str] = field(default_factory=lambda: frozenset({"CT"}))
    refusal: Refusal | None = None

    def accepts(self, study):
        return self.refusal

    def read(self, study, progress):
        raise AssertionError


def study(*modalities: str) -> StudyInput:
    series = tuple(
        SeriesInput(f"1.{n}", modality, "", "", (Path("x"),))
        for n, modality in enumerate(modalities)
    )
    return StudyInput("1", "v", series, None, None, "2026-01-01T00:00:00+00:00")


HEAD = Refusal(Message("Not read: this is a head."))


def test_the_first_that_accepts_is_taken():
    head, chest = Takes("a", refusal=HEAD), Takes("b")
    assert choose_reader([head, chest, Takes("c")], study("CT", "SR")) is chest


def test_a_reader_of_another_modality_is_not_asked():
    assert str(choose_reader([Takes("a")], study("US", "OT"))) == (
        "Not read: there is no reader for modality OT, US."
    )


def test_a_refusal_is_a_better_reason_than_no_reader():
    assert choose_reader([Takes("a", refusal=HEAD)], study("CT")) is HEAD.reason


def test_a_study_without_modality_has_a_reason_too():
    assert "modality ?" in str(choose_reader([], study("")))


def test_routing_may_name_the_one_reader_that_is_asked():
    head, chest = Takes("a"), Takes("b")
    assert choose_reader([head, chest], study("CT"), "b") is chest
    refuses = Takes("b", refusal=HEAD)
    assert choose_reader([head, refuses], study("CT"), "b") is HEAD.reason


def test_why_the_reader_that_routing_names_does_not_read():
    assert str(choose_reader([Takes("a")], study("US"), "a")) == (
        "Not read: the reader a that routing names does not read US."
    )
    assert str(choose_reader([Takes("a")], study("CT"), "b")) == (
        "Not read: the reader b that routing names is not installed."
    )
    assert str(choose_reader([Takes("a")], study("CT"), "none")) == (
        "Not read: routing asks for no reading."
    )


def test_the_names_that_rules_may_use_are_those_of_the_installed_readers():
    installed = {reader.name for reader in installed_readers(Settings())}
    assert installed == set(READER_NAMES)
