"""Which Node packages were installed into the applications concerned, and do they fit their locks?"""

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.logs import node_locks
from mcp_server.logs.newest import whole_text

T = TypeVar("T")

CHANGE_SOURCE = ChangeSource(
    question="Which Node packages were installed into the applications concerned (npm, pnpm, yarn), and do they fit the lock?"
)

LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock")
STATES = ("node_modules/.package-lock.json", "node_modules/.modules.yaml", "node_modules/.yarn-integrity",
          "node_modules/.yarn-state.yml")  # fmt: skip
"""What the managers write into node_modules at the end of every install."""
SETTLE = timedelta(seconds=2)
APPLICATIONS, DIFFERENT, DIRECT, READ = 20, 40, 40, 60
_SKIPPED = ("node_modules", ".git", "bower_components", ".next", "dist")


@dataclass
class Application:
    """One application: what lies in its folder, and what its node_modules hold now."""

    folder: str
    lock: FileStat | None = None
    state: FileStat | None = None
    evidence: str = ""
    installed: Mapping[str, node_locks.Locked] = field(default_factory=dict)


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Installs by the inode's time of each package.json; drift where the lock or the install is of the window."""
    if not scope.folders:
        raise NotApplicable("no folder was named", "name the application's folder with folders=…")
    folders: dict[str, None] = {}
    for folder in scope.folders:
        with reader.part(f"Node applications below {folder}"):
            folders |= dict.fromkeys(_applications(reader, folder))
    if not folders:
        reader.empty("node packages: no application with a package.json lies in the folders")
    if len(folders) > APPLICATIONS:
        reader.cut(f"{len(folders) - APPLICATIONS} of {len(folders)} Node applications", "name their folders with folders=…")
    for path in list(folders)[:APPLICATIONS]:
        with reader.part(f"Node packages of {path}"):
            yield from _of(reader, window, path)


def _applications(reader: Reader, folder: str) -> Iterator[str]:
    try:
        seen = reader.look(ListFolder(path=folder, pattern="package.json", depth=3, skip=_SKIPPED)).value
    except CouldNotLook as failure:
        if failure.reason == "damaged":  # the declared folder is a file
            return
        raise
    if seen.cut:
        reader.cut(f"Node applications below {folder}: {seen.cut}", "name the application's folder")
    for entry in seen.entries:
        if entry.type == "file":
            yield posixpath.dirname(entry.path)


def _of(reader: Reader, window: Window, folder: str) -> Iterator[Change]:
    app = Application(folder, _first(reader, folder, LOCKS), _first(reader, folder, STATES))
    modules = _first(reader, folder, ("node_modules",))
    if modules is None:
        reader.empty(f"node packages: nothing is installed in {folder}")
        return
    changed = list(_packages(reader, app, window))
    by_hand = (
        app.state is not None
        and window.since <= modules.modified <= window.until
        and (modules.modified > app.state.modified + SETTLE)
    )
    if not (_inside(app.state, window) or _inside(app.lock, window) or changed or by_hand):
        reader.empty(f"node packages: nothing was installed in {folder} in the window")
        return
    _read_state(reader, app)
    for index, (entry, name) in enumerate(changed):
        noted = app.installed.get(f"node_modules/{name}")
        # npm's own list runs ahead of the packages after `npm install --package-lock-only`
        own = _version(reader, app, name) if index < READ and entry.type == "file" else None
        yield _installed(app, entry, name, own or (noted.version if noted else ""))
    if by_hand:
        yield from _missing(reader, app, modules)
    yield from _drift(reader, app, window)


def _first(reader: Reader, folder: str, names: tuple[str, ...]) -> FileStat | None:
    """The first of these names that is there."""
    for name in names:
        try:
            return reader.look(StatFile(path=f"{folder}/{name}")).value
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
    return None


def _inside(entry: FileStat | None, window: Window) -> datetime | None:
    """When this file came to be as it is, if in the window."""
    if entry is None:
        return None
    for moment in (entry.modified, entry.changed):
        if window.since <= moment <= window.until and entry.modified <= entry.changed:
            return moment
    return None


def _packages(reader: Reader, app: Application, window: Window) -> Iterator[tuple[FileStat, str]]:
    """Packages whose package.json came in the window. Its content's time is the packer's; the inode's is the install's."""
    if app.state is not None and app.state.path.endswith(".modules.yaml"):
        yield from _pnpm_packages(reader, app, window)
        return
    top = f"{app.folder}/node_modules"
    call = ListFolder(path=top, pattern="package.json", depth=3, limit=10_000, modified_after=window.since, skip=_SKIPPED)
    seen = reader.look(call)
    app.evidence = seen.evidence
    if seen.value.cut:
        reader.cut(f"packages of {app.folder}: {seen.value.cut}", "narrow the window with since=…")
    if seen.value.unreadable:
        reader.blind(f"packages below {seen.value.unreadable[0]}", "denied: cannot be entered", "run as the service's user")
    for entry in seen.value.entries:
        name = posixpath.relpath(posixpath.dirname(entry.path), seen.value.path)
        depth = 2 if name.startswith("@") else 1
        if entry.type == "file" and name.count("/") + 1 == depth and window.since <= entry.changed <= window.until:
            yield entry, name


def _pnpm_packages(reader: Reader, app: Application, window: Window) -> Iterator[tuple[FileStat, str]]:
    """pnpm keeps each package in a folder of its own, `@babel+core@7.24.0`, to which node_modules only links."""
    seen = reader.look(ListFolder(path=f"{app.folder}/node_modules/.pnpm", limit=20_000))
    app.evidence = seen.evidence
    if seen.value.cut:
        reader.cut(f"packages of {app.folder}: {seen.value.cut}", "narrow the window with since=…")
    for entry in seen.value.entries:
        name, at, version = posixpath.basename(entry.path).partition("(")[0].rpartition("@")
        if entry.type == "folder" and at and name and window.since <= entry.modified <= window.until:
            name = name.replace("+", "/")
            app.installed = {**app.installed, f"node_modules/{name}": node_locks.Locked(version.split("_")[0], surely=True)}
            yield entry, name


def _missing(reader: Reader, app: Application, modules: FileStat) -> Iterator[Change]:
    """Packages that npm installed and that are not there any more, when node_modules changed after its last install."""
    seen = reader.look(ListFolder(path=modules.path))
    there = {posixpath.basename(entry.path) for entry in seen.value.entries}
    for place, item in app.installed.items():
        name = place.removeprefix("node_modules/")
        if "/" in name or name in there or not item.surely:
            continue
        yield Change(
            source="node_packages", kind="remove", classes=("dependency",), at=modules.modified, doubt_ms=1_000,
            stamp=stamp(modules.modified), component=name, reference=item.version,
            clues=(f"package:{name}", f"module:{name}"),
            summary=Statement(
                text="{package} {version} is gone from {folder}, where npm had installed it",
                values={"package": name, "version": item.version, "folder": modules.path},
                evidence=(app.evidence, seen.evidence), at=modules.modified,
            ),
        )  # fmt: skip


def _read_state(reader: Reader, app: Application) -> None:
    """Versions as npm noted them at the end of its last install; the other managers keep no such list."""
    if app.state is not None and app.state.path.endswith(".package-lock.json"):
        with reader.part(f"versions installed in {app.folder}"):
            text, evidence, _ = whole_text(reader, app.state.path)
            app.installed = _parsed(app.state.path, node_locks.npm, text)
            app.evidence = evidence


def _version(reader: Reader, app: Application, name: str) -> str | None:
    """What a package says of itself; None where it is not there or says nothing that can be read."""
    try:
        text = reader.file(f"{app.folder}/node_modules/{name}/package.json").value.text
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        return None
    try:
        return str(json.loads(text).get("version", ""))[:100]
    except (ValueError, AttributeError, RecursionError):
        reader.blind(f"version of {name} in {app.folder}", "damaged: its package.json cannot be read", "install it again")
        return ""


def _installed(app: Application, entry: FileStat, name: str, version: str) -> Change:
    values: dict[str, Value] = {"package": name, "version": version or "?", "folder": app.folder}
    return Change(
        source="node_packages", kind="install", classes=("dependency",), at=entry.changed, doubt_ms=1_000,
        stamp=stamp(entry.modified), component=name, reference=version,
        clues=(f"package:{name}", f"module:{name}"),
        summary=Statement(
            text="{package} {version} was installed into {folder}", values=values, evidence=(app.evidence,), at=entry.changed
        ),
    )  # fmt: skip


def _drift(reader: Reader, app: Application, window: Window) -> Iterator[Change]:
    """Packages that are not as the lock wants them. Old drift is no change: the lock or the install must be of the window."""
    at = max(filter(None, (_inside(app.lock, window), _inside(app.state, window))), default=None)
    if app.lock is None or at is None:
        return
    with reader.part(f"lock of {app.folder}"):
        text, evidence, _ = whole_text(reader, app.lock.path)
        name = posixpath.basename(app.lock.path)
        if name in LOCKS[:2]:
            locked = _parsed(app.lock.path, node_locks.npm, text)
            direct = _direct_drift(
                reader,
                app,
                {
                    node_locks.name_of(place): frozenset({item.version})
                    for place, item in locked.items()
                    if place.count("node_modules/") == 1
                },
            )
            noted = {package: (package, *rest) for package, *rest in _npm_drift(locked, app.installed)}
            different = list((noted | {item[0]: item for item in direct}).values())
        elif name == "pnpm-lock.yaml":
            different = list(_pnpm_drift(reader, app, _parsed(app.lock.path, node_locks.pnpm, text)))
        else:
            different = list(_direct_drift(reader, app, _parsed(app.lock.path, node_locks.yarn, text)))
        if len(different) > DIFFERENT:
            reader.cut(f"{len(different) - DIFFERENT} of {len(different)} packages of {app.folder} unlike the lock", "npm ls")
        for package, wanted, found in different[:DIFFERENT]:
            values: dict[str, Value] = {"lock": app.lock.path, "package": package, "wanted": wanted, "found": found}
            there = "{found} is installed" if found else "which is not installed"
            yield Change(
                source="node_packages", kind="drift", classes=("dependency",), at=at, doubt_ms=1_000,
                stamp=stamp(app.lock.modified), component=package, reference=wanted,
                clues=(f"package:{package}", f"module:{package}", f"path:{app.lock.path}"),
                summary=Statement(
                    text="{lock} asks for {package} {wanted}, " + there, values=values, evidence=(evidence, app.evidence), at=at
                ),
            )  # fmt: skip


def _parsed(path: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except (ValueError, RecursionError) as error:
        raise CouldNotLook(path, "damaged", f"no lock that can be read: {one_line(error, 120)}", f"less {path}") from None


def _npm_drift(
    wanted: Mapping[str, node_locks.Locked], installed: Mapping[str, node_locks.Locked]
) -> Iterator[tuple[str, str, str]]:
    """(package, version wanted, version found or nothing); without npm's own list nothing can be told."""
    for place, item in wanted.items() if installed else ():
        found = installed.get(place)
        if found is None and item.surely:
            yield node_locks.name_of(place), item.version, ""
        elif found is not None and found.version != item.version:
            yield node_locks.name_of(place), item.version, found.version


def _pnpm_drift(reader: Reader, app: Application, wanted: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str, str]]:
    """pnpm keeps the lock that it installed by."""
    path = f"{app.folder}/node_modules/.pnpm/lock.yaml"
    text, _, _ = whole_text(reader, path)
    installed = _parsed(path, node_locks.pnpm, text)
    for name, versions in wanted.items():
        found = installed.get(name, frozenset())
        if found and not versions & found:
            yield name, ", ".join(sorted(versions)), ", ".join(sorted(found))


def _direct_drift(reader: Reader, app: Application, wanted: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str, str]]:
    """What the application itself depends on, package by package: what lies there is the truth, whatever any list says."""
    path = f"{app.folder}/package.json"
    names = _parsed(path, node_locks.direct, whole_text(reader, path)[0])
    if len(names) > DIRECT:
        reader.cut(f"{len(names) - DIRECT} of {len(names)} dependencies of {app.folder}", "npm ls, or yarn check")
    for name in names[:DIRECT]:
        found = _version(reader, app, name)
        versions = wanted.get(name, frozenset())
        if found is None:
            yield name, ", ".join(sorted(versions)) or "?", ""
        elif found and versions and found not in versions:
            yield name, ", ".join(sorted(versions)), found
