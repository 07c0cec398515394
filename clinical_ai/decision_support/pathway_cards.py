"""Where the patient stands on the care pathways: red flags, stages, what is overdue."""

from collections.abc import Iterator

from clinical_ai.decision_support.advice import DECISION_REASONS, Advice, Named, Sentence
from clinical_ai.decision_support.citations import Citation
from clinical_ai.decision_support.situation import Situation
from clinical_ai.messages import N_, Message
from clinical_ai.pathways.alarms import Raised, home_alarms, red_flags
from clinical_ai.pathways.case import open_case
from clinical_ai.pathways.state import PathwayState, state_of_case

PATHWAYS = Citation("clinical-ai", "Care pathways of this site; each rule cites its source there")
_SHOWN = 6  # overdue visits and tests of one pathway


def pathway_advice(situation: Situation) -> Iterator[Advice]:
    """Yield a card of red flags and alarms that hold, and one of the pathways."""
    rules = situation.pathways
    if rules is None or situation.age is None:
        return
    case = open_case(situation.record, situation.on, situation.profile)
    states = [state_of_case(pathway, case) for pathway in rules.pathways]
    alarms = (*home_alarms(rules.alarms, case), *red_flags(states))
    if alarms:
        yield _alarms(alarms)
    on = [state for state in states if state.place == "on"]
    if on:
        yield _stages(on)


def _alarms(alarms: tuple[Raised, ...]) -> Advice:
    lines: list[Sentence] = []
    for one in alarms:
        names = {"alarm": one.alarm.title, "action": one.alarm.action}
        lines.append(Named(Message(N_("{alarm}. What to do: {action}")), names))
    first = alarms[0].source
    urgent = any(one.alarm.level == "urgent" for one in alarms)
    return Advice(
        "pathway-alarm",
        "pathway",
        "critical" if urgent else "warning",
        Message(N_("Care pathways: {count} red flags or alarms"), {"count": len(alarms)}),
        tuple(lines),
        Citation(first.citation, "", f"https://doi.org/{first.doi}" if first.doi else ""),
        reasons=DECISION_REASONS,
    )


def _stages(states: list[PathwayState]) -> Advice:
    lines: list[Sentence] = []
    for one in states:
        names = {"pathway": one.pathway.title}
        if one.stage is not None:
            names["stage"] = one.stage.title
            lines.append(Named(Message(N_("{pathway}: {stage}")), names))
        else:
            lines.append(Named(Message(N_("{pathway}: the stage cannot be told")), names))
        for due in one.overdue[:_SHOWN]:
            text = Message(N_("Overdue since {day}: {what}"), {"day": due.due.isoformat()})
            if due.last is None:
                text = Message(N_("None on record: {what}"))
            lines.append(Named(text, {"what": due.rule.title}))
    overdue = sum(len(one.overdue) for one in states)
    return Advice(
        "pathways",
        "pathway",
        "info",
        Message(
            N_("On {count} care pathways, {overdue} visits or tests overdue"),
            {"count": len(states), "overdue": overdue},
        ),
        tuple(lines),
        PATHWAYS,
    )
