"""Errors of survival modelling: tables and choices from which no model can be made."""

from risk_models.errors import RiskModelError


class SurvivalError(RiskModelError):
    """Base; the message names the column, choice or number and the cure, never a person."""


class SurvivalDataError(SurvivalError):
    """The table cannot be used as it is."""


class FitError(SurvivalError):
    """The fit did not converge, or its answer would mean nothing."""


class HorizonError(SurvivalError):
    """A time beyond what the data or the model reach."""


class ModelFileError(SurvivalError):
    """A model file that is not one, is of another version, or contradicts itself."""
