"""A Python application as its files tell: what it imports, what it asks for. Nothing of it is imported."""

import posixpath
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mcp_server.core.calls import FileStat, ListFolder
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.reader import Reader
from mcp_server.logs.python_source import Import, imports, project_requirements, requirements

MAX_FILES = 300
MAX_SOURCE = 1_048_576
MAX_CONFIRMED = 20
_SKIP = (
    "venv", ".venv", "env", ".env", "node_modules", ".git", "__pycache__", "site-packages", "build", "dist", ".tox", ".nox",
    ".mypy_cache", ".pytest_cache", "tests", "test", "docs", "examples",
)  # fmt: skip
_ASIDE = ("dev", "test", "doc", "lint", "build")
"""Words in the names of lists of requirements that are for something else than running."""


class Used(Noun):
    """An import of the application. `reachable` from the entry; None when no entry is named."""

    module: str
    file: str
    line: int
    evidence: str
    reachable: bool | None = None
    sure: bool = True


class Wanted(Noun):
    """A line of a list of requirements."""

    name: str
    pinned: str | None
    file: str
    line: int
    evidence: str


class Damaged(Noun):
    """A source file that is no Python."""

    file: str
    line: int
    message: str
    evidence: str
    reachable: bool | None = None


@dataclass
class App:
    """What was read. `own` maps dotted modules to their files."""

    evidence: str
    own: dict[str, str]
    used: list[Used] = field(default_factory=list)
    damaged: list[Damaged] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)
    files: int = 0


def read_app(reader: Reader, root: str, entry: str | None, version: tuple[int, int] | None) -> App:
    """Read the files below `root`, beginning with what `entry` (module, or module:object) imports, and the requirements.

    Raises CouldNotLook when the folder cannot be listed; single files become blind spots.
    """
    tree = reader.look(ListFolder(path=root, pattern="*.py", depth=8, limit=5_000, skip=_SKIP))
    if tree.value.cut:
        reader.cut(root, tree.value.cut)
    for name in tree.value.unreadable:
        reader.blind(name, "denied: its modules could not be listed", "allow reading it")
    app = App(tree.evidence, _sources(root, tree.value.entries))
    if not app.own:
        reader.empty(f"Python files in {root}")
    _follow(reader, root, entry.split(":", 1)[0] if entry else None, version, app)
    app.wanted.extend(_wanted(reader, root))
    return app


def _sources(root: str, entries: tuple[FileStat, ...]) -> dict[str, str]:
    """Dotted module → path; packages by their `__init__`. A `src` folder is a root as well."""
    found: dict[str, str] = {}
    for item in entries:
        parts = posixpath.relpath(item.path, root).removesuffix(".py").split("/")
        parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
        if parts[0] not in ("setup", "conftest", "noxfile") and all(part.isidentifier() for part in parts):
            found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = item.path
    return found


def _follow(reader: Reader, root: str, entry: str | None, version: tuple[int, int] | None, app: App) -> None:
    if entry and entry not in app.own:
        reader.blind(f"entry {entry}", "no such module in the folder", "name the module the server imports, or another root=")
    queue = [name for name in with_parents(entry) if name in app.own] if entry else []
    rest = sorted(app.own)
    done: set[str] = set()
    while (queue or rest) and app.files < MAX_FILES:
        reachable = bool(queue) if entry else None
        name = queue.pop(0) if queue else rest.pop(0)
        if name in done:
            continue
        done.add(name)
        with reader.part(app.own[name]):
            for item in _read(reader, name, version, reachable, app):
                if reachable:
                    queue += [local for local in _reached(item) if local in app.own and local not in done]
    unread = [name for name in app.own if name not in done]
    if queue or (unread and not entry):
        reader.cut(root, f"{app.files} of {len(app.own)} files were read; name entry= to begin with what it needs")


def _read(reader: Reader, name: str, version: tuple[int, int] | None, reachable: bool | None, app: App) -> tuple[Import, ...]:
    path = app.own[name]
    seen = reader.file(path, length=MAX_SOURCE)
    app.files += 1
    try:
        found = imports(seen.value.text, name, is_package=path.endswith("/__init__.py"))
    except SyntaxError as error:
        line, message = error.lineno or 1, error.msg
        whole = "‹secret:" not in seen.value.text and seen.value.end >= seen.value.size
        if whole and judged_by_ours(version):
            app.damaged.append(Damaged(file=path, line=line, message=message, evidence=seen.evidence, reachable=reachable))
        else:
            why = "it runs another Python than we do" if whole else "parts were withheld or not read"
            reader.blind(path, f"could not be parsed here (line {line}: {message})", why)
        return ()
    except (ValueError, RecursionError, MemoryError) as error:  # NULs; nested beyond what the parser takes
        reader.blind(path, f"could not be parsed here ({type(error).__name__})")
        return ()
    if seen.value.end < seen.value.size:
        reader.cut(path, "longer than is read of one source file")
    app.used += [
        Used(module=item.module, file=path, line=item.line, evidence=seen.evidence, reachable=reachable, sure=item.sure)
        for item in {item.module: item for item in reversed(found)}.values()
    ]
    return found


def _reached(item: Import) -> list[str]:
    return [*with_parents(item.module), *(f"{item.module}.{name}" for name in item.names)]


def with_parents(module: str) -> list[str]:
    """`a.b.c` → `a`, `a.b`, `a.b.c`: everything that importing it runs."""
    parts = module.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def version_of(text: str | None) -> tuple[int, int] | None:
    """`3.11` as numbers."""
    major, _, minor = (text or "").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def judged_by_ours(version: tuple[int, int] | None) -> bool:
    """Whether our own parser may judge source of that Python: not when it is newer, or not known."""
    return version is not None and version <= sys.version_info[:2]


def confirmed(reader: Reader, root: str, own: Iterable[str], modules: Iterable[str]) -> Iterator[str]:
    """Those of `modules` that are there after all: compiled, or in a folder that was passed over. At most 20 are sought."""
    known = {name for module in own for name in with_parents(module)}
    for module in list(modules)[:MAX_CONFIRMED]:
        first = next((name for name in with_parents(module) if name not in known), module)
        above, _, leaf = first.rpartition(".")
        for base in (root, posixpath.join(root, "src")):
            folder = posixpath.join(base, *above.split(".")) if above else base
            try:
                names = [
                    posixpath.basename(item.path)
                    for item in reader.look(ListFolder(path=folder, pattern=leaf + "*")).value.entries
                ]
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    reader.blind(f"{folder}/{leaf}", f"{failure.reason}: {failure.detail}", failure.remedy)
                continue
            if any(name == leaf or name.split(".", 1)[0] == leaf for name in names):
                yield module
                break


def _wanted(reader: Reader, root: str) -> Iterator[Wanted]:
    names: list[str] = []
    with reader.part(f"requirements in {root}"):
        names += [item.path for item in reader.look(ListFolder(path=root, pattern="requirements*.txt")).value.entries]
    names = [name for name in sorted(names) if not any(word in posixpath.basename(name) for word in _ASIDE)]
    for name in (*names, posixpath.join(root, "pyproject.toml")):
        try:
            seen = reader.file(name)
            read = project_requirements if name.endswith(".toml") else requirements
            for package, pinned, line in read(seen.value.text):
                yield Wanted(name=package, pinned=pinned, file=name, line=line, evidence=seen.evidence)
        except CouldNotLook as failure:
            if failure.reason != "missing":
                reader.blind(name, f"{failure.reason}: {failure.detail}", failure.remedy)
        except ValueError as error:
            reader.blind(name, f"damaged: {error}")
