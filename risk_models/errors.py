"""Errors of this package: mistakes of the program that calls it, never of a patient's data."""


class RiskModelError(Exception):
    """Base of every error of this package."""


class UnknownEquationError(RiskModelError, LookupError):
    """No equation, panel, variant or guideline has this name; the message lists those there are."""
