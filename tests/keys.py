"""Keys of people who approve, made and used by OpenSSH itself."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.real_parts import wait_until


class Keys:
    """Private keys and the file of allowed signers in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.allowed = folder, folder / "allowed_signers"
        folder.mkdir(mode=0o755)

    def make(self, name: str, kind: str = "ed25519") -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", self.folder / name], check=True)

    def public(self, name: str) -> str:
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def fingerprint(self, name: str) -> str:
        done = subprocess.run(
            ["ssh-keygen", "-l", "-f", self.folder / f"{name}.pub"], capture_output=True, text=True, check=True
        )
        return done.stdout.split()[1]

    def allow(self, *names: str, options: str = "") -> None:
        """Write the file anew: these may sign."""
        self.allowed.write_text("".join(f"{name} {options + ' ' if options else ''}{self.public(name)}\n" for name in names))
        self.allowed.chmod(0o644)

    def sign(
        self, name: str, text: bytes, namespace: str = "veteran-plan", *, key: str = "", env: Mapping[str, str] | None = None
    ) -> bytes:
        """The signature, as ssh-keygen writes it for its standard input."""
        argv = ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", self.folder / (key or name)]
        return subprocess.run(argv, input=text, capture_output=True, check=True, env=env).stdout

    @contextmanager
    def agent(self, name: str) -> Iterator[dict[str, str]]:
        """An ssh-agent that alone holds this key: the environment to reach it. The private key's file is gone."""
        socket = str(self.folder / "agent")
        with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
            try:
                wait_until(lambda: os.path.exists(socket) or agent.poll() is not None, "the agent listens")
                env = dict(os.environ) | {"SSH_AUTH_SOCK": socket}
                subprocess.run(["ssh-add", "-q", self.folder / name], env=env, check=True)
                (self.folder / name).unlink()
                yield env
            finally:
                agent.terminate()


class Stick:
    """A FIDO stick in software: an `sk-ssh-ed25519@openssh.com` key and its signatures, byte by byte as OpenSSH documents them
    (PROTOCOL.u2f, PROTOCOL.sshsig)."""

    KIND = b"sk-ssh-ed25519@openssh.com"

    def __init__(self, application: bytes = b"ssh:") -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        self._key, self._application = Ed25519PrivateKey.generate(), application
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._public = _text(self.KIND) + _text(raw) + _text(application)

    def public(self) -> str:
        """The key as it stands in a file of allowed signers."""
        return f"{self.KIND.decode()} {base64.b64encode(self._public).decode()}"

    def sign(self, text: bytes, namespace: str = "veteran-plan", *, touched: bool = True, claims: bool | None = None) -> bytes:
        """A signature; `claims` says in it something else about the touch than was signed."""
        hashed = hashlib.sha512(text).digest()
        message = b"SSHSIG" + _text(namespace.encode()) + _text(b"") + _text(b"sha512") + _text(hashed)
        flags, counter = bytes([touched]), (7).to_bytes(4, "big")
        told = hashlib.sha256(self._application).digest() + flags + counter + hashlib.sha256(message).digest()
        proof = _text(self.KIND) + _text(self._key.sign(told)) + bytes([touched if claims is None else claims]) + counter
        blob = b"SSHSIG" + (1).to_bytes(4, "big") + _text(self._public) + _text(namespace.encode()) + _text(b"")
        body = base64.b64encode(blob + _text(b"sha512") + _text(proof))
        lines = b"\n".join(body[start : start + 70] for start in range(0, len(body), 70))
        return b"-----BEGIN SSH SIGNATURE-----\n" + lines + b"\n-----END SSH SIGNATURE-----\n"


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
