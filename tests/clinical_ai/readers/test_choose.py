from dataclasses import dataclass, field
from pathlib import Path

from clinical_ai.messages import Message
from clinical_ai.readers.base import Refusal, SeriesInput, StudyInput
from clinical_ai.readers.choose import choose_reader


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
