"""The model card: what a reader must know before using a model, in Chinese and English.

After Mitchell M, et al. Model cards for model reporting. FAT* 2019,
doi:10.1145/3287560.3287596, and the items of TRIPOD+AI (doi:10.1136/bmj-2023-078378).
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from risk_models.survival.model_json import CovariateEntry, Kind, Missing, ModelFile
from risk_models.survival.model_json import PerformanceEntry as Entry
from risk_models.text import N_

LANGUAGES = ("zh", "en")

_KINDS: Mapping[Kind, str] = {
    Kind.COX: N_("Cox proportional hazards"),
    Kind.WEIBULL: N_("Weibull accelerated failure time"),
    Kind.FINE_GRAY: N_("Fine-Gray subdistribution hazards"),
}
_MISSING: Mapping[Missing, str] = {
    Missing.NONE: N_("none"),
    Missing.LEFT_OUT: N_("{count} people with missing values were left out"),
    Missing.IMPUTED: N_(
        "imputed by chained equations, {count} copies, pooled by Rubin's rules; performance and "
        "proportional hazards are measured on the first copy"
    ),
}
_METRICS: Mapping[str, str] = {
    "harrell_c": N_("Harrell's C"),
    "uno_c": N_("Uno's C"),
    "auc": N_("AUC at the horizon"),
    "brier": N_("Brier score"),
    "ipa": N_("index of prediction accuracy (0: no better than the average risk)"),
    "observed_expected": N_("observed / expected (1: right on average)"),
    "calibration_slope": N_("calibration slope (below 1: too extreme)"),
    "ici": N_("integrated calibration index (0: right at every level)"),
}
_UNITS = (N_("days"), N_("weeks"), N_("months"), N_("years"))


class _Words:
    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"no language {language!r}; there are: {', '.join(LANGUAGES)}")
        self.chinese = language == "zh"

    def __call__(self, template: str, **values: object) -> str:
        if self.chinese:
            template = _chinese()[template]
        return template.format(**values)


@cache
def _chinese() -> Mapping[str, str]:
    table: Mapping[str, str] = json.loads(
        Path(__file__).with_name("model_card_zh.json").read_text(encoding="utf-8")
    )
    return table


def model_card(model: ModelFile, language: str) -> str:
    """The card as Markdown.

    Parameters
    ----------
    language
        ``zh`` or ``en``.
    """
    words = _Words(language)
    parts = [
        f"# {_cell(model.name)}",
        *_facts(model, words),
        *_use(model, words),
        *_coefficients(model, words),
        *_measured(model, words),
        *_checks(model, words),
        *_provenance(model, words),
    ]
    return "\n".join(parts) + "\n"


def _facts(model: ModelFile, words: _Words) -> list[str]:
    made = model.development
    count = made.left_out if made.missing is Missing.LEFT_OUT else made.imputations
    unit = words(str(model.time_unit))
    rows = [
        (words("Outcome"), _cell(model.outcome)),
        (words("Model"), words(_KINDS[model.kind])),
        (words("Population"), _cell(model.population)),
        (words("People"), f"{made.n:,}"),
        (words("Events"), f"{made.events:,}"),
        (words("Competing events"), f"{made.competing_events:,}"),
        (words("Horizon"), f"{model.horizon:g} {unit}"),
        (words("Median follow-up"), f"{made.median_follow_up:g} {unit}"),
        (words("Missing values"), words(_MISSING[made.missing], count=count)),
    ]
    if made.penalty_strength:
        told = words("{strength:g}, l1 ratio {ratio:g}, by cross-validation",
                     strength=made.penalty_strength, ratio=made.l1_ratio)  # fmt: skip
        rows.append((words("Penalty"), told))
    if model.strata_columns:
        rows.append((words("Strata"), _cell(", ".join(model.strata_columns))))
    return ["", *_table(("", ""), rows)]


def _use(model: ModelFile, words: _Words) -> list[str]:
    return [
        "",
        f"## {words('Use')}",
        "",
        words(
            "For people like those of the population above, to support a decision that a clinician "
            "makes. Not for other populations without validation there. A person with a missing "
            "value, or one outside the ranges below, gets no number."
        ),
        "",
        words(
            "An effect in this table is an association in this cohort; changing a value need not "
            "change the risk by as much."
        ),
        *(
            [
                "",
                words(
                    "Competing events were counted as censored: the risk is too high where they "
                    "are common; fit a Fine-Gray model for absolute risks."
                ),
            ]
            if model.kind is not Kind.FINE_GRAY and model.development.competing_events
            else []
        ),
    ]


def _coefficients(model: ModelFile, words: _Words) -> list[str]:
    ratio = words("time ratio") if model.kind is Kind.WEIBULL else words("hazard ratio")
    heading = (words("covariate"), f"{ratio} ({words('95 % interval')})", "p",
               words("seen"), words("missing"))  # fmt: skip
    rows = [
        (_cell(entry.name), _ratio(entry), _p(entry.p), _seen(entry), str(entry.missing))
        for entry in model.covariates
    ]
    return ["", f"## {words('Covariates')}", "", *_table(heading, rows)]


def _ratio(entry: CovariateEntry) -> str:
    ratio = _exp(entry.coefficient)
    if entry.low is None or entry.high is None:
        return ratio
    return f"{ratio} ({_exp(entry.low)} – {_exp(entry.high)})"


def _seen(entry: CovariateEntry) -> str:
    values = ", ".join(f"{value:g}" for value in entry.values)
    return values or f"{entry.smallest:g} – {entry.largest:g}"


def _measured(model: ModelFile, words: _Words) -> list[str]:
    if not model.performance:
        return ["", f"## {words('Performance')}", "", words("Not measured.")]
    heading = (words("metric"), words("apparent (95 % interval)"), words("optimism"),
               words("corrected"))  # fmt: skip
    rows = [
        (words(_METRICS[name]), *_performance_cells(entry))
        for name, entry in model.performance.items()
    ]
    note = words(
        "On the people the model was fitted to, with {repeats} bootstrap fits. Read the corrected "
        "column; a validation on later people or another hospital counts for more.",
        repeats=model.development.bootstrap_repeats,
    )
    return ["", f"## {words('Performance')}", "", *_table(heading, rows), "", note]


def _performance_cells(entry: Entry) -> tuple[str, str, str]:
    if entry.value is None:
        return "–", "–", "–"
    interval = (
        "" if entry.low is None or entry.high is None else f" ({entry.low:.3f} – {entry.high:.3f})"
    )
    if entry.optimism is None:
        return f"{entry.value:.3f}{interval}", "–", "–"
    return (
        f"{entry.value:.3f}{interval}",
        f"{entry.optimism:+.3f}",
        f"{entry.value - entry.optimism:.3f}",
    )


def _checks(model: ModelFile, words: _Words) -> list[str]:
    tests = model.development.proportional_hazards_p
    if not tests:
        return []
    rows = [(_cell(name), _p(p)) for name, p in tests.items()]
    note = words(
        "A small p says that the effect changes over time (score test, Kaplan-Meier time)."
    )
    return [
        "",
        f"## {words('Proportional hazards')}",
        "",
        *_table((words("covariate"), "p"), rows),
        "",
        note,
    ]


def _provenance(model: ModelFile, words: _Words) -> list[str]:
    made = model.development
    rows = [
        (words("Made on"), made.created),
        (words("Program version"), made.code_version),
        (words("Data"), made.data_digest),
        (words("Seed"), str(made.seed)),
    ]
    return ["", f"## {words('Origin')}", "", *_table(("", ""), rows)]


def _table(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    rule = "|".join("---" for _ in heading)
    return [f"| {' | '.join(row)} |" for row in (heading,)] + [
        f"|{rule}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _cell(text: str) -> str:
    """Text of others inside a Markdown table."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _exp(value: float) -> str:
    return f"{math.exp(value):.4g}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"
