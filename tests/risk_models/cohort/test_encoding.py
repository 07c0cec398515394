import pytest

from risk_models.cohort.encoding import GB18030, UTF_8, UTF_8_BOM, UTF_16, Encoding, detect
from risk_models.cohort.errors import InputFileError
from tests.risk_models.cohort.tables import issues, person, scored, write_csv


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("utf-8", UTF_8),
        ("utf-8-sig", UTF_8_BOM),
        ("gbk", GB18030),
        ("gb18030", GB18030),
        ("utf-16", UTF_16),
    ],
)
def test_encoding_is_detected_and_the_people_are_the_same(tmp_path, name, expected: Encoding):
    path = write_csv(tmp_path / "people.csv", [person(1), person(2, 性别="女")], name)
    assert detect(path) == expected
    found = scored(path, tmp_path / "out")
    assert found.get_column("sex").to_list() == ["male", "female"]
    assert found.get_column("district").to_list() == ["浦东新区"] * 2
    assert found.get_column("china_par_10y.ascvd_10y").null_count() == 0


def test_two_encodings_in_one_file_are_refused_with_the_line(tmp_path):
    path = tmp_path / "people.csv"
    good = write_csv(tmp_path / "a.csv", [person(1), person(2)]).read_bytes()
    path.write_bytes(good + "p3,李四€\xff".encode("latin-1", "replace") + b"\xff\xff\n")
    with pytest.raises(InputFileError, match="line 4"):
        detect(path)


def test_a_character_cut_by_a_block_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr("risk_models.cohort.encoding.BLOCK", 7)
    path = write_csv(tmp_path / "people.csv", [person(1)], "gbk")
    assert detect(path) == GB18030
    assert scored(path, tmp_path / "out").height == 1
    assert issues(tmp_path / "out").is_empty()
