"""Published equations, one module each; their numbers are in `coefficients`."""

from risk_models.equations.registry import EQUATIONS, PANELS, equation_named

__all__ = ["EQUATIONS", "PANELS", "equation_named"]
