"""Cards: their schema, their language, hostile text, what is missing, the dead."""

import re
import uuid
from dataclasses import replace

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clinical_ai.decision_support import schemas
from clinical_ai.decision_support.advice import Advice, Proposal
from clinical_ai.decision_support.cards import MAX_SUMMARY, Writer, cards, escaped
from clinical_ai.decision_support.citations import THIS_SERVICE
from clinical_ai.decision_support.decide import RULES
from clinical_ai.decision_support.orders import draft_orders
from clinical_ai.messages import Message
from clinical_ai.records.record import Demographics, Unused
from tests.clinical_ai.decision_support.people import (
    TODAY,
    as_cards,
    diabetes,
    drug,
    image,
    measured,
    person,
    pressure,
    problem,
    seen,
    smoker,
)

VALIDATOR = jsonschema.Draft202012Validator(
    schemas.CARDS, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
RICH = person(
    60,
    "female",
    problems=(diabetes(), problem("hypertension"), problem("dyslipidaemia")),
    measurements=(
        *pressure(165, 101),
        measured("ldl_cholesterol", 4.0),
        measured("total_cholesterol", 6.5),
        measured("hdl_cholesterol", 1.1),
        measured("hba1c", 8.8),
        measured("egfr", 28),
        measured("bmi", 27),
        measured("waist", 95),
    ),
    smoking=smoker(pack_years=35),
    medications=(drug("ace_inhibitor", name="Enalapril"),),
    imaging=(image("lung_rads", "3", TODAY.replace(year=2025)),),
)
HOSTILE = (
    "<script>alert(1)</script>[x](javascript:y) ![](http://evil.example/a.png) www.evil.example"
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rich_record_has_a_card_of_every_area_and_each_fits_the_schema(language):
    made = as_cards(RICH, language=language)
    areas = {card["source"]["topic"]["code"] for card in made.values()}
    assert areas >= {"risk", "control", "screening", "nodule-follow-up"}
    VALIDATOR.validate({"cards": list(made.values())})
    ids = [card["uuid"] for card in made.values()]
    assert len(set(ids)) == len(ids)


def test_the_gravest_comes_first():
    order = ["critical", "warning", "info"]
    ranks = [order.index(card["indicator"]) for card in as_cards(RICH).values()]
    assert ranks == sorted(ranks)


def test_chinese_cards_are_chinese():
    for kind, card in as_cards(RICH, language="zh").items():
        assert re.search(r"[\u4e00-\u9fff]", card["summary"]), kind
        assert not re.search(r"[A-Za-z]{4,} [a-z]{3,} [a-z]{3,}", card["summary"]), kind
        for line in card["detail"].splitlines():
            if line.startswith("- "):
                assert not re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", line), line


def test_risk_card_has_numbers_class_source_and_what_was_taken_as_absent():
    card = as_cards(RICH)["ten-year-risk"]
    assert re.search(r"10-year cardiovascular risk \d+\.\d %", card["summary"])
    assert "taken as absent" in card["detail"]
    assert card["source"]["url"].startswith("https://doi.org/")


def test_risk_card_without_numbers_names_what_is_missing_and_the_cure():
    record = person(60, problems=(problem("hypertension"),), measurements=pressure(150, 90))
    card = as_cards(record)["risk-missing-data"]
    assert "missing" in card["detail"]
    assert "Give " in card["detail"]


def test_known_disease_gets_no_number():
    record = replace(RICH, problems=(*RICH.problems, problem("ascvd", "stroke")))
    found = as_cards(record)
    assert "ten-year-risk" not in found
    assert "risk-known-disease" in found


def test_the_dead_get_no_cards():
    dead = replace(RICH, demographics=replace(RICH.demographics, deceased=True))
    for hook in RULES:
        assert not seen(dead, hook)


def test_what_did_not_come_is_named():
    record = replace(
        person(), demographics=Demographics(), unused=(Unused("Observation/9", "no unit"),)
    )
    card = as_cards(record, not_answered=("conditions", "vitals"))["missing-data"]
    for words in ("problems", "vital signs", "date of birth", "sex is missing", "used: 1"):
        assert words in card["detail"]
    assert "missing-data" not in as_cards(person())


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_names_of_the_client_are_text_and_nothing_else(hook):
    orders = draft_orders(
        [
            {
                "resourceType": "MedicationRequest",
                "id": "m",
                "medicationCodeableConcept": {"text": f"Metformin {HOSTILE}\n\n# big"},
            }
        ],
        None,
    )
    for card in as_cards(RICH, hook, orders=orders).values():
        detail = card["detail"]
        assert not re.search(r"(?<!\\)<", detail)
        assert not re.search(r"(?<!\\)[\[\]]", detail)
        assert "http://" not in detail
        assert "www." not in detail
        assert "\n#" not in detail
        assert "\n" not in card["summary"]


@given(st.text(max_size=300))
@example("see http://e.vil/a")
@example("\\://")
@settings(max_examples=200, deadline=None)
def test_escaped_text_is_one_line_without_live_markup(text):
    safe = escaped(text)
    assert len(safe.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(\\\\)*[`*_{}\[\]<>#!|~&$@]", safe)
    assert not re.search(r"(?<!\\)://", safe)


def advice(summary, *lines):
    return Advice("k", "scope", "info", summary, lines, THIS_SERVICE)


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_summaries_stay_below_140_characters(text):
    made = cards([advice(Message("{t}", {"t": text}))], Writer("en"), "p")
    assert len(made[0][1]["summary"]) <= MAX_SUMMARY


def test_suggestions_of_one_are_recommended_and_of_several_are_a_choice():
    from clinical_ai import codes

    proposals = tuple(Proposal(code, Message("x")) for code in (codes.HBA1C, codes.LIPID_PANEL))
    several = replace(advice(Message("s")), proposals=proposals)
    ((_, card),) = cards([several], Writer("en"), "p", new_id=uuid.uuid4)
    assert [s["isRecommended"] for s in card["suggestions"]] == [False, False]
