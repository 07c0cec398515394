"""Values as readers expect them."""

from datetime import datetime

import pytest

from clinical_ai import codes, formats
from clinical_ai.findings import Finding, Measurement
from clinical_ai.texts import Texts

EN, ZH = Texts("en"), Texts("zh")


def finding(**values: float) -> Finding:
    measured = {
        "long": codes.LONG_AXIS,
        "short": codes.SHORT_AXIS,
        "mean": codes.MEAN_DIAMETER,
        "volume": codes.VOLUME,
    }
    return Finding(
        id="1",
        tracking_uid="2.25.1",
        code=codes.LUNG_NODULE,
        site=None,
        confidence=None,
        measurements=tuple(
            Measurement(measured[k], v, codes.MILLIMETER) for k, v in values.items()
        ),
        qualities=(),
        region=None,
        key_sop_instance_uid="2.25.2",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Wang^XiaoDong=王^小东", "王小东 (Wang XiaoDong)"),
        ("Wang^XiaoDong=王^小东=", "王小东 (Wang XiaoDong)"),
        ("Smith^Anna^^Dr", "Smith Anna Dr"),
        ("=王^小东", "王小东"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "山田太郎 (Yamada Tarou)"),
        ("", ""),
        ("^^^^", ""),
    ],
)
def test_person_name(value, expected):
    assert formats.person_name(value) == expected


@pytest.mark.parametrize(
    ("born", "on", "expected"),
    [
        ("19560312", "20260311", "69 y"),
        ("19560312", "20260313", "70 y"),
        ("20250901", "20260301", "5 months"),
        ("20260301", "20250901", ""),
        ("", "20260101", ""),
        ("1956", "20260101", ""),
        ("19561399", "20260101", ""),
    ],
)
def test_age(born, on, expected):
    assert formats.age(born, on, EN) == expected


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (-5, "< 1 min", "< 1 分钟"),
        (59, "< 1 min", "< 1 分钟"),
        (60, "1 min", "1 分钟"),
        (3599, "59 min", "59 分钟"),
        (7260, "2 h 1 min", "2 小时 1 分"),
        (90000, "1 d 1 h", "1 天 1 小时"),
    ],
)
def test_duration(seconds, english, chinese):
    assert formats.duration(seconds, EN) == english
    assert formats.duration(seconds, ZH) == chinese


def test_dicom_date_keeps_what_it_cannot_read():
    assert formats.dicom_date("20261120") == "2026-11-20"
    assert formats.dicom_date("2026\u202e1120") == "20261120"
    assert formats.dicom_date("yesterday") == "yesterday"


def test_sex():
    assert (formats.sex("F", EN), formats.sex("F", ZH), formats.sex("X", ZH)) == (
        "female",
        "女",
        "X",
    )


def test_size_and_volume():
    assert formats.size(finding(long=23.14, short=18.06)) == "23.1 × 18.1 mm"
    assert formats.size(finding(mean=8)) == "8.0 mm"
    assert formats.size(finding()) == ""
    assert formats.volume(finding(volume=4188.8)) == "4,189 mm³"
    assert formats.confidence(finding()) == ""


def test_a_moment_for_machines_and_lists_has_seconds_and_its_offset():
    text = formats.iso_moment(1_767_322_800.7)
    assert datetime.fromisoformat(text).timestamp() == 1_767_322_800
    assert text[10] == "T"
