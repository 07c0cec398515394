from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_bridge.deidentify.allow_list import AllowList, read_allow_list, standard_allow_list
from pacs_bridge.errors import DeidentifyError

STANDARD = standard_allow_list()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("CT CHEST W/O CONTRAST Mrs Zhang", "CT CHEST W/O CONTRAST"),
        ("Doctor Wu's T1 AX head", "T1 AX head"),
        ("张伟 胸部平扫", "胸部 平扫"),
        ("HEADLEY", ""),
        ("chest  abdomen   pelvis", "chest  abdomen   pelvis"),
        ("13800138000", ""),
        ("", ""),
    ],
)
def test_only_allowed_words_stay(text: str, kept: str):
    assert STANDARD.clean(text) == kept


@given(st.text(max_size=60))
def test_nothing_else_stays_whatever_the_text(text: str):
    allowed = AllowList(["ct", "chest", "胸部"])
    assert set(allowed.clean(text).casefold().split()) <= {"ct", "chest", "胸部"}


def test_a_file(tmp_path: Path):
    path = tmp_path / "words.txt"
    path.write_text("# ours\nLiver Dynamic\n\n肝\n", encoding="utf-8")
    assert read_allow_list(path).clean("liver  dynamic for 王肝 liver") == "liver  dynamic 肝"
    path.write_text("# nothing\n")
    with pytest.raises(DeidentifyError, match="empty"):
        read_allow_list(path)
    with pytest.raises(DeidentifyError, match="cannot be read"):
        read_allow_list(tmp_path / "absent")
