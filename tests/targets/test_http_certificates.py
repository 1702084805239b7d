"""Certificates of live addresses: trusted, for another name, distrusted, and none at all."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.targets.http_server import OK, Server, get, refusal


def certificate(folder: Path, name: str = "shop.example", valid_days: tuple[int, int] = (-10, 30)) -> Path:
    """A self-signed certificate with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC).replace(microsecond=0)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + timedelta(days=valid_days[0]))
        .not_valid_after(today + timedelta(days=valid_days[1]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("www." + name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def with_tls(server: Server, pem: Path) -> Server:
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(pem)
    return server


def test_a_certificate_that_is_trusted(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = with_tls(serve(OK), pem)
    answer = get(f"https://127.0.0.1:{server.port}/", host="shop.example")
    assert answer.status == 200
    assert answer.certificate is not None
    assert (answer.certificate.verified, answer.certificate.problem) == (True, None)
    assert answer.certificate.subject == answer.certificate.issuer == "CN=shop.example"
    assert answer.certificate.names == ("shop.example", "www.shop.example")
    assert timedelta(days=29) < answer.certificate.not_after - datetime.now(UTC) < timedelta(days=31)
    assert answer.certificate.not_before < datetime.now(UTC)


def test_a_certificate_for_another_name(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    answer = get(f"https://127.0.0.1:{with_tls(serve(OK), pem).port}/")
    assert answer.certificate is not None
    assert not answer.certificate.verified
    assert "mismatch" in str(answer.certificate.problem)


@pytest.mark.parametrize(
    ("days", "trusted", "words"), [((-10, 30), False, "self-signed"), ((-30, -1), True, "expired"), ((1, 30), True, "not yet")]
)
def test_a_distrusted_certificate_is_told_with_the_status(
    serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: tuple[int, int], trusted: bool, words: str
) -> None:
    pem = certificate(tmp_path, valid_days=days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server = with_tls(serve(OK), pem)
    answer = get(f"https://127.0.0.1:{server.port}/", host="shop.example")
    assert answer.status == 200
    assert answer.certificate is not None
    assert not answer.certificate.verified
    assert words in str(answer.certificate.problem).replace("self signed", "self-signed")
    assert len(server.asked) == 1, "nothing was asked over the connection that failed"


def test_https_asked_of_something_else(serve: Any) -> None:
    server = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    failure = refusal(lambda: get(f"https://127.0.0.1:{server.port}/"))
    assert failure.reason == "damaged"
    assert "TLS handshake" in failure.message
    silent = serve(lambda line: line.recv(1))
    assert refusal(lambda: get(f"https://127.0.0.1:{silent.port}/", timeout_s=0.3)).reason == "timed_out"
