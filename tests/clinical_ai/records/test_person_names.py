import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.records.name_agreement import compare_names
from clinical_ai.records.person_names import (
    fold,
    forms_of_dicom,
    forms_of_record,
    pinyin_syllables,
    readings,
)
from clinical_ai.records.record import PersonName


def outcome(dicom: str, family: str = "", given: str = "", text: str = "") -> str:
    return compare_names(forms_of_dicom(dicom), forms_of_record(PersonName(family, given, text)))


@pytest.mark.parametrize(
    ("dicom", "record", "expected"),
    [
        ("ZHANG^XIAO MING=张^小明", ("张", "小明"), "same_characters"),
        ("张小明", ("张", "小明"), "same_characters"),
        ("Zhang^Xiaoming=张^小明=ㄓㄤ^ㄒㄧㄠ", ("张", "小明"), "same_characters"),
        ("=小明^张", ("张", "小明"), "same_characters"),
        ("王^伟", ("王", "伟"), "same_two_characters"),
        ("張^小明", ("张", "小明"), "other_characters_same_sound"),
        ("王^玮", ("王", "伟"), "other_characters_same_sound"),
        ("王^小亮", ("王", "小明"), "one_character_differs"),
        ("王^建国", ("王", "小明"), "family_name_only"),
        ("陈^静", ("王", "小明"), "different"),
        ("Wang^XiaoDong=陈^静", ("王", "小东"), "different"),  # characters decide
        ("Zhang^Xiaoming", ("张", "小明"), "sounds_same"),
        ("XIAOMING^ZHANG", ("张", "小明"), "sounds_same"),
        ("Shan^Xiongxin", ("单", "雄信"), "sounds_same"),  # heteronym: dan, shan
        ("Ceng^Li", ("曾", "丽"), "sounds_same"),
        ("OUYANG^NANA", ("欧阳", "娜娜"), "sounds_same"),
        ("Ou^Yang Na Na", ("欧阳", "娜娜"), "sounds_same"),
        ("LYU^BU", ("吕", "布"), "sounds_same"),
        ("Lv^Bu", ("吕", "布"), "sounds_same"),
        ("LÜ^BU", ("吕", "布"), "sounds_same"),
        ("Zhang^X.M.", ("张", "小明"), "initials"),
        ("ZHANG^XM", ("Zhang", "Xiaoming"), "initials"),
        ("Zhang^Ming", ("张", "敏"), "near_in_pinyin"),
        ("Zhang^Li", ("Zhang", "Xiaoming"), "family_name_only"),
        ("SMITH^JOHN^A", ("Smith", "John"), "same_letters"),
        ("John^Smith", ("Smith", "John"), "same_letters"),
        ("Muller^Jurgen", ("Müller", "Jürgen"), "same_letters"),
        ("OBrien^Zoe", ("O'Brien", "Zoë"), "same_letters"),
        ("Jonhson^Robert", ("Johnson", "Robert"), "typing_error"),
        ("Smith^Jan", ("Smith", "Jon"), "family_name_only"),  # too short for a slip
        ("Smith^J", ("Smith", "John"), "initials"),
        ("Smith-Meyer^Mary", ("Smith", "Mary"), "other_family_name"),
        ("Weber^Mary", ("Smith", "Mary"), "other_family_name"),
        ("Mary^Smith", ("Smith", "Robert"), "family_name_only"),
        ("", ("Smith", "Mary"), "unknown"),
        ("UNKNOWN^MALE", ("Smith", "Mary"), "unknown"),
        ("无名氏", ("张", "小明"), "unknown"),
    ],
)
def test_names_agree_as_far_as_people_would_say(dicom, record, expected):
    assert outcome(dicom, *record) == expected


def test_a_name_its_source_did_not_part_is_tried_in_both_ways_but_never_as_a_married_one():
    assert outcome("SMITH^JOHN", text="John Smith") == "same_letters"
    assert outcome("SMITH^JOHN", text="Smith, John") == "same_letters"
    assert outcome("Ouyang^Nana", text="欧阳娜娜") == "sounds_same"
    assert outcome("Mary Smith", text="Robert Smith") == "family_name_only"


def test_a_surname_that_means_no_name_elsewhere_is_kept():
    assert outcome("Na^Young", "Na", "Young") == "same_letters"


def test_pinyin_is_parted_into_syllables_or_is_none():
    assert pinyin_syllables("xiaoming") == ("xiao", "ming")
    assert pinyin_syllables("smith") is None
    assert ("shan",) in readings("单")


names = st.text(max_size=40)


@given(names, names)
def test_any_two_names_can_be_compared_and_the_order_does_not_matter(a, b):
    one, other = forms_of_dicom(a), forms_of_record(PersonName(text=b))
    assert compare_names(one, other) == compare_names(other, one)


@given(names)
def test_a_name_agrees_with_itself(name):
    forms = forms_of_dicom(name)
    expected = {"same_characters", "same_two_characters", "same_letters", "sounds_same", "unknown"}
    assert compare_names(forms, forms) in expected
    assert fold(fold(name)) == fold(name)
