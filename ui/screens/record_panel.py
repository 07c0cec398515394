"""Record and risk on the review page: what was known of the patient, and what equations say."""

import re
from collections.abc import Sequence
from datetime import date

import streamlit as st

from clinical_ai.findings import RecordFact, RecordUse
from clinical_ai.messages import N_
from clinical_ai.records.record import Source
from clinical_ai.risk.profile import RiskProfile
from clinical_ai.texts import Texts
from risk_models import EQUATIONS, Evaluation, Result, Unit
from risk_models.translation import RiskTexts
from risk_models.units import printed
from ui.literal import literal

STATE_NAMES = {
    "matched": N_("record used"),
    "uncertain": N_("record uncertain, not used"),
    "not_found": N_("no record found"),
    "unavailable": N_("record not available"),
}
FACT_NAMES = {
    "age_years": N_("age"),
    "sex": N_("sex"),
    "smoking": N_("smoking"),
    "pack_years": N_("pack-years"),
    "years_since_quitting": N_("years since smoking stopped"),
    "known_cancer": N_("cancer"),
    "immunosuppressed": N_("immunosuppression"),
    "emphysema": N_("emphysema"),
    "copd": N_("COPD"),
    "lung_cancer_in_family": N_("lung cancer in the family"),
    "diabetes_years": N_("duration of diabetes"),
    "hba1c_percent": N_("HbA1c"),
}
_WORDS = {
    "never": N_("never smoked"),
    "former": N_("smoked formerly"),
    "current": N_("smokes"),
    "M": N_("male"),
    "F": N_("female"),
    "O": N_("other"),
}
_UNITS = {"a": N_("years"), "{pack-years}": ""}
_ABBREVIATIONS = {
    **{name: name.upper() for name in ("ascvd", "cvd", "chd", "ldl", "hdl", "bp", "bmi", "uacr")},
    "egfr": "eGFR",
    "hba": "HbA",
}
_USUAL_YEARS = 10


def show(use: RecordUse, risk: RiskProfile | None, _: Texts) -> None:
    """Show whether a record was used, its facts, and the risk made from it."""
    if use.state in ("uncertain", "unavailable"):
        st.warning(literal(_.message(use.why)))
    label = f"{_('Record and risk')} · {_(STATE_NAMES[use.state])}"
    with st.expander(literal(label)), st.container(key="record-and-risk"):
        st.caption(literal(_.message(use.why)))
        if use.state != "matched":
            return
        st.caption(literal(f"{_('Record')}: {use.origin} Patient/{use.person}"))
        if use.facts:
            st.markdown(f"**{_('Facts used by the guidelines')}**")
            _table(fact_cells(use.facts, _))
        if risk is None:
            st.text(_("No risk was computed."))
            return
        _show_risk(risk, _)


def fact_cells(facts: Sequence[RecordFact], _: Texts) -> dict[str, list[str]]:
    """Return the cells of the table of facts by column."""
    return {
        _("Fact"): [_(FACT_NAMES.get(f.field, f.field)) for f in facts],
        _("Value"): [_value(f.value, _(_UNITS.get(f.unit, f.unit)), _) for f in facts],
        _("Date"): [_day(f.on) for f in facts],
        _("Source"): [f"{f.origin} {f.reference}" for f in facts],
    }


def result_cells(risk: RiskProfile, _: Texts) -> dict[str, list[str]]:
    """Return the cells of the table of results by column: a row for each outcome.

    Of an outcome with many horizons, those of ten years and the longest one.
    """
    says = RiskTexts(_.language)
    results = [r for e in risk.evaluations.values() for r in _usual_horizons(e)]
    return {
        _("Equation"): [says.word(EQUATIONS[r.equation].title) for r in results],
        _("Outcome"): [_plain(says.outcome(r.outcome, r.horizon_years)) for r in results],
        _("Result"): [_number(r, says) for r in results],
        _("Class"): [says.word(r.category) if r.category else "" for r in results],
        _("Cautions"): [" ".join(says.caution(w) for w in r.warnings) for r in results],
    }


def input_cells(risk: RiskProfile, _: Texts) -> dict[str, list[str]]:
    """Return the cells of the table of the inputs of the equations by column."""
    says = RiskTexts(_.language)
    used = list(risk.used.values())
    return {
        _("Input"): [_plain(says.word(u.field)) for u in used],
        _("Value"): [_value(u.value, says.word(printed_unit(u.unit)), _) for u in used],
        _("Date"): [_day(u.on) + _old(u.field in risk.stale, _) for u in used],
        _("Source"): [_source(u.source) for u in used],
    }


def missing_sentences(risk: RiskProfile, _: Texts) -> list[str]:
    """Return what stops each equation that was asked and gave no number."""
    says = RiskTexts(_.language)
    sentences = []
    for evaluation in risk.evaluations.values():
        problems = dict.fromkeys(says.problem(p) for r in evaluation.refusals for p in r.problems)
        title = says.word(EQUATIONS[evaluation.equation].title)
        if problems:
            sentences.append(f"{title}: " + " ".join(problems))
    return sentences


def _show_risk(risk: RiskProfile, _: Texts) -> None:
    day = _("on {day}").format(day=risk.on.isoformat())
    st.markdown(f"**{_('Risk by published equations')}**, {literal(day)}")
    st.caption(_("Numbers of the equations, not of our model. Imaging results stand beside them."))
    _table(result_cells(risk, _))
    _sentences(_("Not calculated"), missing_sentences(risk, _))
    enhancers = [
        f"{_.message(e.statement)} "
        + ("" if e.signed else f"({_('not signed yet')}) ")
        + f"[{e.citation}; {_source(e.source)}]"
        for e in risk.enhancers
    ]
    _sentences(_("Risk enhancers, beside the equations"), enhancers)
    st.markdown(f"**{_('Inputs of the equations')}**")
    _table(input_cells(risk, _))
    _sentences(_("Assumed"), [_.message(m) for m in risk.assumptions])
    says = RiskTexts(_.language)
    panel = [f"{says.word(EQUATIONS[p.equation].title)}: {_.message(p.why)}" for p in risk.panel]
    _sentences(_("Why these equations"), panel)


def _table(cells: dict[str, list[str]]) -> None:
    """Show columns of texts, each text letter by letter."""
    shown = {literal(k): [literal(cell) for cell in v] for k, v in cells.items()}
    if any(shown.values()):
        st.table(shown, border="horizontal", hide_index=True)


def _sentences(title: str, sentences: Sequence[str]) -> None:
    if sentences:
        st.markdown(f"**{literal(title)}**")
        st.markdown("\n".join(f"- {literal(s)}" for s in sentences))


def printed_unit(ucum: str) -> str:
    """Return a UCUM unit as people write it, where `risk_models` knows it."""
    return printed(Unit(ucum)) if ucum in set(Unit) else ucum


def _usual_horizons(evaluation: Evaluation) -> list[Result]:
    longest: dict[str, int] = {}
    for result in evaluation.results:
        longest[result.outcome] = max(longest.get(result.outcome, 0), result.horizon_years or 0)
    return [
        r for r in evaluation.results if r.horizon_years in (None, _USUAL_YEARS, longest[r.outcome])
    ]


def _plain(name: str) -> str:
    """Return the name of an outcome or input that has no translation as people write it."""
    return re.sub(
        r"[a-z]+", lambda word: _ABBREVIATIONS.get(word[0], word[0]), name.replace("_", " ")
    )


def _number(result: Result, says: RiskTexts) -> str:
    if result.unit is Unit.PROBABILITY:
        return f"{result.percent:.1f} %"
    return f"{result.value:.1f} {says.word(printed(result.unit))}".rstrip()


def _value(value: float | bool | str, unit: str, _: Texts) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str):
        return _(_WORDS.get(value, value))
    return f"{value:.4g} {unit}".rstrip()


def _day(on: date | None) -> str:
    return "–" if on is None else on.isoformat()


def _old(stale: bool, _: Texts) -> str:
    return f" ({_('old')})" if stale else ""


def _source(source: Source | None) -> str:
    return "–" if source is None else f"{source.origin} {source.reference}"
