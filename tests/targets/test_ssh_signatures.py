"""Signatures by OpenSSH keys, made by ssh-keygen itself: who signed, and the files that vouch for nobody."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.errors import Broken
from mcp_server.targets.ssh_signatures import _counts, _run, distrust, signer_of
from tests.keys import Keys, Stick
from tests.real_parts import need


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    need("ssh-keygen")
    return Keys(tmp_path / "keys")


def signer(keys: Keys, text: bytes, signature: bytes, namespace: str = "veteran-plan") -> str | None:
    found = signer_of(text, signature, namespace, str(keys.allowed), ())
    return found.principal if found else None


def test_the_signer_is_named(keys: Keys) -> None:
    keys.make("alice"), keys.make("bob")
    keys.allow("alice", "bob")
    assert signer(keys, b"text\n", keys.sign("bob", b"text\n")) == "bob"
    found = signer_of(b"x", keys.sign("alice", b"x"), "veteran-plan", str(keys.allowed), ())
    assert found.key == keys.fingerprint("alice")


def test_another_text_namespace_or_key_is_no_signature(keys: Keys) -> None:
    keys.make("alice"), keys.make("mallory")
    keys.allow("alice")
    good = keys.sign("alice", b"text\n")
    assert signer(keys, b"text", good) is None
    assert signer(keys, b"text\n", keys.sign("alice", b"text\n", "file")) is None
    assert signer(keys, b"text\n", good, "veteran-standing") is None
    assert signer(keys, b"text\n", keys.sign("mallory", b"text\n")) is None
    for junk in (
        b"",
        b"x",
        good[:-40],
        good + good,
        good.replace(b"A", b"B", 5),
        b"\0" * 1000,
        b"-----BEGIN SSH SIGNATURE-----\n",
    ):
        assert signer(keys, b"text\n", junk) is None


def test_a_key_under_two_names_is_one_person(keys: Keys) -> None:
    keys.make("alice")
    keys.allow("alice")
    keys.allowed.write_text(keys.allowed.read_text() + keys.allowed.read_text().replace("alice", "bob", 1))
    assert signer(keys, b"x", keys.sign("alice", b"x")) == "alice"
    keys.allowed.write_text(keys.allowed.read_text().splitlines()[0].replace("alice", "bob,alice", 1) + "\n")
    assert signer(keys, b"x", keys.sign("alice", b"x")) == "bob"


def test_the_namespaces_and_the_expiry_of_a_key_are_kept(keys: Keys) -> None:
    keys.make("alice")
    keys.allow("alice", options='namespaces="veteran-standing"')
    assert signer(keys, b"x", keys.sign("alice", b"x")) is None
    keys.allow("alice", options='valid-before="20200101"')
    assert signer(keys, b"x", keys.sign("alice", b"x")) is None


def test_an_agent_signs_as_well(keys: Keys) -> None:
    need("ssh-agent", "ssh-add")
    keys.make("alice")
    keys.allow("alice")
    with keys.agent("alice") as env:
        assert signer(keys, b"x", keys.sign("alice", b"x", key="alice.pub", env=env)) == "alice"


def test_a_fido_stick_signs_when_it_is_touched(keys: Keys) -> None:
    keys.make("alice")
    keys.allow("alice")
    stick, other = Stick(), Stick()
    with keys.allowed.open("a") as file:
        file.write(f'bob namespaces="veteran-plan" {stick.public()}\n')
    assert signer(keys, b"x", stick.sign(b"x")) == "bob"
    assert signer(keys, b"x", keys.sign("alice", b"x")) == "alice", "the other line of the file counts as before"
    untouched = stick.sign(b"x", touched=False)
    (keys.folder / "untouched").write_bytes(untouched)
    files = ("-s", str(keys.folder / "untouched"), "-f", str(keys.allowed))
    assert "ED25519-SK" in (_run(("-Y", "verify", "-n", "veteran-plan", "-I", "bob", *files), b"x", ()) or ""), (
        "OpenSSH takes it"
    )
    assert signer(keys, b"x", untouched) is None
    assert signer(keys, b"x", stick.sign(b"x", touched=False, claims=True)) is None
    assert signer(keys, b"y", stick.sign(b"x")) is None
    assert signer(keys, b"x", stick.sign(b"x", "file")) is None
    assert signer(keys, b"x", other.sign(b"x")) is None


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_of_another_kind_does_not_count_though_it_is_listed(keys: Keys, kind: str) -> None:
    keys.make("alice", kind)
    keys.allow("alice")
    assert signer(keys, b"x", keys.sign("alice", b"x")) is None


@given(data=st.binary(max_size=400))
def test_what_is_no_signature_inside_is_none(data: bytes) -> None:
    armour = b"-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n"
    body = base64.b64encode(b"SSHSIG\0\0\0\1" + data)
    lines = b"\n".join(body[start : start + 70] for start in range(0, len(body), 70))
    assert _counts(armour % lines) is False


def test_files_that_vouch_for_nobody(keys: Keys, tmp_path: Path) -> None:
    keys.make("alice")
    keys.allow("alice")
    path, good = keys.allowed, keys.sign("alice", b"x")
    assert distrust(str(path)) == ""

    def refused(name: str, words: str, *apart: str) -> None:
        assert words in distrust(name, apart)
        with pytest.raises(Broken, match=r"allowed_signers"):
            signer_of(b"x", good, "veteran-plan", name, apart)

    link = tmp_path / "link"
    link.symlink_to(path)
    refused(str(link), "symbolic link")
    refused("keys/allowed", "absolute path")
    refused(str(tmp_path / "missing"), "No such file")
    refused(str(tmp_path), "is no file")
    refused(str(path), "where this program writes", str(tmp_path))
    folder = tmp_path / "way"
    folder.symlink_to(keys.folder)
    refused(str(folder / path.name), "where this program writes", str(keys.folder))
    path.chmod(0o664)
    refused(str(path), "written by its group")
    path.chmod(0o646)
    refused(str(path), "by everybody")
    path.chmod(0o644)
    keys.folder.chmod(0o777)
    refused(str(path), "others may replace")
    keys.folder.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(path, 4711, 0)
        refused(str(path), "belongs to user 4711")
