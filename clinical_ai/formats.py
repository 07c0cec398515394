"""Values of a study as a reader expects to see them."""

import unicodedata
from datetime import UTC, date, datetime

from clinical_ai.codes import LONG_AXIS, MEAN_DIAMETER, SHORT_AXIS, VOLUME
from clinical_ai.findings import Finding
from clinical_ai.messages import N_
from clinical_ai.texts import Texts

# Control, format (among them the bidirectional overrides) and unassigned characters can hide
# or reorder what is shown; Unicode Technical Report 36, section 2.
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_DAYS_A_YEAR = 365.25
_SEXES = {"M": N_("male"), "F": N_("female"), "O": N_("other")}


def visible(text: str) -> str:
    """Return `text` on one line without characters that hide or reorder others."""
    kept = (
        " " if unicodedata.category(c) in _HIDDEN_CATEGORIES and c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in _HIDDEN_CATEGORIES
    )
    return " ".join("".join(kept).split())


def person_name(value: str) -> str:
    """Return a DICOM person name to be shown: ideographic first, alphabetic in brackets.

    The value has up to three groups (alphabetic, ideographic, phonetic) parted by ``=``, each
    with components parted by ``^`` (DICOM PS3.5 6.2.1.1).
    """
    groups = [visible(" ".join(group.split("^"))) for group in value.split("=")]
    alphabetic, ideographic = groups[0], groups[1] if len(groups) > 1 else ""
    if ideographic and all(ord(c) > 0x2E7F or c == " " for c in ideographic):
        ideographic = ideographic.replace(" ", "")
    if ideographic and alphabetic:
        return f"{ideographic} ({alphabetic})"
    return ideographic or alphabetic


def dicom_date(value: str) -> str:
    """Return YYYYMMDD as an ISO date; anything else as it is."""
    day = _parse_date(value)
    return day.isoformat() if day else visible(value)


def age(birth_date: str, on_date: str, _: Texts) -> str:
    """Return the age on a day, from two DICOM dates; empty when it cannot be known."""
    born, day = _parse_date(birth_date), _parse_date(on_date)
    if born is None or day is None or day < born:
        return ""
    years = int((day - born).days / _DAYS_A_YEAR)
    if years >= 2:
        return _("{years} y").format(years=years)
    return _("{months} months").format(months=int((day - born).days / (_DAYS_A_YEAR / 12)))


def sex(value: str, _: Texts) -> str:
    """Return the patient's sex in words (DICOM PS3.3 C.7.1.1)."""
    return _(_SEXES[value]) if value in _SEXES else visible(value)


def duration(seconds: float, _: Texts) -> str:
    """Return a waiting time in its two largest units."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return _("< 1 min")
    if whole < _HOUR:
        return _("{minutes} min").format(minutes=whole // _MINUTE)
    if whole < _DAY:
        return _("{hours} h {minutes} min").format(
            hours=whole // _HOUR, minutes=whole % _HOUR // _MINUTE
        )
    return _("{days} d {hours} h").format(days=whole // _DAY, hours=whole % _DAY // _HOUR)


def moment(epoch: float) -> str:
    """Return a point in time in the time zone of this machine, to the minute."""
    return datetime.fromtimestamp(epoch, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def iso_moment(epoch: float) -> str:
    """Return a point in time in the time zone of this machine: ISO 8601 with its offset."""
    return datetime.fromtimestamp(epoch, UTC).astimezone().isoformat(timespec="seconds")


def size(finding: Finding) -> str:
    """Return long x short axis in mm, or the mean diameter when that is all there is."""
    long, short = finding.measurement(LONG_AXIS), finding.measurement(SHORT_AXIS)
    if long is not None and short is not None:
        return f"{long:.1f} × {short:.1f} mm"
    mean = finding.measurement(MEAN_DIAMETER)
    single = long if long is not None else mean
    return "" if single is None else f"{single:.1f} mm"


def mean_diameter(finding: Finding) -> str:
    """Return the mean diameter in mm."""
    value = finding.measurement(MEAN_DIAMETER)
    return "" if value is None else f"{value:.1f} mm"


def volume(finding: Finding) -> str:
    """Return the volume in cubic millimetres."""
    value = finding.measurement(VOLUME)
    return "" if value is None else f"{value:,.0f} mm³"


def confidence(finding: Finding) -> str:
    """Return the model's probability as a percentage."""
    return "" if finding.confidence is None else f"{finding.confidence:.0%}"


def _parse_date(value: str) -> date | None:
    try:
        return datetime.strptime(value, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
