"""A Python environment as its folders tell: which modules and packages it holds. Nothing of it is run."""

import posixpath
import re
from dataclasses import dataclass, field

from mcp_server.core.calls import ListFolder
from mcp_server.core.clues import canonical
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader

_HARMLESS = re.compile(r"distutils-precedence\.pth|_virtualenv\.pth|a1_coverage\.pth|.*-nspkg\.pth|matplotlib-.*\.pth")
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", re.M)
_SYSTEM = re.compile(r"^include-system-site-packages\s*=\s*true", re.M | re.I)
_HOME = re.compile(r"^home\s*=\s*(/\S+)", re.M)
_LIB = re.compile(r"python(\d+)\.(\d+)")
_USUAL = ("venv", ".venv", "env", ".env")


@dataclass
class Environment:
    """What an interpreter can import besides its standard library. `doubts`: what else could bring modules."""

    folder: str
    version: tuple[int, int] | None = None
    modules: set[str] = field(default_factory=set)
    packages: dict[str, str] = field(default_factory=dict)
    sites: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def read_environment(reader: Reader, root: str, python: str | None) -> Environment:
    """The environment at `python` (its folder, or its interpreter), else the usual one inside `root`.

    Raises CouldNotLook when there is none or its packages cannot be listed.
    """
    folder, config = _find(reader, root, python)
    found = Environment(folder)
    roots = [folder]
    if config is not None:
        if match := _VERSION.search(config):
            found.version = int(match[1]), int(match[2])
        if _SYSTEM.search(config) and (home := _HOME.search(config)):
            roots.append(posixpath.dirname(home[1]))
    for prefix in roots:
        _site_folders(reader, found, prefix, is_venv=prefix == folder and config is not None)
    if not found.sites:
        raise CouldNotLook(folder, "missing", "no folder of installed packages (lib/pythonX.Y/site-packages)", "name python=")
    return found


def _find(reader: Reader, root: str, python: str | None) -> tuple[str, str | None]:
    """The environment's folder and its pyvenv.cfg, None for an interpreter without one."""
    if python is not None:
        in_bin = posixpath.basename(posixpath.dirname(python)) in ("bin", "sbin")
        tried: tuple[str, ...] = (
            (posixpath.dirname(posixpath.dirname(python)) or "/",) if in_bin else (python.rstrip("/") or "/",)
        )
    else:
        tried = tuple(posixpath.join(root, name) for name in _USUAL)
    for folder in tried:
        try:
            return folder, reader.file(posixpath.join(folder, "pyvenv.cfg"), length=65_536).value.text
        except CouldNotLook as failure:
            if failure.reason not in ("missing", "damaged"):
                raise
    if python is not None:
        return tried[0], None
    raise CouldNotLook(f"environment of {root}", "missing", f"none of {', '.join(_USUAL)} is there", "name it with python=")


def _site_folders(reader: Reader, found: Environment, prefix: str, *, is_venv: bool) -> None:
    lib = posixpath.join(prefix, "lib")
    names = [posixpath.basename(item.path) for item in reader.look(ListFolder(path=lib, pattern="python3*")).value.entries]
    versions = [name for name in names if _LIB.fullmatch(name)]
    if found.version:
        versions = [name for name in versions if name == f"python{found.version[0]}.{found.version[1]}"] or versions
    elif len(versions) == 1 and (match := _LIB.fullmatch(versions[0])):
        found.version = int(match[1]), int(match[2])
    folders = [posixpath.join(lib, name, "site-packages") for name in versions]
    if not is_venv:
        folders += [posixpath.join(lib, "python3", "dist-packages")] if "python3" in names else []
        folders += [posixpath.join(prefix, "local", "lib", name, "dist-packages") for name in versions]
    for folder in folders:
        try:
            _site(reader, found, folder, packages=True)
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise


def _site(reader: Reader, found: Environment, folder: str, *, packages: bool) -> None:
    """Names in one folder of the import path, and in those its .pth files add."""
    seen = reader.look(ListFolder(path=folder, limit=20_000))
    found.evidence.append(seen.evidence)
    found.sites.append(folder)
    if seen.value.cut:
        found.doubts.append(f"{folder}: {seen.value.cut}")
    for item in seen.value.entries:
        name = posixpath.basename(item.path)
        stem, _, suffix = name.rpartition(".")
        if suffix in ("dist-info", "egg-info"):
            package, _, version = stem.partition("-") if suffix == "egg-info" else stem.rpartition("-")
            found.packages[canonical(package or stem)] = version.split("-py", 1)[0]
        elif suffix == "pth" and packages:
            _added(reader, found, folder, name)
        elif suffix in ("py", "so", "pyd", "pyc"):
            found.modules.add(name.split(".", 1)[0])
        elif item.type in ("folder", "link") and "." not in name and name != "__pycache__":
            found.modules.add(name)


def _added(reader: Reader, found: Environment, folder: str, name: str) -> None:
    if _HARMLESS.fullmatch(name):
        return
    try:
        text = reader.file(posixpath.join(folder, name), length=65_536).value.text
        for line in text.split("\n")[:100]:
            entry = line.strip()
            if entry.startswith("import ") or entry.startswith("import\t"):
                found.doubts.append(f"{name} runs code that may add modules")
            elif entry and not entry.startswith("#") and len(found.sites) < 30:
                _site(reader, found, posixpath.normpath(posixpath.join(folder, entry)), packages=False)
    except CouldNotLook as failure:
        if failure.reason != "missing":
            found.doubts.append(f"{name}: {failure.reason}")
