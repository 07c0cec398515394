"""Risk profiles as RiskAssessment: numbers in per cent, refusals in words."""

from dataclasses import replace
from datetime import UTC, datetime

from clinical_ai.reports.fhir import risk_resources
from clinical_ai.reports.fhir.checks import faults
from clinical_ai.texts import Texts
from tests.support.fhir_readings import LINKED, profile, risks


def by_equation(resources):
    return {
        r["method"]["coding"][0]["code"].split("/")[0]: r
        for r in resources
        if r["resourceType"] == "RiskAssessment"
    }


def test_our_own_checks_find_nothing():
    assert faults(risks()) == ()
    assert faults(risks(complete=False)) == ()


def test_a_probability_is_told_in_per_cent_with_its_ages():
    expected = profile().evaluations["pce_2013"]["ascvd_10y"]
    assessment = by_equation(risks(language="en"))["pce_2013"]
    (prediction,) = assessment["prediction"]
    assert prediction["probabilityDecimal"] == round(100 * expected.value, 4)
    assert 1 < prediction["probabilityDecimal"] < 100
    assert f"{expected.percent:.1f} %" in prediction["rationale"]
    low, high = prediction["whenRange"]["low"], prediction["whenRange"]["high"]
    assert (low["value"], high["value"], low["code"]) == (62, 72, "a")
    assert assessment["status"] == "preliminary"
    assert assessment["code"]["coding"][0]["code"] == "79423-0"
    assert "Goff" in assessment["method"]["text"]


def test_the_basis_refers_to_what_the_receiver_holds_and_names_the_rest():
    assessment = by_equation(risks())["pce_2013"]
    references = {b["reference"] for b in assessment["basis"]}
    assert "Observation/bp-1" in references
    assert "Observation/old" not in references
    assert any("diabetes" in note["text"] for note in assessment["note"])


def test_a_refusal_is_a_note_and_never_a_number():
    assessment = by_equation(risks(complete=False, language="en"))["pce_2013"]
    assert assessment["status"] == "cancelled"
    assert "prediction" not in assessment
    assert any("total_cholesterol" in note["text"] for note in assessment["note"])


def test_enhancers_and_assumptions_are_said_beside_the_number():
    notes = [n["text"] for n in by_equation(risks(language="en"))["pce_2013"]["note"]]
    assert any("nobody has signed" in n and "Coronary calcium" in n for n in notes)
    assert any("Family history unknown" in n for n in notes)


def test_points_have_no_probability():
    (prediction,) = by_equation(risks(language="en"))["cha2ds2_vasc"]["prediction"]
    assert "probabilityDecimal" not in prediction
    assert prediction["rationale"].startswith("points: 2 points")


def test_laboratory_estimates_are_no_risks():
    assert profile().evaluations["ckd_epi_2021"].results
    assert "ckd_epi_2021" not in by_equation(risks())
    assert "ckd_epi_2021" not in by_equation(risks(complete=False))


def test_a_profile_of_another_day_is_another_assessment_and_the_same_day_the_same():
    today = by_equation(risks())["pce_2013"]["id"]
    assert by_equation(risks(complete=False))["pce_2013"]["id"] == today
    later = replace(profile(), on=datetime(2027, 1, 1, tzinfo=UTC).date())
    moved = risk_resources(
        later, LINKED, Texts("zh"), origin="his", made_at=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert by_equation(moved)["pce_2013"]["id"] != today


def test_a_profile_without_equations_makes_nothing():
    empty = replace(profile(), evaluations={})
    made_at = datetime(2026, 11, 24, tzinfo=UTC)
    assert risk_resources(empty, LINKED, Texts("zh"), origin="his", made_at=made_at) == ()
