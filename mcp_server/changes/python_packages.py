"""Which Python packages were installed into, or left, the environments concerned, and do they fit their locks?"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.clues import canonical, is_dependency_list
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import TOOL_FOLDERS
from mcp_server.core.text import one_line
from mcp_server.logs.newest import whole_text
from mcp_server.logs.python_locks import INFO, Pin, environment_of, pins, same_version

CHANGE_SOURCE = ChangeSource(
    question="Which Python packages were installed into the environments concerned, and do they fit requirements and locks? "
    "(A removal shows until the next install.)"
)

SETTLE = timedelta(seconds=2)
READ_RECORDS = 40
_FOREIGN = ("cargo.lock", "yarn.lock", "gemfile.lock", "composer.lock", "flake.lock")
_SPARE = re.compile(r"dev|test|doc|lint|ci\b|optional|extra|constraints", re.I)
"""Lists whose packages need not be there in production."""


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Installs by the time of their metadata folder; a removal by the time of the folder it left."""
    environments = [environment_of(python) for python in scope.pythons] or _discovered(reader, scope)
    if not environments:
        reader.empty("no Python environment was named or lies in the folders")
    environments = list(dict.fromkeys(environments))
    locks = [lock for folder in scope.folders for lock in _locks(reader, folder)] if environments else []
    for environment in environments:
        with reader.part(f"Python packages of {environment}"):
            own = [lock for lock in locks if _belongs(lock, environment, environments)]
            found: dict[str, str] = {}
            moments: list[datetime] = []
            gone: list[FileStat] = []
            for packages in _package_folders(reader, environment):
                for change in _changes(reader, window, environment, packages, found):
                    moments.append(change.at)
                    yield change
                gone += [packages] if _left(window, packages, moments) else []
            yield from _against_locks(reader, window, environment, own, found, moments, gone)


def _discovered(reader: Reader, scope: Scope) -> list[str]:
    """Environments that lie in the folders, and /usr/local, where pip puts packages for the whole host."""
    found: list[str] = []
    for folder in scope.folders:
        with reader.part(f"Python environments below {folder}"):
            seen = reader.look(ListFolder(path=folder, pattern="pyvenv.cfg", depth=3, skip=(".git", "node_modules"))).value
            found += [str(PurePosixPath(entry.path).parent) for entry in seen.entries if entry.type == "file"]
    with reader.part("Python packages of /usr/local"):
        try:
            if reader.look(ListFolder(path="/usr/local/lib", pattern="python3*")).value.entries:
                found.append("/usr/local")
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
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


def _changes(
    reader: Reader, window: Window, environment: str, packages: FileStat, versions: dict[str, str]
) -> Iterator[Change]:
    """Installs of one folder; the versions of everything in it are put into `versions`."""
    seen = reader.look(ListFolder(path=packages.path, pattern="*-info"))
    if seen.value.cut:
        reader.cut(f"packages of {environment}: {seen.value.cut}", "name a smaller environment")
    found = [(entry, match) for entry in seen.value.entries if (match := INFO.fullmatch(PurePosixPath(entry.path).name))]
    versions |= {canonical(match["name"]): match["version"] for _, match in found}
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
    if not installs:
        reader.empty(f"python packages: none installed into {environment} in the window")


def _when(entry: FileStat, window: Window) -> tuple[str, datetime] | None:
    """Installers make the metadata folder anew: its content's time is the install's; a copy keeps that of its source."""
    if window.since <= entry.modified <= window.until:
        return "install", entry.modified
    return ("arrive", entry.changed) if window.since <= entry.changed <= window.until else None


def _left(window: Window, packages: FileStat, installs: Iterable[datetime]) -> bool:
    """A removal leaves one trace: the time of the folder it was removed from, until the next install covers that too."""
    at = packages.modified
    return window.since <= at <= window.until and not any(moment - SETTLE <= at <= moment + SETTLE for moment in installs)


def _locks(reader: Reader, folder: str) -> Iterator[FileStat]:
    """Requirements, freezes and locks at the top of a folder and one below."""
    with reader.part(f"lists of Python packages in {folder}"):
        for pattern in ("*.txt", "*.lock"):
            try:
                seen = reader.look(ListFolder(path=folder, pattern=pattern, depth=2, skip=TOOL_FOLDERS)).value
            except CouldNotLook as failure:
                if failure.reason == "damaged":  # the declared folder is a file
                    return
                raise
            for entry in seen.entries:
                name = PurePosixPath(entry.path).name.lower()
                if entry.type == "file" and (is_dependency_list(entry.path) or "freeze" in name) and name not in _FOREIGN:
                    yield entry


def _belongs(lock: FileStat, environment: str, environments: Sequence[str]) -> bool:
    """Whether this list is about this environment: it is the only one, or lies beside or below the list."""
    home = str(PurePosixPath(lock.path).parent)
    return len(environments) == 1 or environment.startswith(home.rstrip("/") + "/")


def _against_locks(
    reader: Reader, window: Window, environment: str, locks: Sequence[FileStat], found: Mapping[str, str],
    moments: Sequence[datetime], gone: Sequence[FileStat],
) -> Iterator[Change]:  # fmt: skip
    """Packages that are not as their lists want them. Old drift is no change: the list or the environment must have changed
    in the window.
    """
    missing: dict[str, str] = {}
    cited: list[str] = []
    for lock in locks:
        written = [at for at in (lock.modified, lock.changed) if window.since <= at <= window.until]
        if not (written or moments or gone):
            continue
        with reader.part(f"list of packages {lock.path}"):
            name = PurePosixPath(lock.path).name
            text, evidence, _ = whole_text(reader, lock.path)
            try:
                wanted = list(pins(name, text))
            except ValueError as error:
                raise CouldNotLook(lock.path, "damaged", f"no lock that can be read: {one_line(error, 120)}") from None
            cited.append(evidence)
            for pin in wanted:
                has = found.get(pin.name)
                if has is None and pin.surely and not _SPARE.search(name):
                    missing[pin.name] = lock.path
                if (has is None and missing.get(pin.name) == lock.path and written and not gone) or (
                    has is not None and not same_version(has, pin.version)
                ):
                    at = max((*written, *moments, *(folder.modified for folder in gone)))
                    yield _drift(lock, environment, pin, has, at, evidence)
    for folder in gone:
        yield _removal(folder, missing, cited, reader)


def _drift(lock: FileStat, environment: str, pin: Pin, has: str | None, at: datetime, evidence: str) -> Change:
    values: dict[str, Value] = {
        "lock": lock.path, "package": pin.name, "wanted": pin.version, "environment": environment, "found": has or "",
    }  # fmt: skip
    text = "{lock} asks for {package} {wanted}, {environment} has " + ("{found}" if has else "none")
    return Change(
        source="python_packages", kind="drift", classes=("dependency",), at=at, doubt_ms=1_000, stamp=stamp(lock.modified),
        component=pin.name, reference=pin.version,
        clues=(f"package:{pin.name}", f"module:{pin.name.replace('-', '_')}", f"path:{lock.path}"),
        summary=Statement(text=text, values=values, evidence=(evidence,), at=at),
    )  # fmt: skip


def _removal(packages: FileStat, missing: Mapping[str, str], cited: Sequence[str], reader: Reader) -> Change:
    """What left a folder of packages; the lists tell which ones should be there and are not."""
    seen = reader.look(StatFile(path=packages.path))
    text = "names were removed from or put into {folder}, and no install explains it: perhaps a package was removed"
    values: dict[str, Value] = {"folder": packages.path}
    clues = [f"path:{packages.path}"]
    if missing:
        text += "; {lists} asks for {missing}, not there"
        values |= {"missing": ", ".join(missing)[:300], "lists": ", ".join(dict.fromkeys(missing.values()))[:300]}
        clues += [clue for name in list(missing)[:40] for clue in (f"package:{name}", f"module:{name.replace('-', '_')}")]
    return Change(
        source="python_packages", kind="remove", classes=("dependency",), at=packages.modified, doubt_ms=1_000,
        stamp=stamp(packages.modified), component=packages.path, clues=tuple(clues),
        summary=Statement(text=text, values=values, evidence=(seen.evidence, *cited[:6]), at=packages.modified),
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
