"""Keys of people who approve, made and used by OpenSSH itself."""

import subprocess
from collections.abc import Mapping
from pathlib import Path


class Keys:
    """Private keys and the file of allowed signers in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.allowed = folder, folder / "allowed_signers"
        folder.mkdir(mode=0o755)

    def make(self, name: str) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.folder / name], check=True)

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
