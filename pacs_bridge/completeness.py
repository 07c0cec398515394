"""When a study is complete, beyond its quiet time: what should be there, and what is.

Quiet time alone is a guess: too short, and half a study is read; too long, and every reading is
late. Two things are known better. The peer that sends a study says how many images it has of it
(`retrieve.expected`), and the site knows what an examination consists of (`Requirement`): four
views of a mammogram, at least so many slices of a CT. A study that has everything is complete
after a short settling time; one that is short of something waits longer, but not for ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from pacs_bridge.archive import Archive
from pacs_bridge.errors import EncodingError
from pacs_bridge.records import InstanceRecord, SeriesRecord, StudyRecord
from pacs_bridge.routing.headers import read_values

_log = structlog.get_logger(__name__)

_LOOK_AGAIN_SECONDS = 1.0
_PENDING_SECONDS = 20.0  # beyond the quiet time, for an answer that is on its way
_IMAGE_LATERALITY = 0x00200062
_LATERALITY = 0x00200060
_VIEW_POSITION = 0x00185101

# Series of these modalities are made from images, by us or others, and need not be sent to us.
NOT_COUNTED = frozenset(
    {"SR", "PR", "KO", "SEG", "REG", "DOC", "RTSTRUCT", "RTPLAN", "RTDOSE", "PLAN", "OT", "SC"}
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a study must have of a modality.

    Parameters
    ----------
    min_images
        At least so many. Fewer keep the study waiting; enough do not complete it, for there
        may be more.
    views
        Of mammograms: laterality and view position, such as ``L-CC``. All of them complete the
        study at once.
    """

    min_images: int = 0
    views: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletenessRules:
    """How long to wait.

    Parameters
    ----------
    settle_seconds
        After the last image, before a study that has everything is complete; only then is the
        sender asked how many there are, so that one which is still receiving says so.
    forced_seconds
        After the last image, before a study that is short of something is complete anyway.
    required
        By modality.
    """

    settle_seconds: float = 3.0
    forced_seconds: float = 1800.0
    required: Mapping[str, Requirement] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """How many instances a study has at its sender.

    Parameters
    ----------
    count
        Of instances.
    images_only
        Series of the modalities `NOT_COUNTED` are left out.
    """

    count: int
    images_only: bool


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of the expected count; `pending` while the peer is being asked."""

    expected: Expected | None
    pending: bool


class ExpectedCount(Protocol):
    """Knows how many instances a study should have; must not block."""

    def outlook(self, study_uid: str, *, not_before: float) -> Outlook:
        """Return what is known, asked at `not_before` (seconds since 1970 UTC) or later."""


@dataclass(frozen=True, slots=True)
class Present:
    """What of a study is in the archive: instances in all, and without `NOT_COUNTED`."""

    instances: int
    images: int

    def is_short_of(self, expected: Expected) -> bool:
        """Whether something has not arrived."""
        return (self.images if expected.images_only else self.instances) < expected.count


def present_of(series: Sequence[SeriesRecord]) -> Present:
    """Count the instances of a study."""
    return Present(
        instances=sum(s.instance_count for s in series),
        images=sum(s.instance_count for s in series if s.modality not in NOT_COUNTED),
    )


def complete_at(
    rules: CompletenessRules,
    *,
    last_received_at: float,
    quiet_until: float,
    present: Present,
    outlook: Outlook,
    unmet: bool,
    has_all_views: bool,
    now: float,
) -> float:
    """Return when to look again, or that the study is complete: a time not after `now`.

    Parameters
    ----------
    last_received_at, quiet_until, now
        Seconds since 1970 UTC.
    unmet
        Whether a requirement is not met.
    has_all_views
        Whether a requirement names views and all are there.
    """
    settled = last_received_at + rules.settle_seconds
    forced = max(quiet_until, last_received_at + rules.forced_seconds)
    if now < settled:
        return settled
    if outlook.pending and now < quiet_until + _PENDING_SECONDS:
        return now + _LOOK_AGAIN_SECONDS
    if unmet or (outlook.expected is not None and present.is_short_of(outlook.expected)):
        return forced
    if outlook.expected is not None or has_all_views:
        return settled
    return quiet_until


class Completeness:
    """Applies the rules to the archive.

    Parameters
    ----------
    archive
        Whose studies.
    rules
        How long to wait for what.
    expected
        Knows what the sender has; None if nobody is asked.
    """

    def __init__(
        self, archive: Archive, rules: CompletenessRules, expected: ExpectedCount | None = None
    ) -> None:
        self._archive = archive
        self._rules = rules
        self._expected = expected

    def complete_at(self, record: StudyRecord, quiet_until: float, now: float) -> float:
        """Return when to look at the study again; not after `now` if it is complete."""
        settled = record.last_received_at + self._rules.settle_seconds
        if now < settled:
            return settled
        series = self._archive.series(record.study_instance_uid)
        instances = self._archive.instances(record.study_instance_uid)
        required = {m: r for m, r in self._rules.required.items() if m in record.modalities}
        met = {m: _is_met(r, m, series, instances) for m, r in required.items()}
        outlook = Outlook(None, pending=False)
        if self._expected is not None:
            outlook = self._expected.outlook(record.study_instance_uid, not_before=settled)
        present = present_of(series)
        at = complete_at(
            self._rules,
            last_received_at=record.last_received_at,
            quiet_until=quiet_until,
            present=present,
            outlook=outlook,
            unmet=not all(met.values()),
            has_all_views=any(r.views and met[m] for m, r in required.items()),
            now=now,
        )
        if at <= now and (not all(met.values()) or _is_short(outlook, present)):
            _log.warning(
                "study.incomplete",
                study_uid=record.study_instance_uid,
                present=present.images,
                expected=outlook.expected.count if outlook.expected else None,
                unmet=[m for m, ok in met.items() if not ok],
            )
        return at


def views_of(instances: Sequence[InstanceRecord]) -> frozenset[str]:
    """Return laterality and view position of each image, such as ``L-CC``, from the files."""
    found = set()
    for one in instances:
        try:
            values = read_values(one.path, (_IMAGE_LATERALITY, _LATERALITY, _VIEW_POSITION))
        except (EncodingError, OSError):
            continue
        side = values.first(_IMAGE_LATERALITY) or values.first(_LATERALITY)
        found.add(f"{side}-{values.first(_VIEW_POSITION)}".upper())
    return frozenset(found)


def _is_met(
    requirement: Requirement,
    modality: str,
    series: Sequence[SeriesRecord],
    instances: Sequence[InstanceRecord],
) -> bool:
    of_modality = {s.series_instance_uid for s in series if s.modality == modality}
    images = [i for i in instances if i.series_instance_uid in of_modality]
    if len(images) < max(requirement.min_images, len(requirement.views)):
        return False
    return not requirement.views or set(requirement.views) <= views_of(images)


def _is_short(outlook: Outlook, present: Present) -> bool:
    return outlook.expected is not None and present.is_short_of(outlook.expected)
