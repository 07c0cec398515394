"""TLS with DCMTK as the other side: our certificate, theirs, and peers that stay silent."""

import datetime
import gc
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pacs_bridge.errors import BridgeError, PeerError
from pacs_bridge.peer import Peer
from pacs_bridge.receive import Limits
from pacs_bridge.send import echo, send
from pacs_bridge.tls import TlsFiles, listener_context, requestor_context
from tests.pacs_bridge.support import ct_slice, listening, poll, tool, write_file

# pynetdicom drops its socket unclosed when a TLS handshake fails.
LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def make_certificate(folder: Path, name: str, issuer=None):
    """Write a certificate and its key; returns the files, and what signs further ones."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = issuer or (subject, key)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    pem, key_pem = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, key_pem, (subject, key)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of the listener and of a peer, vouched for by one authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority, _, signer = make_certificate(folder, "authority")
    ours, our_key, _ = make_certificate(folder, "listener", signer)
    theirs, their_key, _ = make_certificate(folder, "peer", signer)
    stranger, stranger_key, _ = make_certificate(folder, "stranger")
    return {
        "listener": TlsFiles(ours, our_key, authority),
        "no client certificate": TlsFiles(ours, our_key),
        "peer": TlsFiles(theirs, their_key, authority),
        "stranger": TlsFiles(stranger, stranger_key, authority),
        "other authority": TlsFiles(theirs, their_key, stranger),
    }


def secured(archive, files, **options):
    return listening(archive, tls=listener_context(files), **options)


def peer_of(listener, files):
    return Peer("me", "CLINICALAI", "127.0.0.1", listener.port, tls=files)


def test_dcmtk_sends_with_its_certificate(sqlite_archive, files, tmp_path):
    path = write_file(ct_slice(), tmp_path)
    peer = files["peer"]
    with secured(sqlite_archive, files["listener"]) as listener:
        run = subprocess.run(
            [
                tool("storescu"),
                "+tls",
                str(peer.key),
                str(peer.certificate),
                "+cf",
                str(peer.trusted),
                "-aec",
                "CLINICALAI",
                "127.0.0.1",
                str(listener.port),
                str(path),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    assert len(sqlite_archive.instances("1.2.3")) == 1


def test_we_send_and_verify_with_tls(sqlite_archive, files, tmp_path):
    path = write_file(ct_slice(), tmp_path)
    with secured(sqlite_archive, files["listener"]) as listener:
        peer = peer_of(listener, files["peer"])
        assert echo(peer, "TEST") < 5.0
        assert send([path], peer, calling_ae_title="TEST").sent == (path,)


@LEAKS
@pytest.mark.parametrize("who", ["stranger", "other authority"])
def test_certificates_that_nobody_vouches_for_are_refused(sqlite_archive, files, who):
    with (
        secured(sqlite_archive, files["listener"]) as listener,
        pytest.raises(PeerError),
    ):
        echo(peer_of(listener, files[who]), "TEST")
    gc.collect()


@LEAKS
def test_a_peer_without_a_certificate_is_let_in_only_where_none_is_asked(sqlite_archive, files):
    anonymous = TlsFiles(trusted=files["peer"].trusted)
    with secured(sqlite_archive, files["no client certificate"]) as listener:
        assert echo(peer_of(listener, anonymous), "TEST") < 5.0
    with secured(sqlite_archive, files["listener"]) as listener, pytest.raises(PeerError):
        echo(peer_of(listener, anonymous), "TEST")
    gc.collect()


def test_silent_and_plain_clients_hold_up_nobody(sqlite_archive, files):
    limits = Limits(negotiation_seconds=1.0)
    with secured(sqlite_archive, files["listener"], limits=limits) as listener:
        silent = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(5)]
        silent[0].sendall(b"\x01\x00\x00\x00\x00\x10 plain DICOM")
        try:
            assert echo(peer_of(listener, files["peer"]), "TEST") < 1.0
            poll(lambda: listener.open_connections == 0, seconds=5)
        finally:
            for one in silent:
                one.close()


def test_old_tls_is_refused(sqlite_archive, files):
    with secured(sqlite_archive, files["no client certificate"]) as listener:
        context = requestor_context(files["peer"])
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", listener.port)) as plain,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(plain)


def test_files_that_cannot_be_used_are_named(files, tmp_path):
    with pytest.raises(BridgeError, match="certificate"):
        listener_context(TlsFiles())
    with pytest.raises(BridgeError, match="authorities"):
        requestor_context(TlsFiles())
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(BridgeError, match=r"broken\.pem"):
        listener_context(TlsFiles(broken, files["listener"].key))
