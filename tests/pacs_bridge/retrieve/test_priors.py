"""Which earlier studies are chosen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.retrieve.comparable import ALSO_COMPARABLE, comparability
from pacs_bridge.retrieve.priors import StudyFacts, same_patient, select_priors
from pacs_bridge.retrieve.regions import regions_of

NOW = StudyFacts(
    study_uid="1.2.1",
    patient_id="P1",
    patient_birth_date="19600102",
    patient_sex="F",
    study_date="20260102",
    modalities=frozenset({"CT"}),
    body_parts=frozenset({"CHEST"}),
)


def old(uid: str, date: str = "20250102", **more) -> StudyFacts:
    return replace(NOW, study_uid=uid, study_date=date, **more)


def chosen(*candidates: StudyFacts, count: int = 5) -> list[str]:
    return [s.study_uid for s in select_priors(NOW, candidates, count)]


def test_the_newest_come_first_and_only_so_many():
    candidates = [old("1.2.2", "20230101"), old("1.2.3", "20250101"), old("1.2.4", "20240101")]
    assert chosen(*candidates, count=2) == ["1.2.3", "1.2.4"]
    assert chosen(*candidates, count=0) == []


def test_not_the_study_itself_nor_a_later_one_nor_one_without_a_date():
    assert chosen(NOW, old("1.2.2", "20260102"), old("1.2.3", "20270101"), old("1.2.4", "")) == []


def test_a_study_without_a_date_has_no_priors():
    assert select_priors(replace(NOW, study_date=""), [old("1.2.2")], 5) == ()


@pytest.mark.parametrize(
    ("more", "same"),
    [
        ({}, True),
        ({"patient_id": "P2"}, False),
        ({"patient_id": "p1"}, False),
        ({"patient_birth_date": "19600103"}, False),
        ({"patient_birth_date": ""}, True),
        ({"patient_sex": "M"}, False),
        ({"patient_sex": "O"}, True),
        ({"issuer_of_patient_id": "A"}, True),  # births are equal
        ({"issuer_of_patient_id": "A", "patient_birth_date": ""}, False),
    ],
)
def test_who_counts_as_the_same_patient(more, same):
    assert same_patient(NOW, old("1.2.2", **more)) is same


def test_two_issuers_are_two_patients():
    ours = replace(NOW, issuer_of_patient_id="A")
    assert not same_patient(ours, old("1.2.2", issuer_of_patient_id="B"))
    assert same_patient(ours, old("1.2.2", issuer_of_patient_id="A", patient_birth_date=""))


def test_an_empty_patient_id_matches_nobody():
    nobody = replace(NOW, patient_id="")
    assert not same_patient(nobody, replace(nobody, study_uid="1.2.2"))


def test_the_same_modality_goes_before_a_newer_one_of_another():
    candidates = [
        old("1.2.2", "20251201", modalities=frozenset({"DX"})),
        old("1.2.3", "20200101"),
        old("1.2.4", "20251202", body_parts=frozenset()),
        old("1.2.5", "20251203", body_parts=frozenset({"HEAD"})),
        old("1.2.6", "20251204", modalities=frozenset({"MR"})),
    ]
    assert chosen(*candidates) == ["1.2.3", "1.2.2", "1.2.4"]


def test_a_study_at_two_peers_is_fetched_from_the_first():
    first, second = old("1.2.2", peer="near"), old("1.2.2", peer="far")
    assert [s.peer for s in select_priors(NOW, [first, second], 5)] == ["near"]


@pytest.mark.parametrize(
    ("modality", "body_part", "description", "regions"),
    [
        ("CT", "CHEST", "", {"chest"}),
        ("CT", "Chest ", "", {"chest"}),
        ("CT", "", "LDCT screening", {"chest"}),
        ("CT", "", "胸部平扫", {"chest"}),
        ("CT", "", "胸椎CT", {"spine"}),
        ("CT", "", "Chest/Abdomen", {"chest", "abdomen"}),
        ("CT", "CHESTABDPELVIS", "head", {"chest", "abdomen", "pelvis"}),
        ("US", "", "甲状腺彩超", {"neck", "thyroid"}),
        ("MG", "", "", {"breast"}),
        ("OP", "", "", {"eye"}),
        ("CT", "", "orchestra", set()),
        ("CT", "\x00weird", "", set()),
    ],
)
def test_regions(modality, body_part, description, regions):
    assert regions_of([modality], [body_part], [description]) == regions


def test_reports_and_presentation_states_make_no_study_comparable():
    assert chosen(old("1.2.2", modalities=frozenset({"SR", "PR"}))) == []


def test_the_table_names_pairs_of_different_kind_only():
    for (modality, region), others in ALSO_COMPARABLE.items():
        for other in others:
            assert other != (modality, region)
            new, known = frozenset({modality}), frozenset({region})
            assert comparability(new, known, frozenset({other[0]}), frozenset({other[1]})) == 1


words = st.text(max_size=8)
facts = st.builds(
    StudyFacts,
    study_uid=st.sampled_from(["1.2.1", "1.2.2", "1.2.3", "1.2.4"]),
    patient_id=st.sampled_from(["", "P1", "P2"]),
    issuer_of_patient_id=st.sampled_from(["", "A", "B"]),
    patient_birth_date=st.sampled_from(["", "19600102", "19700101"]),
    patient_sex=st.sampled_from(["", "M", "F", "O"]),
    study_date=st.sampled_from(["", "20250101", "20260102", "2025", "99999999"]) | words,
    modalities=st.frozensets(st.sampled_from(["CT", "MR", "DX", "SR", "MG", "PT", ""])),
    body_parts=st.frozensets(st.sampled_from(["CHEST", "HEAD", "", "x"]) | words),
    descriptions=st.tuples(words),
)


@given(st.lists(facts), st.integers(0, 5))
def test_whatever_peers_answer_only_earlier_studies_of_the_patient_are_chosen(candidates, count):
    selected = select_priors(NOW, candidates, count)
    assert len(selected) <= count
    assert len({s.study_uid for s in selected}) == len(selected)
    for study in selected:
        assert study.patient_id == "P1"
        assert study.study_uid != NOW.study_uid
        assert study.study_date < NOW.study_date
        assert study.modalities - {"SR", ""}
