"""Python packages by name and version: as installed, and as requirements, freezes and locks of poetry, uv, Pipenv want them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from mcp_server.core.clues import canonical

_PINNED = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,100})\s*(?:\[[^\]]{0,200}\])?\s*===?\s*([A-Za-z0-9][A-Za-z0-9.+!_-]{0,80})\s*"
    r"(?:\\|;(.{0,500})|#.{0,500}|--hash=.{0,2000})?"
)


INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+?)(?:-py\d[\d.]*)?\.(?:dist|egg)-info")
"""Name of the metadata folder that every installed package has."""


def environment_of(python: str) -> str:
    """The environment of an interpreter (`/srv/venv/bin/python3` → `/srv/venv`), or the folder as named."""
    path = PurePosixPath(python)
    return str(path.parent.parent if path.parent.name == "bin" and path.name.startswith(("python", "pypy")) else path)


class Pin(NamedTuple):
    """A package that must have exactly this version. `surely`: it must be there, whatever the platform and the extras."""

    name: str
    version: str
    surely: bool


def pins(name: str, text: str) -> Iterator[Pin]:
    """Pins of a list by its file name. Raises ValueError for a lock that is damaged."""
    return _READERS.get(name.lower(), requirements)(text)


def requirements(text: str) -> Iterator[Pin]:
    """`name==version` lines of requirements and of `pip freeze`; ranges and addresses pin nothing."""
    for line in text.splitlines():
        if match := _PINNED.match(line):
            yield Pin(canonical(match[1]), match[2].rstrip("\\"), surely=not match[3])


def _toml_lock(text: str) -> Iterator[Pin]:
    """poetry.lock and uv.lock. What a group or marker asks for may rightly be absent; the project itself is no package."""
    import tomllib

    packages = tomllib.loads(text).get("package", [])
    if not isinstance(packages, list):
        raise ValueError("`package` is no list")
    for item in packages:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ValueError("a package without a name")
        source: Any = item.get("source")
        here = isinstance(source, dict) and (
            {"editable", "virtual", "directory"} & source.keys() or source.get("type") == "directory"
        )
        if isinstance(item.get("version"), str) and not here:
            yield Pin(canonical(item["name"]), item["version"], surely=False)


def _pipenv(text: str) -> Iterator[Pin]:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no object")
    for name, item in (data.get("default") or {}).items():
        version = item.get("version") if isinstance(item, dict) else None
        if isinstance(version, str) and version.startswith("=="):
            yield Pin(canonical(str(name)), version.removeprefix("=="), surely="markers" not in item)


_READERS: Mapping[str, Callable[[str], Iterator[Pin]]] = {
    "poetry.lock": _toml_lock, "uv.lock": _toml_lock, "pipfile.lock": _pipenv,
}  # fmt: skip


def same_version(one: str, other: str) -> bool:
    """Whether two spellings name one version: `1.0` is `1.0.0`, `2.3+cpu` is `2.3`."""
    return _plain(one) == _plain(other)


def _plain(version: str) -> str:
    text = version.lower().lstrip("v").split("+")[0].replace("-", ".").replace("_", ".")
    return re.sub(r"(?:\.0)+$", "", text)
