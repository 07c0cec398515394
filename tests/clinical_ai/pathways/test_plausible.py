from datetime import date

from clinical_ai.pathways.plausible import implausible
from tests.support.people import clock, measured, pressure

DAY = date(2026, 6, 1)


def reasons(*values):
    return [(one.reading.kind, one.reason) for one in implausible(values)]


def test_readings_of_the_living_are_kept_however_bad():
    assert (
        reasons(*pressure(240, 140, DAY), measured("spo2", 70, DAY), measured("glucose", 1.9, DAY))
        == []
    )


def test_impossible_values_and_other_units_are_set_aside_with_the_reason():
    assert reasons(
        measured("systolic_bp", 400, DAY),
        measured("spo2", 3, DAY),
        measured("heart_rate", float("nan"), DAY),
        measured("glucose", 120, DAY),
        measured("weight", 150, DAY, unit="[lb_av]"),
    ) == [
        ("systolic_bp", "outside limits"),
        ("spo2", "outside limits"),
        ("heart_rate", "outside limits"),
        ("glucose", "outside limits"),
        ("weight", "other unit"),
    ]


def test_swapped_pressures_are_set_aside_but_only_as_a_pair():
    assert {kind for kind, _ in reasons(*pressure(80, 120, DAY))} == {"systolic_bp", "diastolic_bp"}
    morning, evening = clock(DAY, 8), clock(DAY, 20)
    assert (
        reasons(measured("systolic_bp", 80, morning), measured("diastolic_bp", 120, evening)) == []
    )
    home = measured("systolic_bp", 80, morning, home=True)
    assert reasons(home, measured("diastolic_bp", 120, morning)) == []
