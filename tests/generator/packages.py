"""The packages of a host in a folder: real dpkg, in a private root, with packages that are built when first wanted.

dpkg stamps its log with the wall clock, so what it writes is kept word for word and its stamps are moved to the story's time.
"""

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

INSTALLED = {
    "python3-psycopg2": "2.9.5-1", "libxmlsec1": "1.2.37-2", "tzdata": "2026a-0", "curl": "8.5.0-2", "libc6": "2.39-0",
    "vim-common": "9.1.1", "python3-idna": "3.6-2", "openssl": "3.0.13-0", "telnet": "0.17-44",
}  # fmt: skip
"""What the host has before anything happens."""
PROGRAMS = ("dpkg", "dpkg-deb")
STAMP = "%Y-%m-%d %H:%M:%S"


def found(root: Path, at: datetime) -> None:
    """A dpkg database below `root`, with `INSTALLED` as it came at that time."""
    shutil.copytree(_installed(), root, dirs_exist_ok=True)
    log = root / "var/log/dpkg.log"
    written = log.read_text()
    log.write_text(_moved(written, at))


def install(root: Path, at: datetime, package: str, version: str) -> None:
    """Install a package, or upgrade it."""
    _append(root, at, "-i", str(_built(package, version)))


def remove(root: Path, at: datetime, package: str) -> None:
    """Remove a package; dpkg says nothing of one that is not there."""
    _append(root, at, "-r", package)


def _append(root: Path, at: datetime, *argv: str) -> None:
    log = root / "var/log/dpkg.log"
    before = log.read_text()
    _dpkg(root, *argv)
    log.write_text(before + _moved(log.read_text().removeprefix(before), at))


def _dpkg(root: Path, *argv: str) -> None:
    command = ["dpkg", f"--root={root}", f"--log={root}/var/log/dpkg.log", "--force-all", *argv]
    done = subprocess.run(
        command, check=False, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")


def _environment() -> dict[str, str]:
    """Stamps in UTC, and temporary files where ours are: not everybody may write to /tmp."""
    return os.environ | {"TZ": "UTC", "LC_ALL": "C", "TMPDIR": tempfile.gettempdir()}


def _moved(written: str, at: datetime) -> str:
    """dpkg's lines, the first of them at `at`, and the others as long after it as they were."""
    lines = [(datetime.strptime(line[:19], STAMP), line[19:]) for line in written.splitlines()]
    local = at.astimezone(UTC).replace(tzinfo=None)
    return "".join(f"{max(local, local + (stamp - lines[0][0])):{STAMP}}{line}\n" for stamp, line in lines)


@cache
def _bench() -> tempfile.TemporaryDirectory[str]:
    """Where packages are built, until this process ends."""
    return tempfile.TemporaryDirectory(prefix="veteran-debs-")


@cache
def _built(package: str, version: str) -> Path:
    tree = Path(_bench().name) / f"{package}_{version}"
    shared = tree / "usr/share/doc" / package
    shared.mkdir(parents=True)
    (shared / "copyright").write_text(f"{package} {version}\n")
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        f"Package: {package}\nVersion: {version}\nArchitecture: {_architecture()}\n"
        f"Maintainer: Packagers <packagers@example.org>\nDescription: {package}\n"
    )
    file = tree.with_name(f"{tree.name}.deb")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(file)], check=True, env=_environment(),
        stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    return file


@cache
def _architecture() -> str:
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


@cache
def _installed() -> Path:
    """A root with `INSTALLED`, to be copied: installing them costs more than everything else here."""
    root = Path(_bench().name) / "root"
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log"):
        (root / folder).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    _dpkg(root, "-i", *(str(_built(package, version)) for package, version in INSTALLED.items()))
    return root
