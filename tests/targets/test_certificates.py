"""Certificates leave a file; nothing else does. Damage, lack of rights and bundles are said."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_server.core.clock import now
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.state_calls import Certificates, ReadCertificates
from mcp_server.targets import certificates as target
from tests.certificates import der, issue

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE, KEY = issue("shop.example.org", NOON)


def read(path: Path, policy: ReadSettings | None = None, **call: int) -> Certificates:
    answer = target.look(ReadCertificates(path=str(path), **call), Limits(), policy or ReadSettings())
    assert isinstance(answer, Certificates)
    return answer


def test_a_certificate_beside_its_key(tmp_path: Path) -> None:
    file = tmp_path / "both.pem"
    file.write_bytes(KEY + ONE)
    seen = read(file)
    (found,) = seen.found
    assert (found.subject, found.names, found.not_before) == ("CN=shop.example.org", ("shop.example.org",), NOON)
    assert not found.authority
    assert not seen.problems
    told = seen.model_dump_json()
    assert "PRIVATE" not in told
    assert KEY.splitlines()[1].decode() not in told


def test_der_chains_and_files_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "one.der").write_bytes(der(ONE))
    (tmp_path / "chain.crt").write_bytes(ONE + issue("authority", NOON, authority=True)[0])
    (tmp_path / "key.pem").write_bytes(KEY)
    (tmp_path / "note.txt").write_bytes(ONE)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "in.pem").write_bytes(ONE)
    seen = read(tmp_path)
    assert [(Path(item.path).name, item.position) for item in seen.found] == [
        ("chain.crt", 1), ("chain.crt", 2), ("one.der", 1),
    ]  # fmt: skip
    assert seen.found[1].authority
    assert seen.found[0].fingerprint == seen.found[2].fingerprint
    assert (seen.files, seen.problems) == (2, {})


def test_damage_is_said_and_the_rest_is_told(tmp_path: Path) -> None:
    lines = ONE.splitlines(keepends=True)
    (tmp_path / "half.pem").write_bytes(b"".join(lines[:3]))
    (tmp_path / "wrong.pem").write_bytes(lines[0] + b"AAAA\n" + lines[-1])
    (tmp_path / "one-good.pem").write_bytes(ONE + lines[0] + b"!!\n" + lines[-1])
    (tmp_path / "binary.der").write_bytes(b"\x30\x82" + bytes(50))
    seen = read(tmp_path)
    assert [Path(item.path).name for item in seen.found] == ["one-good.pem"]
    assert {Path(path).name: why for path, why in seen.problems.items()} == dict.fromkeys(
        ("half.pem", "wrong.pem", "one-good.pem", "binary.der"), "damaged: 1 certificate in it cannot be parsed"
    )


def test_what_is_named_must_hold_one(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("hello\n")
    with pytest.raises(CouldNotLook) as failure:
        read(tmp_path / "server.pem")
    assert failure.value.reason == "damaged"
    with pytest.raises(CouldNotLook) as failure:
        read(tmp_path / "none.pem")
    assert failure.value.reason == "missing"
    (tmp_path / "large.pem").write_bytes(ONE + bytes(target.MOST_BYTES))
    with pytest.raises(CouldNotLook) as failure:
        read(tmp_path / "large.pem")
    assert failure.value.reason == "cut"


def test_the_policy_holds(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(ONE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "out.pem").symlink_to(tmp_path / "a.pem")
    roots = ReadSettings(roots=(str(tmp_path / "in"),))
    with pytest.raises(CouldNotLook) as failure:
        read(tmp_path, roots)
    assert failure.value.reason == "refused"
    assert "refused" in str(read(tmp_path / "in", roots).problems)
    assert len(read(tmp_path / "in").found) == 1, "links are followed inside the roots"


def test_of_a_bundle_only_the_ends_are_told(tmp_path: Path) -> None:
    far = issue("far", now() - timedelta(days=2_000), now() + timedelta(days=2_000), authority=True)[0]
    near = issue("near", now() - timedelta(days=2_000), now() + timedelta(days=2), authority=True)[0]
    (tmp_path / "bundle.crt").write_bytes(far * target.BUNDLE + near)
    seen = read(tmp_path)
    assert [item.subject for item in seen.found] == ["CN=near"]
    assert seen.ordinary == target.BUNDLE
    (tmp_path / "bundle.crt").write_bytes(far * target.BUNDLE)
    assert len(read(tmp_path).found) == target.BUNDLE


def test_a_listing_is_bounded_and_says_so(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.pem").write_bytes(ONE)
    seen = read(tmp_path, limit=3)
    assert len(seen.found) == 3
    assert "stopped after 3 files" in str(seen.cut)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep.pem").write_bytes(ONE)
    assert len(read(tmp_path, depth=2).found) == 5


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"-----BEGIN CERTIFICATE-----\n", b"\x30\x82", ONE[:200]]))
def test_hostile_bytes_are_damage_at_worst(tmp_path: Path, raw: bytes, lead: bytes) -> None:
    (tmp_path / "x.pem").write_bytes(lead + raw)
    assert read(tmp_path).found == ()
