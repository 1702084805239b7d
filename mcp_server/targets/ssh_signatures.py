"""Signatures by OpenSSH keys (`ssh-keygen -Y`): Ed25519 in a file, in an agent or on a FIDO device, all verified alike.

Who may sign stands in an `allowed_signers` file, in OpenSSH's own format: expiry of keys and their namespaces included. A
file that somebody else could have changed, or put another in the place of, vouches for nobody. A FIDO device must have been
touched: OpenSSH verifies a signature without a touch too, and any program near the device can ask for one.
"""

import base64
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from mcp_server.core.errors import Broken, CouldNotLook
from mcp_server.core.text import one_line
from mcp_server.targets.command import find_program

TIMEOUT_S = 10
SIGNATURE = re.compile(rb"-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/=]{1,76}\n){1,60}-----END SSH SIGNATURE-----\n?")
_KEY = re.compile(r'Good ".*" signature for .* with \S+ key (SHA256:[A-Za-z0-9+/]{43})')
_STICKY = stat.S_ISVTX
PLAIN, FIDO = "ssh-ed25519", "sk-ssh-ed25519@openssh.com"
"""Kinds of keys that count. Others (RSA, ECDSA, certificates) are refused, also when they are listed."""
_TOUCHED = 1


class Signer(NamedTuple):
    """Whose key it is, as `allowed_signers` names it, and the key's fingerprint."""

    principal: str
    key: str


def signer_of(text: bytes, signature: bytes, namespace: str, allowed_signers: str, apart_from: Sequence[str]) -> Signer | None:
    """Who signed exactly this text for this namespace; None when nobody did who is allowed to.

    A key that is listed under several names is one person: the first name counts. Raises Broken when the file of allowed
    signers cannot be trusted (a sentence says why), CouldNotLook when ssh-keygen is missing or hangs.
    """
    if not SIGNATURE.fullmatch(signature) or not _counts(signature):
        return None
    with _opened(allowed_signers, apart_from) as allowed, _kept(signature) as kept:
        files = ("-s", f"/dev/fd/{kept}", "-f", f"/dev/fd/{allowed}")
        named = _run(("-Y", "find-principals", *files), b"", (allowed, kept))
        principal = named.split("\n", 1)[0].split(",", 1)[0].strip() if named else ""
        if not principal or principal.startswith("-"):
            return None
        said = _run(("-Y", "verify", "-n", namespace, "-I", principal, *files), text, (allowed, kept))
    key = _KEY.match(said or "")
    return Signer(one_line(principal, 120), key[1]) if key else None


def _counts(signature: bytes) -> bool:
    """Whether it is by a kind of key that counts, and a FIDO device was touched for it.

    What is read here is proven afterwards: the kind by the key's being listed, the touch because it is signed as well.
    """
    try:
        blob = base64.b64decode(b"".join(signature.splitlines()[1:-1]), validate=True)
        fields = blob[10:]  # after `SSHSIG` and the version
        key, fields = _text(fields)
        for _ in ("namespace", "reserved", "hash"):
            _, fields = _text(fields)
        signed, _ = _text(fields)
        kind, (signing, rest) = _text(key)[0].decode(), _text(signed)
        proof, rest = _text(rest)
    except (ValueError, IndexError):
        return False
    if kind not in (PLAIN, FIDO) or signing.decode("ascii", "replace") != kind or len(proof) != 64:
        return False
    return not rest if kind == PLAIN else len(rest) == 5 and bool(rest[0] & _TOUCHED)


def _text(data: bytes) -> tuple[bytes, bytes]:
    """A text of SSH's wire format, and what follows. Raises ValueError where it ends before."""
    size = 4 + int.from_bytes(data[:4], "big")
    if len(data) < size or size < 4:
        raise ValueError("it ends before")
    return data[4:size], data[size:]


@contextmanager
def _kept(signature: bytes) -> Iterator[int]:
    """The signature as a file that has no name."""
    number = os.memfd_create("signature") if hasattr(os, "memfd_create") else _unnamed()
    try:
        os.write(number, signature)
        yield number
    finally:
        os.close(number)


def _unnamed() -> int:
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _run(arguments: Sequence[str], text: bytes, files: tuple[int, ...]) -> str | None:
    """What ssh-keygen says, None when it refuses."""
    program = find_program("ssh-keygen")
    if program is None:
        raise CouldNotLook("ssh-keygen", "missing", "program ssh-keygen is not installed", "install the OpenSSH client")
    for number in files:
        os.lseek(number, 0, os.SEEK_SET)
    try:
        done = subprocess.run(
            (program, *arguments), input=text, capture_output=True, pass_fds=files, cwd="/", timeout=TIMEOUT_S, check=False,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CouldNotLook("ssh-keygen", "timed_out", f"no end within {TIMEOUT_S} s") from None
    return done.stdout.decode("utf8", "replace") if done.returncode == 0 else None


@contextmanager
def _opened(path: str, apart_from: Sequence[str]) -> Iterator[int]:
    """The file of allowed signers, opened and trusted. Raises Broken."""
    remedy = "see docs/incident_response/gates/approval.md"
    if sentence := distrust(path, apart_from):
        raise Broken(sentence, remedy)
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if sentence := _loose(os.fstat(number), path):  # another file may have been put in its place meanwhile
            raise Broken(sentence, remedy)
        yield number
    finally:
        os.close(number)


def distrust(path: str, apart_from: Sequence[str] = ()) -> str:
    """Empty, or why this file vouches for nobody: no link, no file of others, not below a folder that the server writes."""
    if not path.startswith("/"):
        return f"allowed_signers is {one_line(path)}; it should be an absolute path"
    try:
        found = os.lstat(path)
    except OSError as error:
        return f"allowed_signers {one_line(path)}: {error.strerror}"
    if stat.S_ISLNK(found.st_mode):
        return f"allowed_signers {one_line(path)} is a symbolic link; name the file itself"
    if sentence := _loose(found, path):
        return sentence
    real = os.path.realpath(path)
    for folder in apart_from:
        if os.path.commonpath((real, os.path.realpath(folder))) == os.path.realpath(folder):
            return f"allowed_signers {one_line(path)} lies below {folder}, where this program writes"
    for folder in _above(real):
        seen = os.lstat(folder)
        if seen.st_uid not in (0, os.geteuid()) or (seen.st_mode & 0o022 and not seen.st_mode & _STICKY):
            return f"allowed_signers {one_line(path)}: others may replace what is in {folder}"
    return ""


def _loose(found: os.stat_result, path: str) -> str:
    """Empty, or why somebody else may have written this file."""
    if not stat.S_ISREG(found.st_mode):
        return f"allowed_signers {one_line(path)} is no file"
    if found.st_uid not in (0, os.geteuid()):
        return f"allowed_signers {one_line(path)} belongs to user {found.st_uid}; it should belong to root or to this account"
    if found.st_mode & 0o022:
        return f"allowed_signers {one_line(path)} can be written by its group or by everybody (mode {found.st_mode & 0o777:o})"
    return ""


def _above(path: str) -> Iterator[str]:
    while path != (folder := os.path.dirname(path)):
        yield folder
        path = folder
