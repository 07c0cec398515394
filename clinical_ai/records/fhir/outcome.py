"""OperationOutcome (http://hl7.org/fhir/R4/operationoutcome.html), without what may name a patient.

Codes and element names are told in messages; diagnostics and texts quote the content and are
kept apart.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

# Codes of the value set issue-type, for example "not-supported".
_CODE = re.compile(r"[a-z][a-z-]{1,31}")
# Simple FHIRPath as R4 gives it in `expression`: names of elements and numbers of repetitions.
_ELEMENT = re.compile(r"[A-Za-z]\w{0,63}(\[\d{1,4}\])?(\.[A-Za-z]\w{0,63}(\[\d{1,4}\])?){0,8}")
_MOST_ISSUES = 5
_MAX_SAID = 300


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue.

    Parameters
    ----------
    severity
        ``fatal``, ``error``, ``warning`` or ``information``; empty if it is none of these.
    code
        Of the value set issue-type; empty if it is no code.
    element
        Where, for example ``Observation.status``; empty if not told.
    """

    severity: str
    code: str
    element: str = ""

    def __str__(self) -> str:
        what = self.code or "unknown issue"
        return f"{what} at {self.element}" if self.element else what


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server says of a request.

    Parameters
    ----------
    issues
        The first few, errors before warnings.
    said
        Diagnostics as the server wrote them, shortened and on one line. They may hold patient
        data: for an engineer's eyes only, never for a log or an exception's message.
    """

    issues: tuple[Issue, ...] = ()
    said: str = ""

    def __repr__(self) -> str:
        return f"Outcome(issues={self.issues!r})"  # tracebacks show locals of some tools

    def has(self, code: str) -> bool:
        """Whether an issue has this code."""
        return any(issue.code == code for issue in self.issues)


NOTHING_SAID = Outcome()
_SEVERITIES = ("fatal", "error", "warning", "information")


def read_outcome(resource: object) -> Outcome:
    """Return what an OperationOutcome says; nothing for anything else."""
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "OperationOutcome":
        return NOTHING_SAID
    raw = [issue for issue in _sequence(resource.get("issue")) if isinstance(issue, Mapping)]
    raw = raw[:100]
    raw.sort(key=_rank)
    issues = tuple(_issue(one) for one in raw[:_MOST_ISSUES])
    said = "; ".join(text for one in raw[:_MOST_ISSUES] for text in _texts(one))
    return Outcome(issues, "".join(c if c.isprintable() else " " for c in said)[:_MAX_SAID])


def _rank(issue: Mapping[str, object]) -> int:
    severity = issue.get("severity")
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _issue(raw: Mapping[str, object]) -> Issue:
    severity, code = raw.get("severity"), raw.get("code")
    places = [*_sequence(raw.get("expression")), *_sequence(raw.get("location"))]
    elements = [p for p in places if isinstance(p, str) and _ELEMENT.fullmatch(p)]
    return Issue(
        severity if isinstance(severity, str) and severity in _SEVERITIES else "",
        code if isinstance(code, str) and _CODE.fullmatch(code) else "",
        elements[0] if elements else "",
    )


def _texts(raw: Mapping[str, object]) -> Iterator[str]:
    details = raw.get("details")
    for text in (
        raw.get("diagnostics"),
        details.get("text") if isinstance(details, Mapping) else 0,
    ):
        if isinstance(text, str) and text:
            yield text


def _sequence(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
