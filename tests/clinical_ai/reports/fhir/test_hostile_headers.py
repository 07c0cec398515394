"""Whatever the headers of images hold, what we write stays FHIR."""

from dataclasses import replace

import fhirkit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.errors import ReportError
from clinical_ai.reports.fhir import PatientLink, as_json, preliminary_resources, transaction
from clinical_ai.reports.fhir.checks import faults
from clinical_ai.reports.fhir.elements import dicom_day, dicom_moment
from tests.support.fhir_readings import SERIES, STUDY, small_lung, told

READING = small_lung()
# What `pacs_bridge` gives of a text: any character, and no lone surrogate (PS3.5 6.2).
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
studies = st.builds(
    replace,
    st.just(STUDY),
    accession_number=texts,
    study_date=texts | st.dates().map(lambda day: day.strftime("%Y%m%d")),
    study_time=texts | st.from_regex(r"[0-9]{2,6}(\.[0-9]{1,6})?", fullmatch=True),
    study_description=texts,
    modalities=st.tuples(st.sampled_from(["CT", "MG", "XX"])),
)
series = st.builds(
    replace,
    st.just(SERIES),
    series_description=texts,
    series_number=st.none() | st.integers(-5, 2**31 - 1),
)


@given(studies, series, texts, texts)
def test_hostile_headers_make_no_hostile_resources(study, one, number, issuer):
    patient = PatientLink(None, number, "", issuer)
    common = replace(told(patient=patient, study=study), series=(one,))
    if not patient.known:
        with pytest.raises(ReportError):
            preliminary_resources(common, READING)
        return
    resources = preliminary_resources(common, READING)
    assert faults(resources) == ()
    bundle = transaction(resources)
    assert [str(issue) for issue in fhirkit.validate(as_json(bundle))] == []


@pytest.mark.parametrize(
    ("day", "time", "begins"),
    [
        ("20261123", "101112.5", "2026-11-23T10:11:12"),
        ("20261123", "1011", "2026-11-23T10:11:00"),
        ("20261123", "10", "2026-11-23"),
        ("20261123", "256090", "2026-11-23"),
        ("2026112", "101112", ""),
        ("20261301", "101112", ""),
        ("２０２６１１２３", "101112", ""),
        ("00010101", "000000", "0001-01-01"),
    ],
)
def test_only_dates_and_times_of_dicom_are_told(day, time, begins):
    told_time = dicom_moment(day, time)
    assert told_time.startswith(begins)
    assert bool(told_time) == bool(begins)
    assert (dicom_day(day) is not None) == bool(begins)
    if "T" not in begins:
        assert told_time == begins or begins == "0001-01-01"
