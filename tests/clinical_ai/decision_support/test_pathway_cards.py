"""Red flags and stages of the care pathways on cards."""

import re
from datetime import date

import pytest

from clinical_ai.decision_support.situation import PathwayRules
from clinical_ai.pathways.load import load_alarm_rules, load_pathways
from tests.clinical_ai.decision_support.people import (
    as_cards,
    diabetes,
    measured,
    person,
    pressure,
    problem,
    seen,
)

RULES = PathwayRules(tuple(load_pathways().values()), load_alarm_rules())


def test_a_person_on_pathways_sees_stages_and_what_is_overdue():
    record = person(
        60, problems=(problem("hypertension"), diabetes()), measurements=pressure(150, 92)
    )
    card = as_cards(record, pathways=RULES)["pathways"]
    assert re.fullmatch(r"On \d care pathways, \d+ visits or tests overdue", card["summary"])
    assert "Hypertension: " in card["detail"]
    assert "None on record: " in card["detail"]
    assert "高血压：" in as_cards(record, language="zh", pathways=RULES)["pathways"]["detail"]


@pytest.mark.parametrize(("systolic", "there"), [(150, False), (190, True)])
def test_a_red_flag_says_what_to_do(systolic, there):
    newest = date(2026, 3, 1)
    record = person(
        60,
        problems=(problem("hypertension"),),
        measurements=(*pressure(systolic, 122 if there else 92, newest),),
    )
    found = seen(record, pathways=RULES)
    assert ("pathway-alarm" in found) is there
    if there:
        card = as_cards(record, pathways=RULES)["pathway-alarm"]
        assert "What to do: " in card["detail"]
        assert card["indicator"] == "critical"


def test_nobody_on_a_pathway_sees_no_card():
    found = seen(person(30, measurements=(measured("bmi", 22),)), pathways=RULES)
    assert not {k for k in found if k.startswith("pathway")}
    assert "pathways" not in seen(person(60, problems=(diabetes(),)))
