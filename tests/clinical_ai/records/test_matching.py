from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.blocking import person_keys, query_keys
from clinical_ai.records.matching import (
    Candidate,
    MatchPolicy,
    PatientQuery,
    match,
)
from clinical_ai.records.patient_identifiers import is_resident_number
from clinical_ai.records.record import Demographics, Identifier, PersonName

MRN = "http://hospital.example/mrn"
POLICY = MatchPolicy(default_issuer=MRN, issuers={"HIS": MRN})
BORN = date(1970, 5, 3)


def person(name="p1", number="123456", family="张", given="小明", born=BORN, sex="male", **more):
    identifiers = (Identifier(number, MRN),) if number else ()
    identifiers += more.get("identifiers", ())
    names = (PersonName(family, given),)
    return Candidate(name, "local", Demographics(identifiers, names, born, sex))


QUERY = PatientQuery("123456", "HIS", "Zhang^Xiaoming", "19700503", "M")


def verdict(query, *candidates, policy=POLICY):
    return match(query, candidates, policy).outcome


def test_a_number_under_the_same_issuer_with_agreeing_demographics_is_certain():
    result = match(QUERY, [person()], POLICY)
    assert result.outcome == "certain"
    assert result.match == person()
    assert result.ranked[0].probability > 0.999
    outcomes = {e.element: e.outcome for e in result.ranked[0].evidence}
    assert outcomes == {
        "identifier": "same",
        "name": "sounds_same",
        "birth_date": "same",
        "sex": "same",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"birth_date": "19700305"},
        {"birth_date": "19710503"},
        {"birth_date": "19881111"},
        {"sex": "F"},
        {"name": "Li^Na"},
        {"name": "Zhang^Xiaomin"},  # a twin's?
        {"name": ""},
        {"issuer": "OTHER HOSPITAL"},
    ],
)
def test_a_number_that_something_speaks_against_is_uncertain(change):
    result = match(replace(QUERY, **change), [person()], POLICY)
    assert result.outcome == "uncertain"
    assert result.match is None
    assert result.ranked[0].candidate == person()


def test_without_a_birth_date_the_whole_name_and_the_sex_must_agree():
    query = replace(QUERY, birth_date="", name="张小明")
    assert verdict(query, person()) == "certain"
    assert verdict(replace(query, sex=""), person()) == "uncertain"
    assert verdict(replace(query, name="Zhang^XM"), person()) == "uncertain"


def test_a_number_without_an_issuer_counts_only_where_the_site_declares_whose_it_is():
    query = replace(QUERY, issuer="")
    assert verdict(query, person()) == "certain"
    assert verdict(query, person(), policy=MatchPolicy()) == "uncertain"


def test_characters_birth_date_and_sex_are_enough_when_there_is_no_number():
    query = replace(QUERY, patient_id="", name="张^小明")
    assert verdict(query, person()) == "certain"
    assert verdict(query, person(), policy=replace(POLICY, demographics_alone=False)) == "uncertain"
    assert verdict(replace(query, name="Zhang^Xiaoming"), person()) == "uncertain"
    assert verdict(replace(query, name="王^伟"), person(family="王", given="伟")) == "uncertain"
    assert verdict(query, person(number="999999")) == "certain"
    assert verdict(replace(query, patient_id="123457"), person()) == "uncertain"


def test_two_candidates_close_together_are_uncertain():
    query = replace(QUERY, patient_id="", name="张^小明")
    result = match(query, [person(), person("p2", "777777")], POLICY)
    assert result.outcome == "uncertain"
    assert [round(s.probability, 2) for s in result.ranked] == [0.5, 0.5]


def test_a_namesake_of_the_same_day_leaves_even_a_number_to_a_person():
    assert verdict(QUERY, person(), person("p2", "777777")) == "uncertain"
    assert verdict(QUERY, person(), person("p2", "777777", born=date(1950, 1, 2))) == "certain"


def test_the_number_of_a_twin_is_noticed():
    twin = person("twin", "123457", given="小亮")
    taken = replace(QUERY, patient_id="123457")
    assert verdict(taken, person(), twin) == "uncertain"
    assert verdict(QUERY, person(), twin) == "certain"


def test_a_stranger_is_none_and_a_shared_number_never_is():
    assert (
        verdict(QUERY, person(number="5", family="陈", given="静", born=date(1940, 1, 2))) == "none"
    )
    assert verdict(QUERY) == "none"
    stranger = person(family="陈", given="静", born=date(1940, 1, 2), sex="female")
    assert verdict(QUERY, stranger) == "uncertain"


def test_another_number_under_a_second_issuer_speaks_against():
    resident = "11010519491231002X"  # the example of GB 11643-1999
    assert is_resident_number(resident)
    assert not is_resident_number("110105194912310021")
    other = "110105194912310038"
    assert is_resident_number(other)
    held = person(identifiers=(Identifier(resident, "urn:whatever"),))
    query = replace(QUERY, other_ids=(Identifier(resident.lower()),))
    assert verdict(query, held) == "certain"
    assert verdict(replace(query, other_ids=(Identifier(other),)), held) == "uncertain"


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        replace(QUERY, name="", birth_date=""),
        replace(QUERY, patient_id="000123456", name="", birth_date=""),
        replace(QUERY, patient_id="", birth_date=""),
        replace(QUERY, patient_id="", birth_date="", name="XIAO MING^ZHANG"),
        replace(QUERY, patient_id="", name="", birth_date="19700305"),
        replace(QUERY, patient_id="", name="Zhang^Xiaomin", birth_date="1970"),
    ],
)
def test_a_person_is_found_by_any_one_of_the_keys(query):
    assert query_keys(query) & person_keys(person().demographics)


texts = st.text(max_size=20)


@given(texts, texts, texts, texts, texts)
def test_any_text_is_matched_without_an_error_and_alone_never_certain(
    number, issuer, name, day, sex
):
    query = PatientQuery(number, issuer, name, day, sex)
    query_keys(query)
    assert verdict(query, person()) in ("none", "uncertain")
