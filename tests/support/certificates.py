"""Certificates for tests of TLS, made on the spot."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Credentials:
    certificate: Path
    key: Path


def make_authority(folder: Path) -> tuple[Path, Credentials]:
    """Make an authority and a node that it vouches for; returns its certificate and the node's."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("authority", key.public_key(), "authority", key, authority=True)
    node_key = ec.generate_private_key(ec.SECP256R1())
    node = _certificate("node", node_key.public_key(), "authority", key, authority=False)
    trusted = folder / "authority.pem"
    trusted.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    ours = Credentials(folder / "node.pem", folder / "node.key")
    ours.certificate.write_bytes(node.public_bytes(serialization.Encoding.PEM))
    ours.key.write_bytes(
        node_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return trusted, ours


def _certificate(
    subject: str,
    public_key: ec.EllipticCurvePublicKey,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
