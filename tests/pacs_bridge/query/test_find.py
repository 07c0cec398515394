"""Matching, counting and paging over an archive, on both databases."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pacs_bridge.archive import Archive
from pacs_bridge.database import writing
from pacs_bridge.errors import QueryError
from pacs_bridge.query import Level, find, known, to_dataset
from pacs_bridge.tables import delivery, study
from pacs_bridge.text import fold_name
from tests.pacs_bridge.support import ct_slice, encode, store

SR = "1.2.840.10008.5.1.4.1.1.88.34"


@pytest.fixture
def engine_with_studies(archive: Archive) -> Engine:
    """Three studies of two patients; the first has two series and a result of ours."""
    first = {
        "PatientName": "Müller^Eva=张^三=zhang^san",
        "PatientID": "P1",
        "StudyID": "S-1",
        "ReferringPhysicianName": "House^Gregory",
        "StudyTime": "0930",
    }
    for number in (1, 2):
        store(archive, ct_slice(number, study="1.2.1", series="1.2.1.1", **first))
    store(archive, ct_slice(1, study="1.2.1", series="1.2.1.2", Modality="PT", **first))
    second = {"PatientName": "MUELLER^Eva", "PatientID": "P1", "StudyDescription": "100% [a]_b"}
    store(archive, ct_slice(study="1.2.2", series="1.2.2.1", StudyDate="20250601", **second))
    third = {"PatientName": "Wang^Wei", "PatientID": "P2", "AccessionNumber": "B2"}
    store(archive, ct_slice(study="1.2.3", series="1.2.3.1", StudyDate="", Modality="MG", **third))
    _own_result(archive, "1.2.1", "1.2.1.9", **first)
    return archive.engine


def _own_result(archive: Archive, study_uid: str, series: str, **more) -> None:
    report = ct_slice(study=study_uid, series=series, SOPClassUID=SR, Modality="SR", **more)
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(report, keyword)
    with writing(archive.engine) as connection:
        connection.execute(
            delivery.insert().values(
                sop_instance_uid=report.SOPInstanceUID,
                path="x",
                peer="pacs",
                state="sent",
                due_at=0.0,
                created_at=0.0,
            )
        )
    assert store(archive, report).is_new


def uids(engine: Engine, level: Level = Level.STUDY, **keys) -> list[str]:
    unique = {
        Level.PATIENT: "PatientID",
        Level.STUDY: "StudyInstanceUID",
        Level.SERIES: "SeriesInstanceUID",
        Level.IMAGE: "SOPInstanceUID",
    }[level]
    return sorted(str(m.values[unique]) for m in find(engine, level, keys))


@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        ({}, "123"),
        ({"PatientID": "P1"}, "12"),
        ({"PatientID": "p1"}, ""),
        ({"PatientID": "P*", "AccessionNumber": "B?"}, "3"),
        ({"PatientID": "p*"}, ""),
        ({"PatientID": "*"}, "123"),
        ({"PatientName": "muller^eva"}, "1"),
        ({"PatientName": "MÜLLER*"}, "1"),
        ({"PatientName": "M*LLER^*"}, "12"),
        ({"PatientName": "muller"}, ""),
        ({"PatientName": "张*"}, "1"),
        ({"PatientName": "zhang^?an"}, "1"),
        ({"PatientName": "=张^三"}, "1"),
        ({"PatientName": "张^三="}, ""),
        ({"PatientName": "m*三"}, ""),
        ({"PatientName": "muller*=张*"}, "1"),
        ({"PatientName": "muller*=王*"}, ""),
        ({"ReferringPhysicianName": "house*"}, "1"),
        ({"StudyID": "S-1"}, "1"),
        ({"StudyInstanceUID": ["1.2.1", "1.2.3", "9.9"]}, "13"),
        ({"StudyInstanceUID": "1.2.1\\1.2.2"}, "12"),
        ({"StudyDate": "20260102"}, "1"),
        ({"StudyDate": "20250101-20251231"}, "2"),
        ({"StudyDate": "20250602-"}, "1"),
        ({"StudyDate": "-20260102"}, "12"),
        ({"StudyDate": "2025.06.01 - 20250601"}, "2"),
        ({"StudyTime": "093000"}, "1"),
        ({"StudyTime": "09"}, "1"),
        ({"StudyTime": "0930-0930"}, "1"),
        ({"StudyTime": "093000.5-"}, ""),
        ({"StudyTime": "-0305"}, "23"),
        ({"ModalitiesInStudy": "PT"}, "1"),
        ({"ModalitiesInStudy": "SR"}, "1"),
        ({"ModalitiesInStudy": ["MG", "PT"]}, "13"),
        ({"ModalitiesInStudy": "?R"}, "1"),
        ({"SOPClassesInStudy": SR}, "1"),
        ({"StudyDescription": "100% [a]_b"}, "2"),
        ({"StudyDescription": "100% [a]_*"}, "2"),
        ({"StudyDescription": "100_ *"}, ""),
        ({"StudyDescription": "?00% [[]a]*"}, ""),
        ({"StudyDescription": "*[a]*"}, "2"),
        ({"StudyDescription": "' OR 1=1 --"}, ""),
        ({"PatientBirthDate": "19600102", "PatientSex": "F"}, "123"),
        ({"Modality": "CT", "Unheard": "x", "NumberOfStudyRelatedInstances": "77"}, "123"),
    ],
)
def test_which_studies_match(engine_with_studies, keys, studies):
    assert uids(engine_with_studies, **keys) == [f"1.2.{n}" for n in studies]


def test_lower_levels_match_their_attributes_and_those_above(engine_with_studies):
    series = uids(engine_with_studies, Level.SERIES, PatientID="P1", Modality="CT")
    assert series == ["1.2.1.1", "1.2.2.1"]
    images = uids(engine_with_studies, Level.IMAGE, SeriesInstanceUID="1.2.1.1", InstanceNumber="2")
    assert images == ["1.2.1.1.2"]
    assert uids(engine_with_studies, Level.IMAGE, Rows="16", StudyInstanceUID="1.2.3") == [
        "1.2.3.1.1"
    ]


def test_a_patient_is_found_once_with_the_attributes_of_the_study_received_last(
    engine_with_studies,
):
    keys = {
        "NumberOfPatientRelatedStudies": "",
        "NumberOfPatientRelatedSeries": "",
        "NumberOfPatientRelatedInstances": "",
    }
    patients = find(engine_with_studies, Level.PATIENT, keys)
    assert [p.values["PatientID"] for p in patients] == ["P1", "P2"]
    assert [p.values["NumberOfPatientRelatedStudies"] for p in patients] == [2, 1]
    assert [p.values["NumberOfPatientRelatedSeries"] for p in patients] == [4, 1]
    assert [p.values["NumberOfPatientRelatedInstances"] for p in patients] == [5, 1]
    assert patients[0].values["PatientName"] == "MUELLER^Eva"


def test_what_is_below_is_counted_and_listed(engine_with_studies):
    keys = {
        "StudyInstanceUID": "1.2.1",
        "ModalitiesInStudy": "",
        "SOPClassesInStudy": "",
        "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "",
    }
    (found,) = find(engine_with_studies, Level.STUDY, keys)
    assert found.values["ModalitiesInStudy"] == ("CT", "PT", "SR")
    assert found.values["NumberOfStudyRelatedSeries"] == 3
    assert found.values["NumberOfStudyRelatedInstances"] == 4
    (hidden,) = find(engine_with_studies, Level.STUDY, keys, own_results=False)
    assert hidden.values["ModalitiesInStudy"] == ("CT", "PT")
    assert hidden.values["SOPClassesInStudy"] == ("1.2.840.10008.5.1.4.1.1.2",)
    assert hidden.values["NumberOfStudyRelatedSeries"] == 2
    assert hidden.values["NumberOfStudyRelatedInstances"] == 3
    series = find(engine_with_studies, Level.SERIES, {"NumberOfSeriesRelatedInstances": ""})
    counts = {m.values["SeriesInstanceUID"]: m.values for m in series}
    assert counts["1.2.1.1"]["NumberOfSeriesRelatedInstances"] == 2


def test_own_results_can_be_hidden_at_every_level(engine_with_studies):
    for level, everything, sources in (
        (Level.SERIES, 5, 4),
        (Level.IMAGE, 6, 5),
        (Level.STUDY, 3, 3),
        (Level.PATIENT, 2, 2),
    ):
        assert len(find(engine_with_studies, level, {})) == everything
        assert len(find(engine_with_studies, level, {}, own_results=False)) == sources
    hidden = find(engine_with_studies, Level.STUDY, {"ModalitiesInStudy": "SR"}, own_results=False)
    assert hidden == []


def test_pages_are_disjoint_and_newest_first(engine_with_studies):
    pages = [find(engine_with_studies, Level.STUDY, {}, limit=1, offset=n) for n in range(4)]
    found = [m.values["StudyInstanceUID"] for page in pages for m in page]
    assert found == ["1.2.1", "1.2.2", "1.2.3"]


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyDate": "today"},
        {"StudyDate": "-"},
        {"StudyDate": "2026"},
        {"StudyTime": "9"},
        {"StudyInstanceUID": "1.2.*"},
        {"StudyInstanceUID": ["1.2", "../x"]},
        {"PatientID": "x" * 2000},
        {"PatientID": "a\0b"},
        {"PatientID": "\ud800"},
        {"StudyInstanceUID": ["1.2"] * 10_001},
    ],
)
def test_a_malformed_value_is_an_error_that_does_not_show_it(engine_with_studies, keys):
    with pytest.raises(QueryError) as error:
        find(engine_with_studies, Level.STUDY, keys)
    assert next(iter(keys)) in str(error.value)
    assert "today" not in str(error.value)


def test_numbers_must_be_numbers(engine_with_studies):
    with pytest.raises(QueryError):
        find(engine_with_studies, Level.SERIES, {"SeriesNumber": "3*"})


def test_a_data_set_holds_what_was_asked_in_utf8(engine_with_studies):
    keys = dict.fromkeys(known(Level.IMAGE), "") | {"SOPInstanceUID": "1.2.1.1.1", "Unheard": ""}
    (match,) = find(engine_with_studies, Level.IMAGE, keys)
    dataset = to_dataset(match, keys, retrieve_ae_title="CLINICALAI")
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert str(dataset.PatientName) == "Müller^Eva=张^三=zhang^san"
    assert (dataset.Rows, dataset.Columns, dataset.BitsAllocated) == (16, 16, 16)
    assert list(dataset.ModalitiesInStudy) == ["CT", "PT", "SR"]
    assert dataset.NumberOfFrames is None
    assert dataset.AvailableTransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert dataset.RetrieveAETitle == "CLINICALAI"
    assert dataset.StudyID == "S-1"
    assert dataset.to_json()
    small = to_dataset(match, ["StudyID"])
    assert [e.keyword for e in small] == ["SpecificCharacterSet", "InstanceAvailability", "StudyID"]


def test_text_that_breaks_its_representation_is_returned_without_a_warning(archive):
    store(archive, ct_slice())
    broken = {"study_description": "x" * 80, "patient_sex": "none of these", "study_date": "soon"}
    broken["patient_name"] = "y" * 200
    with writing(archive.engine) as connection:
        connection.execute(study.update().values(broken))
    (match,) = find(archive.engine, Level.STUDY, {})
    dataset = to_dataset(match, ["StudyDescription", "PatientSex", "StudyDate", "PatientName"])
    assert dataset.StudyDescription == "x" * 80
    assert b"none of these" in encode(dataset)


def test_studies_without_patient_id_are_no_patient(archive):
    store(archive, ct_slice(PatientID=""))
    assert find(archive.engine, Level.PATIENT, {}) == []
    assert len(find(archive.engine, Level.STUDY, {})) == 1


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), max_size=12)


@given(name=_text)
def test_folding_twice_changes_nothing(name):
    once = fold_name(name)
    assert once.count("=") == 2
    assert fold_name(once) == once


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(stored=st.text("ab%_[]*?'^", max_size=6), pattern=st.text("ab%_[]*?'", max_size=6))
def test_wildcards_mean_what_the_standard_says(sqlite_engine, stored, pattern):
    with writing(sqlite_engine) as connection:
        connection.execute(study.delete())
        connection.execute(
            study.insert().values(
                study_instance_uid="1.2",
                study_description=stored,
                created_at=0,
                last_received_at=0,
                state="complete",
            )
        )
    found = find(sqlite_engine, Level.STUDY, {"StudyDescription": pattern})
    assert bool(found) == _matches(pattern, stored)


def _matches(pattern: str, text: str) -> bool:
    """PS3.4 C.2.2.2.4, one character at a time; an empty pattern is universal."""
    return not pattern or _rest(pattern, text)


def _rest(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_rest(pattern[1:], text[n:]) for n in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and _rest(pattern[1:], text[1:])
