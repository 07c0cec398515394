"""Published cardiovascular and metabolic risk equations; pure, no I/O outside `cohort`."""

from risk_models.equations import EQUATIONS, PANELS
from risk_models.results import Caution, Evaluation, Problem, Refusal, Result
from risk_models.scoring import evaluate, evaluate_columns, score, score_panel
from risk_models.units import Quantity, Unit

__all__ = [
    "EQUATIONS",
    "PANELS",
    "Caution",
    "Evaluation",
    "Problem",
    "Quantity",
    "Refusal",
    "Result",
    "Unit",
    "evaluate",
    "evaluate_columns",
    "score",
    "score_panel",
]
