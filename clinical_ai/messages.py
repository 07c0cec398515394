"""Text that people read, kept apart from its language.

A `Message` holds an English template and its values. Screens translate the template
with the gettext catalogues in ``clinical_ai/locales`` and then fill in the values, so a reason
given deep in a reader reaches the page in Chinese.
"""

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
        What fills the fields. Never patient data: messages are logged and shown widely.
    """

    template: str
    values: dict[str, str | int | float] = field(default_factory=dict)

    def __str__(self) -> str:
        """The English sentence."""
        return self.template.format(**self.values)
