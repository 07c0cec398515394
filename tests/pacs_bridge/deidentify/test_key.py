import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from pacs_bridge.deidentify.key import Key, create_key_file, read_key_file
from pacs_bridge.errors import DeidentifyError

KEY = Key(b"k" * 32)


@given(st.text(min_size=1, max_size=64))
def test_uids_are_valid_and_repeat(text: str):
    new = UID(KEY.uid(text))
    assert new.is_valid
    assert len(new) <= 64
    assert new == Key(b"k" * 32).uid(text)
    assert new != Key(b"l" * 32).uid(text)


@given(st.text(), st.text())
def test_different_patients_have_different_pseudonyms(one: str, other: str):
    assert (KEY.pseudonym(one) == KEY.pseudonym(other)) == (one == other)
    assert timedelta(days=-3652) <= KEY.date_shift(one) <= timedelta(days=-1)


def test_projects_cannot_be_linked():
    assert Key(b"k" * 32, "a").pseudonym("P1") != Key(b"k" * 32, "b").pseudonym("P1")
    assert Key(b"k" * 32, "a").fingerprint != Key(b"k" * 32, "b").fingerprint


def test_a_key_file_is_private_and_never_replaced(tmp_path: Path):
    path = tmp_path / "keys" / "research.key"
    create_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = read_key_file(path).fingerprint
    with pytest.raises(DeidentifyError, match="exists"):
        create_key_file(path)
    assert read_key_file(path).fingerprint == first


def test_a_key_file_others_may_read_is_refused(tmp_path: Path):
    path = tmp_path / "research.key"
    create_key_file(path)
    path.chmod(0o644)
    with pytest.raises(DeidentifyError, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize("text", ["", "secret\n", "clinical-ai de-identification key 1\nzz\n"])
def test_another_file_is_no_key(tmp_path: Path, text: str):
    path = tmp_path / "x.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(DeidentifyError, match="not a de-identification key"):
        read_key_file(path)


def test_a_key_cut_short_is_refused(tmp_path: Path):
    path = tmp_path / "x.key"
    create_key_file(path)
    path.write_text(path.read_text()[:-21])
    with pytest.raises(DeidentifyError, match="32 bytes"):
        read_key_file(path)
