"""Whose certificate is trusted: an independent server with TLS."""

import asyncio
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clinical_ai.errors import SettingsError
from clinical_ai.records.fhir import FhirClient
from clinical_ai.records.fhir.errors import FhirUnreachableError
from tests.support.sekmet import Sekmet


def self_signed(folder: Path, address: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fhir")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{address}.pem", folder / f"{address}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


def ask(server: Sekmet, **options: Any) -> None:
    async def work() -> None:
        base_url = f"https://127.0.0.1:{server.port}/fhir"
        settings = server.settings(base_url=base_url, **options)
        async with FhirClient("his", settings, attempts=1) as client:
            await client.capability()

    asyncio.run(work())


def test_only_the_authority_of_the_settings_vouches_for_a_server(tmp_path: Path) -> None:
    ours, key = self_signed(tmp_path, "127.0.0.1")
    other, _ = self_signed(tmp_path, "127.0.0.2")
    options = {"tls_certfile": str(ours), "tls_keyfile": str(key)}
    server = Sekmet(tmp_path / "sekmet", options)
    server.start()
    try:
        ask(server, trusted=ours)
        for untrusted in (other, None):
            with pytest.raises(FhirUnreachableError, match="ConnectError") as caught:
                ask(server, trusted=untrusted)
            assert not caught.value.arrived
    finally:
        server.stop()
    (tmp_path / "broken.pem").write_text("x")
    for file in ("absent.pem", "broken.pem"):
        with pytest.raises(SettingsError, match=f"{file} cannot be used"):
            ask(server, trusted=tmp_path / file)
