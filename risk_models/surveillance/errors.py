"""Errors of surveillance: tables and choices that cannot work.

What one row holds is never an error; it goes into the issue report and the rest is counted.
"""

from risk_models.errors import RiskModelError


class SurveillanceError(RiskModelError):
    """Base; the message names the file, value or period and the cure."""


class EventTableError(SurveillanceError):
    """The table of events, or of the population, lacks what is needed."""


class BaselineError(SurveillanceError):
    """There are too few reported periods before the first that is to be judged."""


class UnknownChoiceError(SurveillanceError, LookupError):
    """No group, method or period has this name; the message lists those there are."""
