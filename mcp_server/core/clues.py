"""Typed traces in paths and lines of text, shared by findings and changes; and what kind of thing a file is.

Everything here is a table or a bounded pattern: conservative, because a wrong trace accuses an innocent change.
"""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

from mcp_server.core.change import ChangeClass

_DEPENDENCY = (
    "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.py", "setup.cfg", "pipfile", "pipfile.lock",
    "poetry.lock", "uv.lock", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "go.mod", "go.sum",
    "cargo.toml", "cargo.lock", "gemfile", "gemfile.lock", "composer.json", "composer.lock", "pom.xml", "build.gradle*",
)  # fmt: skip
_INFRASTRUCTURE = (
    "dockerfile*", "containerfile*", "docker-compose*", "compose.y*ml", "*.tf", "*.tfvars", "chart.yaml", "jenkinsfile",
    ".gitlab-ci.yml", "makefile", "deploy.sh",
)  # fmt: skip
_INFRASTRUCTURE_FOLDERS = {".github", "terraform", "ansible", "helm", "k8s", "kubernetes"}
_MIGRATION_FOLDERS = {"migrations", "alembic"}
_SUFFIXES: dict[ChangeClass, str] = {
    "migration": " sql ",
    "configuration": " conf cnf cfg ini toml yaml yml json env properties service socket timer target rules xml pem crt ",
    "code": " py pyi pyx js mjs cjs ts tsx jsx vue go rs java kt scala rb php c h cc cpp hpp cs swift sh bash pl pm lua ex exs "
    "html css jinja j2 ",
    "data": " log csv tsv db sqlite sqlite3 parquet gz xz zst bz2 zip tar dump bin img jpg jpeg png gif pdf rdb aof ",
}


@lru_cache(maxsize=4_096)
def class_of(path: str) -> ChangeClass:
    """What kind of thing changes when this file changes, by its name and folders alone."""
    parts = PurePosixPath(path.lower())
    name, folders = parts.name, set(parts.parts[:-1])
    if is_dependency_list(path):
        return "dependency"
    if folders & _MIGRATION_FOLDERS:
        return "migration"
    if folders & _INFRASTRUCTURE_FOLDERS or any(fnmatchcase(name, pattern) for pattern in _INFRASTRUCTURE):
        return "infrastructure"
    if name.startswith(".env") or ".env." in name:
        return "configuration"
    for kind, suffixes in _SUFFIXES.items():
        if f" {parts.suffix[1:] or '-'} " in suffixes:
            return kind
    return "configuration" if path.startswith("/etc/") else "other"


def classes_of(paths: Iterable[str]) -> tuple[ChangeClass, ...]:
    """The classes of several files, each once, in the order met; `other` only where nothing else is known."""
    found = dict.fromkeys(class_of(path) for path in paths)
    return tuple(kind for kind in found if kind != "other") or ("other",)


@lru_cache(maxsize=4_096)
def is_dependency_list(path: str) -> bool:
    """Whether this file names the packages that something needs."""
    name = PurePosixPath(path.lower()).name
    in_folder = PurePosixPath(path.lower()).parent.name == "requirements" and name.endswith(".txt")
    return in_folder or any(fnmatchcase(name, pattern) for pattern in _DEPENDENCY)


_PORT = re.compile(
    r"(?i:(?:\b|_)port['\"]?\s{0,8}[=:]\s{0,8}['\"]?|\blisten\s{1,8}(?:[\w.*\[\]:]{1,60}:)?|--port(?:=|\s{1,4})"
    r"|\blocalhost:|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:|\]:|//[\w.-]{1,100}:|\bserver\s{1,8}[\w.-]{1,100}:)(\d{2,5})\b"
)
_FROM = re.compile(r"\s*from\s+([A-Za-z_]\w*)(?:\.\w+)*\s+import\b")
_IMPORT = re.compile(r"\s*import\s+([A-Za-z_][\w.]*(?:\s+as\s+\w+)?(?:\s*,\s*[A-Za-z_][\w.]*(?:\s+as\s+\w+)?)*)\s*(?:#.*|;.*)?")
_REQUIREMENT = re.compile(
    r"\s*[\"']?([A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:\[[^\]]{0,80}\])?\s*(?:===?|~=|!=|<=?|>=?|@)\s*[\"']?[\w.*]"
    r"|\s*[\"']([@A-Za-z0-9][@/A-Za-z0-9._-]{0,80})[\"']\s*:\s*[\"'][~^<>=]{0,2}\d"
    r"|([A-Za-z0-9][A-Za-z0-9._-]{1,80})\s*(?:#.*)?"
)


def ports_in(lines: Iterable[str]) -> Iterator[str]:
    """`port:n` where a line gives a port as such: `listen 80`, `port = 80`, `--port 80`, `10.0.0.1:80`, `//host:80`."""
    for line in lines:
        for match in _PORT.finditer(line):
            if 0 < int(match[1]) < 65_536:
                yield f"port:{int(match[1])}"


def modules_in(lines: Iterable[str]) -> Iterator[str]:
    """`module:x` for the top-level name of every absolute Python import."""
    for line in lines:
        if match := _FROM.match(line):
            yield f"module:{match[1]}"
        elif match := _IMPORT.fullmatch(line.rstrip()):
            for name in match[1].split(","):
                yield "module:" + name.split()[0].split(".")[0]


def packages_in(lines: Iterable[str], *, bare: bool = False) -> Iterator[str]:
    """`package:x` for lines of a list of dependencies; a `bare` name on a line counts only where nothing else can."""
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and (name := match[1] or match[2] or (match[3] if bare and match.end() == len(line.rstrip()) else "")):
            yield f"package:{canonical(name)}"


WORDS = 120
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{1,60}(?:[.-][A-Za-z0-9_]{1,60}){0,6}")


def words_in(lines: Iterable[str]) -> tuple[str, ...]:
    """Names and words that stand in these lines, each once, at most `WORDS`: `pool_size`, `db.internal`, `timeout`."""
    found: dict[str, None] = {}
    for line in lines:
        found |= dict.fromkeys(_WORD.findall(line[:1_000]))
        if len(found) >= WORDS:
            break
    return tuple(found)[:WORDS]


def canonical(name: str) -> str:
    """A package's name as the Python index compares it: lower case, runs of `-_.` as one dash."""
    return re.sub(r"[-_.]+", "-", name).lower()
