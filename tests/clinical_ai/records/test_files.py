import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinical_ai.errors import RecordError
from clinical_ai.records import files
from clinical_ai.records.files import Deleted, Found, Unreadable, read_items, resource_files

PATIENT = {"resourceType": "Patient", "id": "p1"}


def write(path, *lines):
    path.write_bytes(
        b"\n".join(x if isinstance(x, bytes) else json.dumps(x).encode() for x in lines)
    )
    return path


def entry(resource=None, full="", method="", url=""):
    found = {"fullUrl": full} if full else {}
    if resource is not None:
        found["resource"] = resource
    if method:
        found["request"] = {"method": method, "url": url}
    return found


def test_good_and_bad_lines_with_their_numbers(tmp_path):
    path = write(tmp_path / "a.ndjson", PATIENT, b"", b"{not json", [1], {"id": "x"}, PATIENT)
    items = list(read_items(path))
    assert [(type(i), i.place) for i in items] == [
        (Found, "line 1"),
        (Unreadable, "line 3"),
        (Unreadable, "line 4"),
        (Unreadable, "line 5"),
        (Found, "line 6"),
    ]
    assert items[1].body == b"{not json\n"
    assert "column 2" in items[1].reason


def test_an_endless_line_is_passed_over_and_the_next_one_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LINE_BYTES", 1000)
    path = write(tmp_path / "a.ndjson", b'{"x": "' + b"a" * 5000 + b'"}', PATIENT)
    long, good = read_items(path)
    assert (long.place, long.body) == ("line 1", None)
    assert good == Found("line 2", PATIENT)


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_a_bundle_its_own_references_resolved(tmp_path, name):
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry({"resourceType": "Patient", "id": "tmp"}, "urn:uuid:aa-1", "POST", "Patient"),
            entry(
                {
                    "resourceType": "Observation",
                    "subject": {"reference": "urn:uuid:aa-1"},
                    "performer": [{"reference": "urn:uuid:aa-1"}, {"reference": "urn:uuid:none"}],
                },
                "urn:uuid:bb-2",
                "POST",
                "Observation",
            ),
            entry({"resourceType": "Condition", "id": "c1"}, "http://s/fhir/Condition/c1"),
            entry(method="DELETE", url="Observation/old"),
            entry({"resourceType": "Condition"}),
            "no entry",
        ],
    }
    body = json.dumps(bundle).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    patient, observation, condition, deleted, nameless, stray = read_items(path)
    assert patient == Found("entry 1", {"resourceType": "Patient", "id": "aa-1"})
    assert observation.resource["id"] == "bb-2"
    assert observation.resource["subject"]["reference"] == "Patient/aa-1"
    assert observation.resource["performer"][0]["reference"] == "Patient/aa-1"
    assert observation.resource["performer"][1]["reference"] == "urn:uuid:none"
    assert condition.resource["id"] == "c1"
    assert deleted == Deleted("entry 4", ("Observation", "old"), None)
    assert isinstance(nameless, Unreadable) and isinstance(stray, Unreadable)


def test_a_history_is_read_from_its_oldest_version(tmp_path):
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "entry": [
            {
                "request": {"method": "DELETE", "url": "Patient/p1"},
                "response": {"status": "204", "lastModified": "2024-02-01T00:00:00Z"},
            },
            entry(PATIENT),
        ],
    }
    first, second = read_items(write(tmp_path / "a.json", bundle))
    assert isinstance(first, Found)
    assert second.at == 1706745600.0


def test_ndjson_by_another_name_and_a_bundle_in_a_line(tmp_path):
    bundle = {"resourceType": "Bundle", "entry": [entry(PATIENT)]}
    items = list(read_items(write(tmp_path / "a.json", PATIENT, bundle)))
    assert [i.place for i in items] == ["line 1", "line 2, entry 1"]


def test_a_file_that_is_no_json_says_where(tmp_path):
    (bad,) = read_items(write(tmp_path / "a.json", b'{"resourceType":\n  oops}'))
    assert bad.place == "line 2"


def test_a_cut_gzip_gives_what_came_before_and_then_says_so(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    lines = [{"resourceType": "Patient", "id": f"p{i * i}"} for i in range(50_000)]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode())[:-20_000])
    read = []
    with pytest.raises(RecordError, match="damaged or cut short"):
        read.extend(read_items(path))
    assert len(read) > 20_000
    assert [item.resource for item in read] == lines[: len(read)]


def test_a_gzip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_EXPANSION_FREE_BYTES", 2**20)
    path = tmp_path / "bomb.ndjson.gz"
    path.write_bytes(gzip.compress(b" " * 50 * 2**20))
    with pytest.raises(RecordError, match=r"bomb.ndjson.gz: expands more than 200-fold"):
        list(read_items(path))


def test_what_is_no_gzip_is_said(tmp_path):
    with pytest.raises(RecordError, match="damaged"):
        list(read_items(write(tmp_path / "a.ndjson.gz", b"plain")))


def test_which_files_are_meant(tmp_path):
    (tmp_path / "deep").mkdir()
    wanted = [tmp_path / "deep" / "a.NDJSON.gz", tmp_path / "z.json"]
    for path in (*wanted, tmp_path / "notes.txt"):
        path.write_text("")
    assert resource_files([tmp_path, wanted[1]]) == wanted
    for path, reason in (
        (tmp_path / "none", "no such file"),
        (tmp_path / "notes.txt", "not one of .ndjson"),
    ):
        with pytest.raises(RecordError, match=reason):
            resource_files([path])


@given(st.binary(max_size=200), st.sampled_from(["a.ndjson", "a.json"]))
def test_no_bytes_raise(tmp_path_factory, content, name):
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content)
    list(read_items(path))


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(["urn:uuid:a", "DELETE"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resource", "fullUrl", "request", "method", "url", "id", "resourceType", "search"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(st.lists(json_values, max_size=4), st.sampled_from(["history", "transaction", 7]))
def test_no_bundle_raises(tmp_path_factory, entries, kind):
    path = tmp_path_factory.getbasetemp() / "bundle.json"
    write(path, {"resourceType": "Bundle", "type": kind, "entry": entries})
    list(read_items(path))
