"""Which Python packages were installed into the environments concerned?"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.clues import canonical
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader

CHANGE_SOURCE = ChangeSource(
    question="Which Python packages were installed into the environments concerned? (A removal shows until the next install.)"
)

SETTLE = timedelta(seconds=2)
READ_RECORDS = 40
_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+?)(?:-py\d[\d.]*)?\.(?:dist|egg)-info")


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Installs by the time of their metadata folder; a removal by the time of the folder it left."""
    environments = [_environment(python) for python in scope.pythons] or _discovered(reader, scope)
    if not environments:
        reader.empty("no Python environment was named or lies in the folders")
    for environment in dict.fromkeys(environments):
        with reader.part(f"Python packages of {environment}"):
            for packages in _package_folders(reader, environment):
                yield from _changes(reader, window, environment, packages)


def _environment(python: str) -> str:
    """The environment of an interpreter (`/srv/venv/bin/python3`), or the folder as named."""
    path = PurePosixPath(python)
    return str(path.parent.parent if path.parent.name == "bin" and path.name.startswith(("python", "pypy")) else path)


def _discovered(reader: Reader, scope: Scope) -> list[str]:
    """Environments that lie in the folders, and /usr/local, where pip puts packages for the whole host."""
    found: list[str] = []
    for folder in scope.folders:
        with reader.part(f"Python environments below {folder}"):
            seen = reader.look(ListFolder(path=folder, pattern="pyvenv.cfg", depth=3, skip=(".git", "node_modules"))).value
            found += [str(PurePosixPath(entry.path).parent) for entry in seen.entries if entry.type == "file"]
    with reader.part("Python packages of /usr/local"):
        if reader.look(ListFolder(path="/usr/local/lib", pattern="python3*")).value.entries:
            found.append("/usr/local")
    return found


def _package_folders(reader: Reader, environment: str) -> list[FileStat]:
    """site-packages and dist-packages below the environment. Raises CouldNotLook when there is none."""
    versions = reader.look(ListFolder(path=f"{environment}/lib", pattern="python*")).value.entries
    found: list[FileStat] = []
    for version in versions:
        for name in ("site-packages", "dist-packages") if version.type == "folder" else ():
            try:
                found.append(reader.look(StatFile(path=f"{version.path}/{name}")).value)
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    raise
    if not found:
        raise CouldNotLook(environment, "missing", "no site-packages below it", "name the environment that runs the service")
    return found


def _changes(reader: Reader, window: Window, environment: str, packages: FileStat) -> Iterator[Change]:
    seen = reader.look(ListFolder(path=packages.path, pattern="*-info"))
    if seen.value.cut:
        reader.cut(f"packages of {environment}: {seen.value.cut}", "name a smaller environment")
    found = [(entry, match) for entry in seen.value.entries if (match := _INFO.fullmatch(PurePosixPath(entry.path).name))]
    installs = [(entry, match, moment) for entry, match in found if (moment := _when(entry, window))]
    for index, (entry, match, (kind, at)) in enumerate(sorted(installs, key=lambda item: item[2][1])):
        modules = _modules(reader, entry) if index < READ_RECORDS else ()
        name = canonical(match["name"])
        text = "{package} {version} was installed into {environment}"
        if kind == "arrive":
            text = "{package} {version} was copied into {environment}, or its rights changed; its files are dated {dated}"
        values = {"package": name, "version": match["version"], "environment": environment}
        yield Change(
            source="python_packages", kind=kind, classes=("dependency",), at=at, doubt_ms=1_000, stamp=stamp(entry.modified),
            component=name, reference=match["version"],
            clues=(f"package:{name}", *(modules or (f"module:{name.replace('-', '_')}",))),
            summary=Statement(
                text=text, values=values | ({"dated": stamp(entry.modified)} if kind == "arrive" else {}),
                evidence=(seen.evidence,), at=at,
            ),
        )  # fmt: skip
    yield from _removal(window, packages, [moment[1] for _, _, moment in installs], seen.evidence)
    if not installs:
        reader.empty(f"python packages: none installed into {environment} in the window")


def _when(entry: FileStat, window: Window) -> tuple[str, datetime] | None:
    """Installers make the metadata folder anew: its content's time is the install's; a copy keeps that of its source."""
    if window.since <= entry.modified <= window.until:
        return "install", entry.modified
    return ("arrive", entry.changed) if window.since <= entry.changed <= window.until else None


def _removal(window: Window, packages: FileStat, installs: Iterable[datetime], evidence: str) -> Iterator[Change]:
    """A removal leaves one trace: the time of the folder it was removed from, until the next install covers that too."""
    at = packages.modified
    if not window.since <= at <= window.until or any(moment - SETTLE <= at <= moment + SETTLE for moment in installs):
        return
    yield Change(
        source="python_packages", kind="remove", classes=("dependency",), at=at, doubt_ms=1_000, stamp=stamp(at),
        component=packages.path, clues=(f"path:{packages.path}",),
        summary=Statement(
            text="names were removed from or put into {folder}, and no install explains it: perhaps a package was removed",
            values={"folder": packages.path}, evidence=(evidence,), at=at,
        ),
    )  # fmt: skip


def _modules(reader: Reader, entry: FileStat) -> tuple[str, ...]:
    """Top-level modules of a package, from its list of files; without one, none."""
    try:
        text = reader.file(f"{entry.path}/RECORD", length=65_536).value.text
    except CouldNotLook:  # the package is seen all the same; its name stands in for its modules
        return ()
    tops = {line.split(",")[0].split("/")[0] for line in text.splitlines()}
    names = {top.removesuffix(".py").split(".")[0] for top in tops if not top.endswith((".dist-info", ".pth", ".egg-info"))}
    return tuple(f"module:{name}" for name in sorted(names) if name.isidentifier() and name != "__pycache__")[:20]
