"""The signed manifest of a bundle: SHA-256 of every file, signed with Ed25519 (RFC 8032)."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from clinical_ai.bundles.refused import RefusedBundleError
from clinical_ai.errors import BundleError
from clinical_ai.messages import N_, Message

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
SHIPPED_KEYS = Path(__file__).parent / "trusted_keys"
DEFAULT_PRIVATE_KEY = Path("~/.config/clinical-ai/bundle-signing-key.pem")


def create_key(private_key: Path, public_key: Path) -> None:
    """Make a signing key pair; the private file is readable by its owner only.

    Raises
    ------
    BundleError
        `private_key` exists already.
    """
    key = Ed25519PrivateKey.generate()
    private_key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if private_key.exists():
        raise BundleError(f"{private_key} exists; a signing key is never overwritten")
    private_key.touch(mode=0o600)
    private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public_key.parent.mkdir(parents=True, exist_ok=True)
    public_key.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )


def sign_bundle(folder: Path, private_key: Path) -> None:
    """Write ``manifest.json`` and ``manifest.sig`` over every other file of `folder`."""
    key = load_pem_private_key(private_key.expanduser().read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{private_key} is not an Ed25519 private key")
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in sorted(bundle_files(folder))
    }
    manifest = json.dumps({"format": 1, "files": digests}, indent=2).encode("ascii") + b"\n"
    (folder / MANIFEST).write_bytes(manifest)
    (folder / SIGNATURE).write_bytes(key.sign(manifest))


def bundle_files(folder: Path) -> frozenset[str]:
    """Return the files of a bundle but for manifest and signature, as relative POSIX paths.

    Raises
    ------
    RefusedBundleError
        The folder holds a link or something that is neither file nor folder.
    """
    names = set()
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise RefusedBundleError(
                Message(N_("The model bundle holds a link; only plain files are allowed."))
            )
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in (MANIFEST, SIGNATURE):
            names.add(name)
    return frozenset(names)


def trusted_keys(extra: Path | None) -> tuple[Ed25519PublicKey, ...]:
    """Return the public keys shipped with the program and those in the folder `extra`.

    Raises
    ------
    BundleError
        A key file is not an Ed25519 public key.
    """
    return tuple(_keys(SHIPPED_KEYS)) + (tuple(_keys(extra)) if extra else ())


def _keys(folder: Path) -> Iterator[Ed25519PublicKey]:
    for path in sorted(folder.glob("*.pem")):
        try:
            key = load_pem_public_key(path.read_bytes())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BundleError(f"{path} is not a public key in PEM; remove or replace it") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BundleError(f"{path} is not an Ed25519 public key; remove or replace it")
        yield key


def verified_files(
    folder: Path, keys: tuple[Ed25519PublicKey, ...]
) -> tuple[dict[str, bytes], str]:
    """Return the content of every file of a bundle after checking signature and digests.

    Content is read once: what was checked is what is used.

    Returns
    -------
    files, manifest_sha256

    Raises
    ------
    RefusedBundleError
        Unsigned, signed by an unknown key, altered, incomplete, or with files added.
    """
    if not (folder / MANIFEST).is_file() or not (folder / SIGNATURE).is_file():
        raise RefusedBundleError(Message(N_("The model bundle is not signed.")))
    manifest, signature = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    if not any(_signed_by(key, signature, manifest) for key in keys):
        raise RefusedBundleError(
            Message(N_("The model bundle was altered or is signed by a key that is not trusted."))
        )
    digests: dict[str, str] = json.loads(manifest)["files"]
    present = bundle_files(folder)
    if present != digests.keys():
        odd = sorted(present ^ digests.keys())[0]
        raise RefusedBundleError(
            Message(N_("The model bundle has a file too many or too few: {file}."), {"file": odd})
        )
    files = {name: (folder / name).read_bytes() for name in digests}
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != digests[name]:
            raise RefusedBundleError(
                Message(N_("A file of the model bundle was altered: {file}."), {"file": name})
            )
    return files, hashlib.sha256(manifest).hexdigest()


def _signed_by(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True
