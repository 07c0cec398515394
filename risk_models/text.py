"""Sentences for people, kept apart from their language.

The screens translate the English template and then fill in the values. This package
imports none of the others, so it has its own small type with the same two fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


def N_(template: str) -> str:  # noqa: N802 - the gettext name that extraction tools know
    """Mark `template` for the message catalogues; returns it unchanged."""
    return template


@dataclass(frozen=True, slots=True)
class Message:
    """A translatable sentence.

    Parameters
    ----------
    template
        English text with ``{name}`` fields, written as ``N_("...")`` where it is made.
    values
        What fills the fields; never a patient's value.
    """

    template: str
    values: Mapping[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        """The English sentence."""
        return self.template.format(**self.values)
