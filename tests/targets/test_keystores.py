"""Keystores: Java's own tool makes them, and bytes of any kind are survived."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.state_calls import Certificates, ReadCertificates
from mcp_server.targets import certificates, keystores
from tests.certificates import der, issue, jks
from tests.real_parts import need

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE, TWO = (der(issue(name, NOON)[0]) for name in ("one.example", "two.example"))
WHOLE = jks(("shop", [ONE, TWO]), ("trusted", TWO))


def read(path: Path) -> Certificates:
    answer = certificates.look(ReadCertificates(path=str(path)), Limits(), ReadSettings())
    assert isinstance(answer, Certificates)
    return answer


def _keytool(path: Path, kind: str) -> None:
    subprocess.run(
        ["keytool", "-genkeypair", "-keystore", str(path), "-storetype", kind, "-storepass", "k3ystore-p4ss", "-keypass",
         "k3ystore-p4ss", "-keyalg", "EC", "-alias", "shop", "-dname", "CN=shop.example", "-ext", "san=dns:shop.example",
         "-startdate", "2026/06/01 12:00:00", "-validity", "90"],
        check=True, capture_output=True, timeout=120, env={"PATH": "/usr/bin:/bin", "TZ": "UTC", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_what_javas_own_tool_writes(tmp_path: Path, kind: str) -> None:
    need("keytool")
    path = tmp_path / "k.jks"
    _keytool(path, kind)
    seen = read(tmp_path)
    (found,) = seen.found
    assert (found.subject, found.names, found.not_before) == ("CN=shop.example", ("shop.example",), NOON)
    assert not seen.problems


def test_pkcs12_is_never_fine(tmp_path: Path) -> None:
    need("keytool", "openssl")
    _keytool(tmp_path / "java.p12", "PKCS12")
    pem, key = issue("shop.example", NOON)
    (tmp_path / "both.pem").write_bytes(key + pem)
    for name, options in {"empty.p12": [], "open.pfx": ["-keypbe", "NONE", "-certpbe", "NONE", "-nomaciter"]}.items():
        subprocess.run(
            ["openssl", "pkcs12", "-export", "-in", str(tmp_path / "both.pem"), "-out", str(tmp_path / name), "-passout",
             "pass:", *options],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    (tmp_path / "both.pem").unlink()
    seen = read(tmp_path)
    assert not seen.found
    assert set(seen.problems.values()) == {keystores.LOCKED}
    assert len(seen.problems) == 3
    assert read(tmp_path / "empty.p12").problems


@pytest.mark.parametrize("version", [1, 2])
def test_chains_and_trusted_certificates_come_out_and_keys_do_not(version: int) -> None:
    found = keystores.keystore(jks(("shop", [ONE, TWO]), ("trusted", TWO), version=version))
    assert found == keystores.Keystore([ONE, TWO, TWO])
    assert keystores.keystore(jks()) == keystores.Keystore()


def test_what_is_no_keystore_is_none() -> None:
    for data in (b"", b"0", b"\xfe\xed", ONE, b"-----BEGIN CERTIFICATE-----", b"\x30\x80"):
        assert keystores.keystore(data) is None


def test_the_rest_of_one_that_holds_secret_keys_is_said_to_be_unread() -> None:
    data = bytearray(jks(("a", ONE), ("b", TWO), magic=b"\xce\xce\xce\xce"))
    place = data.rindex(b"\0\0\0\2\0\1b")
    data[place + 3] = 3
    found = keystores.keystore(bytes(data))
    assert found
    assert found.certificates == [ONE]
    assert found.problem == "unread: a secret key is entry 2 of 2; what stands from it on was not read"
    other = keystores.keystore(b"\0\0\0\2\0\0\0\x14" + bytes(40))
    assert other
    assert other.problem == "unread: a BouncyCastle keystore"


@given(st.integers(0, len(WHOLE) - 1))
def test_one_cut_anywhere_is_damaged(end: int) -> None:
    found = keystores.keystore(WHOLE[:end])
    assert found is None if end < 4 else found is not None and str(found.problem).startswith("damaged")


@given(st.binary(max_size=600), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_any_bytes_are_survived_and_never_make_more_than_there_is(data: bytes, place: int, number: int) -> None:
    flipped = bytearray(WHOLE)
    flipped[4 + place : 8 + place] = number.to_bytes(4, "big")
    for start in (
        data,
        b"\xfe\xed\xfe\xed" + data,
        b"\xfe\xed\xfe\xed\0\0\0\2" + data,
        b"\xce\xce\xce\xce" + data,
        bytes(flipped),
    ):
        found = keystores.keystore(start)
        if found:
            assert sum(map(len, found.certificates)) <= len(start)
