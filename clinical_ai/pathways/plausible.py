"""Readings that cannot be true are set aside with a reason, and never decide or alarm.

Limits are the plausibility limits of the record's measures (`clinical_ai.records.kinds`): no
reference range, but where a device or a slip of the pen is likelier than a living patient.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from clinical_ai.pathways.vocabulary import measures
from clinical_ai.records.record import Measured

Reason = Literal["outside limits", "other unit", "systolic not above diastolic"]
_PRESSURES = ("systolic_bp", "diastolic_bp")


@dataclass(frozen=True, slots=True)
class SetAside:
    """A reading that is not used, and why."""

    reading: Measured
    reason: Reason


def implausible(readings: Iterable[Measured]) -> tuple[SetAside, ...]:
    """Return the readings that cannot be true.

    Each is judged by the limits of its kind and, for a blood pressure, against the other
    pressure of the same moment; never against the patient's usual values, because a true
    emergency looks like an outlier too.
    """
    found: list[SetAside] = []
    moments: dict[tuple[datetime, bool], dict[str, list[Measured]]] = {}
    for m in readings:
        reason = _alone(m)
        if reason is not None:
            found.append(SetAside(m, reason))
        elif m.kind in _PRESSURES:
            moment = moments.setdefault((m.at.replace(tzinfo=None), m.home), {})
            moment.setdefault(m.kind, []).append(m)
    for moment in moments.values():
        upper, lower = (moment.get(kind, []) for kind in _PRESSURES)
        # One pair only: of two cuffs at one moment nobody knows which numbers belong together.
        if len(upper) == len(lower) == 1 and upper[0].value <= lower[0].value:
            found += [SetAside(m, "systolic not above diastolic") for m in (*upper, *lower)]
    return tuple(found)


def _alone(m: Measured) -> Reason | None:
    measure = measures().get(m.kind)
    if measure is None:
        return None
    if m.unit != measure.unit:
        return "other unit"
    if not (math.isfinite(m.value) and measure.low <= m.value <= measure.high):
        return "outside limits"
    return None
