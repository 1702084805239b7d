"""Ways to look at what lies on a host for long: certificates, and digests of files whose content is nobody's business."""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.noun import Noun


class Certificate(Noun):
    """What a TLS endpoint presented."""

    subject: str
    issuer: str
    not_before: Moment
    not_after: Moment
    names: tuple[str, ...] = ()
    verified: bool
    problem: str | None = None


class StoredCertificate(Noun):
    """One certificate of a file; `modified` is the file's."""

    path: str
    position: int = Field(description="1 for the first certificate of the file")
    subject: str
    issuer: str
    serial: str
    not_before: Moment
    not_after: Moment
    names: tuple[str, ...] = ()
    authority: bool = Field(False, description="it may sign others")
    fingerprint: str = Field(description="sha256 of the certificate, hexadecimal")
    modified: Moment


class Certificates(Noun):
    """Certificates of a file or below a folder. Other content of these files, such as private keys, never leaves it."""

    path: str
    found: tuple[StoredCertificate, ...] = ()
    files: int = Field(0, description="files that hold certificates")
    ordinary: int = Field(0, description="certificates of bundles, far from both ends of their time, that are left out")
    problems: dict[str, str] = Field(
        {}, description="path → why it could not be read: `denied: …`, `damaged: …`, `locked: …`, `unread: …`"
    )
    cut: str | None = None


class ReadCertificates(Call[Certificates]):
    """Certificates (PEM, DER, or a Java keystore) of one file, or of the files below a folder that are named as such.

    Links are followed, but not into the system's store of trusted authorities; folders called `private` are not entered.
    Of a bundle only those are told that begin or end within 90 days of the look.
    """

    kind: Literal["certificates"] = "certificates"
    path: str
    depth: int = Field(4, ge=1, le=8)
    limit: int = Field(500, ge=1, le=5_000, description="files opened at most")

    def title(self) -> str:
        return f"certificates of {self.path}"


TOOL_FOLDERS = (
    ".git", ".hg", ".svn", "node_modules", "__pycache__", "site-packages", "dist-packages", ".cache", ".mypy_cache",
    ".pytest_cache", ".ruff_cache",
)  # fmt: skip
"""Folders in which nobody does anything by hand; other sources tell of these better."""

CERTIFICATE_PLACES = ("/etc/ssl", "/etc/letsencrypt/live", "/etc/pki/tls/certs")
"""Where certificates lie by custom."""


class FileMark(Noun):
    """One name and what tells whether it is still the same. `digest` is the sha256 of what it holds, hexadecimal.

    None where the file is too large, or where not everybody may read it: a digest of a short secret would give it away.
    """

    path: str
    mode: str
    owner: str
    size: int
    modified: Moment
    digest: str | None = None
    link: str | None = None

    def state(self) -> str:
        """What tells in one line whether it is the same: its digest; where there is none, its size and time."""
        rights = f"{self.mode} {self.owner}"
        if self.link is not None:
            return f"link to {self.link}"
        if self.digest is not None:
            return f"sha256 {self.digest[:32]} {rights}"
        return f"{self.size} bytes written {stamp(self.modified)} {rights}"


class Digests(Noun):
    """Marks of every file and link below a folder, or of one file."""

    path: str
    files: tuple[FileMark, ...] = ()
    unreadable: tuple[str, ...] = Field((), description="folders that could not be entered, files that could not be read")
    cut: str | None = None


class DigestFiles(Call[Digests]):
    """Digests of the files below a folder, down to `depth`; of their content nothing else is kept."""

    kind: Literal["digests"] = "digests"
    path: str
    depth: int = Field(6, ge=1, le=12)
    limit: int = Field(5_000, ge=1, le=50_000)
    skip: tuple[str, ...] = Field((), description="folder names never entered, such as .git")

    def title(self) -> str:
        return f"digests of {self.path}"


class Holders(Noun):
    """Which of the files asked about some process has open. `hidden`: processes whose open files could not be seen."""

    held: dict[str, tuple[int, ...]] = Field({}, description="path → numbers of the processes")
    hidden: int = 0


class ReadHolders(Call[Holders]):
    """Who has these files open, by any name that leads to them."""

    kind: Literal["holders"] = "holders"
    paths: tuple[str, ...] = Field(min_length=1, max_length=1_000)

    def title(self) -> str:
        return f"who has {self.paths[0]}" + (f" and {len(self.paths) - 1} more open" if len(self.paths) > 1 else " open")


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadCertificates: Certificates, DigestFiles: Digests, ReadHolders: Holders}
"""The calls of this module, each with the type of its answer."""
