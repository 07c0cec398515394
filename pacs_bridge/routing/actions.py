"""What a rule may ask for."""

from dataclasses import dataclass
from typing import Literal, get_args

Priority = Literal["stat", "high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)  # most urgent first

READ_DEFAULT = "default"  # the first installed reader that accepts the study
READ_NONE = "none"  # nobody reads it; everything else is done


@dataclass(frozen=True, slots=True)
class PriorsWish:
    """Earlier studies to fetch before the study is read.

    Parameters
    ----------
    count
        How many, newest first; at least 1.
    peer
        Name of the peer to ask.
    """

    count: int
    peer: str


@dataclass(frozen=True, slots=True)
class Actions:
    """What is done with a study; the defaults are what happens without any rule.

    Parameters
    ----------
    read
        Name of a reader, `READ_DEFAULT` or `READ_NONE`.
    priority
        Place in the queue of studies to be read.
    forward_to
        Names of peers that get the source images.
    results_to
        Names of peers that get the results; None leaves it to the settings, an empty tuple
        sends them nowhere.
    priors
        None fetches none.
    hold
        Neither read nor forward until somebody releases the study.
    ignore
        Keep the images and do nothing else.
    """

    read: str = READ_DEFAULT
    priority: Priority = "normal"
    forward_to: tuple[str, ...] = ()
    results_to: tuple[str, ...] | None = None
    priors: PriorsWish | None = None
    hold: bool = False
    ignore: bool = False

    def __str__(self) -> str:
        """In the words of the rule file."""
        if self.ignore:
            return "ignore"
        parts = ["hold"] if self.hold else []
        parts.append(f"read: {self.read}")
        if self.priority != "normal":
            parts.append(f"priority: {self.priority}")
        if self.forward_to:
            parts.append(f"forward_to: {', '.join(self.forward_to)}")
        if self.results_to is not None:
            parts.append(f"results_to: {', '.join(self.results_to) or 'nobody'}")
        if self.priors is not None:
            parts.append(f"priors: {self.priors.count} from {self.priors.peer}")
        return "; ".join(parts)
