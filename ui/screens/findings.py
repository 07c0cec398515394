"""The findings of a reading: the table, and one card each with evidence and decision."""

from collections.abc import Callable, Mapping
from typing import Literal

import streamlit as st

from clinical_ai import formats
from clinical_ai.codes import NODULE_COMPOSITION
from clinical_ai.errors import ReviewError
from clinical_ai.findings import Assessment, Finding, Reading
from clinical_ai.formats import visible
from clinical_ai.messages import N_
from clinical_ai.review import Decision, ReviewCase, decide
from clinical_ai.texts import Texts
from ui.images import Stack
from ui.literal import literal
from ui.screens import viewer
from ui.session import Screen

VERDICT_NAMES = {"accepted": N_("accepted"), "rejected": N_("rejected")}


def show_table(reading: Reading, decisions: Mapping[str, Decision], _: Texts) -> None:
    """Show all findings of a reading side by side."""
    st.markdown(f"**{_('AI findings')}** ({len(reading.findings)})")
    if reading.findings:
        cells = table(reading, decisions, _)
        st.table(cells, border="horizontal", hide_index=True, alt=_("AI findings"))
    else:
        st.text(_("The model found nothing."))


def show_cards(
    case: ReviewCase,
    screen: Screen,
    stacks: tuple[Stack, ...],
    *,
    can_decide: bool,
    decided: Callable[[Decision], None],
) -> None:
    """Show guideline results and one card for each finding of a case that was read.

    Parameters
    ----------
    can_decide
        Whether accept and reject are offered.
    decided
        Told of each decision that was stored.
    """
    _, reading = screen.texts, case.reading
    if reading is None:
        return
    for assessment in reading.assessments:
        if assessment.finding_id is None:
            _show_assessment(assessment, _("Whole study"), _)
    for finding in reading.findings:
        _show_card(finding, case, reading, screen, stacks, can_decide, decided)


def table(reading: Reading, decisions: Mapping[str, Decision], _: Texts) -> dict[str, list[str]]:
    """Return the cells of the findings table by column, as Markdown."""
    findings = reading.findings
    columns: dict[str, list[str]] = {
        _("No."): [f.id for f in findings],
        _("Finding"): [_.code(f.code) for f in findings],
        _("Side"): [_.code(f.site) if f.site else "" for f in findings],
        _("Size"): [formats.size(f) for f in findings],
        _("Volume"): [formats.volume(f) for f in findings],
        _("Composition"): [_composition(f, _) for f in findings],
        _("Confidence"): [formats.confidence(f) for f in findings],
    }
    for scheme in dict.fromkeys(a.scheme for a in reading.assessments if a.finding_id):
        columns[scheme] = [
            ", ".join(
                _(a.category)
                for a in reading.assessments
                if a.scheme == scheme and a.finding_id == f.id
            )
            for f in findings
        ]
    columns[_("Decision")] = [_verdict(decisions.get(f.id), _) for f in findings]
    shown = {k: v for k, v in columns.items() if any(v) or k == _("Decision")}
    return {literal(k): [literal(cell) for cell in v] for k, v in shown.items()}


def _show_card(
    finding: Finding,
    case: ReviewCase,
    reading: Reading,
    screen: Screen,
    stacks: tuple[Stack, ...],
    can_decide: bool,
    decided: Callable[[Decision], None],
) -> None:
    _ = screen.texts
    decision = case.decisions.get(finding.id)
    with st.container(border=True, key=f"finding-{finding.id}"):
        title, button = st.columns([4, 1], vertical_alignment="center")
        with title:
            st.markdown(f"**{literal(_title(finding, _))}**")
        with button:
            st.button(
                _("Show"),
                key=f"show-{finding.id}",
                help=_("Go to the key image of this finding"),
                on_click=viewer.go_to,
                args=(stacks, finding),
            )
        st.caption(literal(_measures(finding, _)))
        for assessment in reading.assessments:
            if assessment.finding_id == finding.id:
                _show_assessment(assessment, "", _)
        _show_decision(decision, _)
        if can_decide:
            _ask(finding, decision, reading, screen, decided)


def _title(finding: Finding, _: Texts) -> str:
    parts = [_.code(finding.code)]
    if finding.site:
        parts.append(_.code(finding.site))
    parts.append(formats.size(finding))
    return f"{finding.id}. " + ", ".join(p for p in parts if p)


def _measures(finding: Finding, _: Texts) -> str:
    """Return every measurement and property in one line."""
    parts = [
        f"{_.code(m.name)} {m.value:,.1f} {_unit(m.unit.value)}".rstrip()
        for m in finding.measurements
    ]
    parts += [f"{_.code(q.name)}: {_.code(q.value)}" for q in finding.qualities]
    if finding.confidence is not None:
        parts.append(_("confidence {percent}").format(percent=formats.confidence(finding)))
    return " · ".join(parts)


def _unit(ucum: str) -> str:
    """Return how a unit of the Unified Code for Units of Measure is written for people."""
    return {"mm3": "mm³", "[hnsf'U]": "HU", "1": ""}.get(ucum, ucum)


def _composition(finding: Finding, _: Texts) -> str:
    value = finding.quality(NODULE_COMPOSITION)
    return _.code(value) if value else ""


def _show_assessment(assessment: Assessment, subject: str, _: Texts) -> None:
    """Show one guideline's verdict; the reasoning opens on demand."""
    label = f"{assessment.scheme}: {_(assessment.category)}"
    if subject:
        label = f"{subject} · {label}"
    with st.expander(literal(label)):
        st.markdown(literal(_.message(assessment.recommendation)))
        st.caption(literal(f"{_('Rule')}: {_.message(assessment.branch)}"))
        for assumption in assessment.assumptions:
            st.caption(literal(f"{_('Assumed')}: {_.message(assumption)}"))
        st.caption(literal(f"{_('Source')}: {assessment.citation}"))


def _verdict(decision: Decision | None, _: Texts) -> str:
    return _(VERDICT_NAMES[decision.verdict]) if decision else _("open")


def _show_decision(decision: Decision | None, _: Texts) -> None:
    if decision is None:
        return
    text = _("{verdict} by {name}, {time}").format(
        verdict=_verdict(decision, _),
        name=visible(decision.username),
        time=formats.moment(decision.made_at),
    )
    st.text(f"{text}: {visible(decision.reason)}" if decision.reason else text)


def _ask(
    finding: Finding,
    decision: Decision | None,
    reading: Reading,
    screen: Screen,
    decided: Callable[[Decision], None],
) -> None:
    """Offer accept, and reject with a reason; a decision can be changed until the signature."""
    _ = screen.texts
    reason = st.text_input(
        _("Reason, when you reject finding {number}").format(number=finding.id),
        key=f"reason-{finding.id}",
        max_chars=200,
    )
    verdict: Literal["accepted", "rejected"] | None = None
    with st.container(horizontal=True):
        if st.button(
            _("Accept"),
            key=f"accept-{finding.id}",
            type="primary",
            disabled=decision is not None and decision.verdict == "accepted",
        ):
            verdict = "accepted"
        if st.button(_("Reject"), key=f"reject-{finding.id}"):
            verdict = "rejected"
    if verdict is None:
        return
    try:
        decided(
            decide(
                screen.services,
                reading.id,
                finding.id,
                verdict,
                reason if verdict == "rejected" else "",
                screen.account,
            )
        )
    except ReviewError as error:
        st.error(literal(_.error(error)))
        return
    st.rerun()
