"""QIDO-RS with the field's own client and with bare HTTP."""

import pytest

from tests.pacs_bridge.dicomweb.web import clip, part10, put
from tests.pacs_bridge.support import ct_slice, store


@pytest.fixture
def studies(web):
    """Two CT slices and an ultrasound clip of one patient, an older study of another."""
    for n in (1, 2):
        store(web.archive, ct_slice(n))
    put(web.archive, part10(clip(1, series="1.2.3.2")))
    store(
        web.archive,
        ct_slice(
            study="1.2.4",
            series="1.2.4.1",
            PatientName="Zhang^San=张^三",
            PatientID="P2",
            StudyDate="20200101",
            AccessionNumber="B7",
        ),
    )


def uids(found, tag="0020000D"):
    return [one[tag]["Value"][0] for one in found]


def test_studies_with_the_attributes_the_standard_names(web, studies):
    found = web.client().search_for_studies()
    assert uids(found) == ["1.2.3", "1.2.4"]
    first = {tag: one.get("Value") for tag, one in found[0].items()}
    assert first["00100020"] == ["P1"]
    assert first["00080061"] == ["CT", "US"]
    assert first["00201206"] == [2]
    assert first["00201208"] == [3]
    assert first["00081190"] == [f"{web.url}/studies/1.2.3"]
    assert found[1]["00100010"]["Value"] == [{"Alphabetic": "Zhang^San", "Ideographic": "张^三"}]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"PatientID": "P2"}, ["1.2.4"]),
        ({"00100020": "P2"}, ["1.2.4"]),
        ({"PatientName": "zhang*"}, ["1.2.4"]),
        ({"PatientName": "张^三"}, ["1.2.4"]),
        ({"StudyDate": "20250101-20270101"}, ["1.2.3"]),
        ({"StudyInstanceUID": "1.2.3,1.2.4"}, ["1.2.3", "1.2.4"]),
        ({"StudyInstanceUID": "1.2.3\\1.2.9"}, ["1.2.3"]),
        ({"ModalitiesInStudy": "US,MR"}, ["1.2.3"]),
        ({"AccessionNumber": "nothing"}, []),
        ({"PatientID": "%"}, []),
        ({"PatientID": "' OR 1=1 --"}, []),
    ],
)
def test_matching(web, studies, filters, expected):
    assert uids(web.client().search_for_studies(search_filters=filters)) == expected


def test_series_and_instances_at_every_path(web, studies):
    client = web.client()
    assert uids(client.search_for_series(), "0020000E") == ["1.2.3.1", "1.2.3.2", "1.2.4.1"]
    assert uids(client.search_for_series("1.2.3"), "0020000E") == ["1.2.3.1", "1.2.3.2"]
    assert len(client.search_for_instances()) == 4
    assert len(client.search_for_instances("1.2.3")) == 3
    found = client.search_for_instances("1.2.3", "1.2.3.2")
    assert uids(found, "00080018") == ["1.2.3.2.1"]
    assert found[0]["00280008"]["Value"] == [5]
    assert found[0]["00081190"]["Value"] == [
        f"{web.url}/studies/1.2.3/series/1.2.3.2/instances/1.2.3.2.1"
    ]
    filters = {"SeriesInstanceUID": "1.2.3.1", "InstanceNumber": "2"}
    assert uids(client.search_for_instances(search_filters=filters), "00080018") == ["1.2.3.1.2"]
    assert client.search_for_series("1.2.9") == []


def test_limit_offset_and_the_rest(web, studies):
    answer = web.get("/instances?limit=3")
    assert len(answer.json()) == 3
    assert "additional results" in answer.headers["warning"]
    answer = web.get("/instances?limit=3&offset=3")
    assert len(answer.json()) == 1
    assert "warning" not in answer.headers
    assert len(web.client().search_for_instances(limit=1, get_remaining=True)) == 4
    assert web.get("/instances?limit=0").json() == []


def test_fields_are_included_by_keyword_tag_and_all(web, studies):
    plain = web.get("/series").json()[0]
    assert "00100010" not in plain
    for field in ("PatientName", "00100010", "PatientID,PatientName", "all"):
        assert "00100010" in web.get(f"/series?includefield={field}").json()[0]
    found = web.client().search_for_series(fields=["BodyPartExamined", "PatientID"])[0]
    assert found["00180015"]["Value"] == ["CHEST"]
    assert found["00100020"]["Value"] == ["P1"]


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        ("fuzzymatching=true", "Only literal matching has been performed"),
        ("PatientComments=x", "PatientComments cannot be matched"),
        ("SeriesDescription=x", "SeriesDescription cannot be matched"),
        ("nonsense%0d%0aX-Evil:1=x", "An unknown attribute cannot be matched"),
        ("includefield=ImageComments", "ImageComments cannot be returned"),
        ("limit=99999999", "At most 1000"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_warning(web, studies, query, warning):
    answer = web.get(f"/studies?{query}")
    assert answer.status_code == 200
    assert answer.headers["warning"].startswith("299 ")
    assert warning in answer.headers["warning"]
    assert "x-evil" not in answer.headers
    assert len(answer.json()) == 2


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "offset=99999999999999",
        "fuzzymatching=maybe",
        "StudyDate=yesterday",
        "StudyInstanceUID=../../x",
        "PatientID=a&PatientID=b",
        "&".join(f"k{n}=1" for n in range(200)),
        "PatientID=" + "x" * 2000,
    ],
)
def test_malformed_queries(web, studies, query):
    answer = web.get(f"/studies?{query}")
    assert answer.status_code == 400
    assert "yesterday" not in answer.text


def test_a_search_is_audited_without_its_words(web, studies):
    web.get("/studies?PatientName=zhang*")
    web.get("/studies/1.2.3/series")
    assert [(a.action, a.study_uid) for a in web.trail] == [("search", None), ("search", "1.2.3")]
