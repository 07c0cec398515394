"""Bundles: what was not signed as it is, is not opened."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clinical_ai.bundles.bundle import (
    CARD,
    METADATA,
    SHIPPED,
    WEIGHTS,
    find_bundle,
    list_bundles,
    open_bundle,
)
from clinical_ai.bundles.refused import RefusedBundleError
from clinical_ai.bundles.signing import MANIFEST, SIGNATURE, create_key, sign_bundle
from clinical_ai.errors import BundleError

NAME = "lung_nodule_ct"


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """A folder of bundles with its own trusted key and the shipped bundle signed by it."""
    folder = tmp_path / "bundles"
    create_key(tmp_path / "private.pem", folder / "trusted_keys" / "hospital.pem")
    shutil.copytree(SHIPPED / NAME, folder / NAME)
    sign_bundle(folder / NAME, tmp_path / "private.pem")
    return folder


def test_the_shipped_bundle_opens_and_its_network_runs() -> None:
    bundle = open_bundle(SHIPPED / NAME)
    size = [int(n) for n in bundle.metadata.input["size"]]
    output = bundle.network()(torch.zeros(2, 1, *size))
    assert output.shape == (2, 1)
    identity = bundle.identity()
    assert identity.manifest_sha256 == bundle.manifest_sha256
    assert any("patch AUC" in str(text) and "n = " in str(text) for text in identity.accuracy)


def test_the_card_states_the_numbers_of_the_metadata() -> None:
    bundle = open_bundle(SHIPPED / NAME)
    for result in bundle.metadata.results:
        assert f"| {result.metric} | {result.value} |" in bundle.model_card


def test_a_private_key_is_never_shipped() -> None:
    for path in SHIPPED.rglob("*"):
        assert not path.is_file() or b"PRIVATE KEY-----\n" not in path.read_bytes()


def _alter(name: str) -> Callable[[Path, Path], None]:
    def change(folder: Path, _: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)

    return change


def _edit_metadata(key: str, value: object) -> Callable[[Path, Path], None]:
    """Change the metadata and sign again: the signature is right, the content is not."""

    def change(folder: Path, private: Path) -> None:
        metadata = json.loads((folder / METADATA).read_text())
        metadata[key] = value
        (folder / METADATA).write_text(json.dumps(metadata))
        sign_bundle(folder, private)

    return change


def _add(name: str, content: bytes, *, sign: bool) -> Callable[[Path, Path], None]:
    def change(folder: Path, private: Path) -> None:
        (folder / name).write_bytes(content)
        if sign:
            sign_bundle(folder, private)

    return change


def _pickle_as_weights(folder: Path, private: Path) -> None:
    torch.save({"w": torch.zeros(2)}, folder / WEIGHTS)
    sign_bundle(folder, private)


def _link(folder: Path, _: Path) -> None:
    (folder / "docs" / "link").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_alter(METADATA), "was altered: configs/metadata.json"),
        (_alter(CARD), "was altered: docs/model_card.md"),
        (_alter(WEIGHTS), "was altered: models/model.safetensors"),
        (_alter(MANIFEST), "altered or is signed by a key that is not trusted"),
        (_alter(SIGNATURE), "altered or is signed by a key that is not trusted"),
        (lambda f, _: (f / SIGNATURE).unlink(), "not signed"),
        (lambda f, _: (f / MANIFEST).unlink(), "not signed"),
        (lambda f, _: (f / CARD).unlink(), "too many or too few: docs/model_card.md"),
        (_add("run.py", b"print(1)", sign=False), "too many or too few: run.py"),
        (_add("run.py", b"print(1)", sign=True), "too many or too few: run.py"),
        (_link, "holds a link"),
        (_edit_metadata("architecture", "resnet-from-nowhere"), "does not know the architecture"),
        (_edit_metadata("_target_", "os.system"), "metadata of the model bundle cannot be used"),
        (_pickle_as_weights, "weights of the model bundle cannot be read"),
    ],
)
def test_refused(
    hospital: Path, tmp_path: Path, change: Callable[[Path, Path], None], reason: str
) -> None:
    change(hospital / NAME, tmp_path / "private.pem")
    with pytest.raises(RefusedBundleError) as caught:
        find_bundle(NAME, hospital)
    assert reason in str(caught.value.reason)
    refused = [s for s in list_bundles(hospital) if s.status == "refused"]
    assert [s.folder for s in refused] == [hospital / NAME]


def test_the_hospitals_key_counts_only_in_its_own_folder(hospital: Path) -> None:
    assert find_bundle(NAME, hospital).folder == hospital / NAME
    with pytest.raises(RefusedBundleError, match="not trusted"):
        open_bundle(hospital / NAME)


def test_weights_of_another_shape_are_refused(hospital: Path, tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(3)}, hospital / NAME / WEIGHTS)
    sign_bundle(hospital / NAME, tmp_path / "private.pem")
    with pytest.raises(RefusedBundleError, match="do not fit"):
        find_bundle(NAME, hospital).network()


def test_a_missing_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(RefusedBundleError, match="No model is installed"):
        find_bundle("no_such_model", tmp_path)


def test_a_signing_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "private.pem", tmp_path / "public.pem")
    before = (tmp_path / "private.pem").read_bytes()
    with pytest.raises(BundleError, match="never overwritten"):
        create_key(tmp_path / "private.pem", tmp_path / "public.pem")
    assert (tmp_path / "private.pem").read_bytes() == before
    assert (tmp_path / "private.pem").stat().st_mode & 0o077 == 0
