"""Throw-away certificates for tests: real ones, with the times we choose."""

import struct
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def issue(name: str, begin: datetime, end: datetime | None = None, *, authority: bool = False) -> tuple[bytes, bytes]:
    """(certificate, private key), both PEM; self-signed, for a host name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end or begin + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM), private


def der(pem: bytes) -> bytes:
    """The same certificate in its binary form."""
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def jks(*entries: tuple[str, bytes | list[bytes]], magic: bytes = b"\xfe\xed\xfe\xed", version: int = 2) -> bytes:
    """A Java keystore of (alias, certificate to trust or chain of a key); certificates in binary form, the key made up."""

    def word(text: str) -> bytes:
        return struct.pack(">H", len(text.encode())) + text.encode()

    def kept(data: bytes) -> bytes:
        return (word("X.509") if version == 2 else b"") + struct.pack(">I", len(data)) + data

    out = magic + struct.pack(">II", version, len(entries))
    for alias, held in entries:
        out += struct.pack(">I", 1 if isinstance(held, list) else 2) + word(alias) + struct.pack(">Q", 1_700_000_000_000)
        if isinstance(held, list):
            out += struct.pack(">I", 9) + b"SECRETKEY" + struct.pack(">I", len(held)) + b"".join(map(kept, held))
        else:
            out += kept(held)
    return out + bytes(20)
