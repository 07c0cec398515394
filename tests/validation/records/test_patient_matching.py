import pytest

from validation.records.patient_matching import (
    REPORT_SEED,
    TUNING_SEED,
    interval,
    measure,
    measure_unperturbed,
)


@pytest.mark.slow
def test_certain_matches_of_the_held_out_seed_are_right():
    assert REPORT_SEED != TUNING_SEED
    counts = measure(REPORT_SEED, 1000, 8000)
    assert counts.certain >= 300
    assert counts.certain_right >= 0.999 * counts.certain, counts.wrong
    found = counts.certain_right + counts.uncertain_with_right
    assert found >= 0.96 * counts.present


def test_patients_as_registered_are_matched_without_a_person():
    counts = measure_unperturbed(REPORT_SEED, 500, 1000)
    assert counts.certain_wrong == 0
    assert counts.certain_right >= 495


def test_intervals_are_exact():
    # Clopper and Pearson: with no failure in n, the lower limit is 0.025^(1/n).
    assert interval(100, 100) == pytest.approx((0.025 ** (1 / 100), 1.0))
    assert interval(0, 100)[0] == 0.0
