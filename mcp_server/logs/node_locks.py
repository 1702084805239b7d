"""Locks of Node packages: npm, pnpm, yarn. Text in, versions by name out."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_YARN_NAME = re.compile(r'"?(@?[^@"\s,]{1,200})@[^\n]{0,2000}:')
_YARN_VERSION = re.compile(r'  version:? "?([^"\s]{1,100})"?')
_PNPM = re.compile(r"  '?/?(@?[^@'\s(]{1,200})@([^'\s():]{1,100})(?:\([^']{0,1000}\))?'?:.{0,20}")


class Locked(NamedTuple):
    """A package of an npm lock. `surely`: every kind of install puts it there."""

    version: str
    surely: bool


def npm(text: str) -> Mapping[str, Locked]:
    """By place below the application (`node_modules/express`). Raises ValueError for what is no lock of npm 7 or later."""
    data = json.loads(text)
    packages = data.get("packages") if isinstance(data, dict) else None
    if not isinstance(packages, dict):
        raise ValueError("no lock with `packages`: npm 7 or later writes it")
    found: dict[str, Locked] = {}
    for place, item in packages.items():
        if not isinstance(item, dict):
            raise ValueError("a package that is no object")
        if place.startswith("node_modules/") and isinstance(item.get("version"), str) and not item.get("link"):
            spare = any(item.get(name) for name in ("dev", "optional", "devOptional", "peer", "extraneous"))
            found[place] = Locked(item["version"], surely=not spare)
    return found


def name_of(place: str) -> str:
    """The package of a place: `node_modules/a/node_modules/@x/b` is `@x/b`."""
    return place.rpartition("node_modules/")[2]


def pnpm(text: str) -> Mapping[str, frozenset[str]]:
    """Versions by name, from the keys below `packages:`."""
    found: dict[str, set[str]] = {}
    inside = seen = False
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            inside = line.startswith(("packages:", "snapshots:"))
            seen = seen or line.startswith("lockfileVersion")
        elif inside and (match := _PNPM.fullmatch(line)):
            found.setdefault(match[1], set()).add(match[2])
    if not seen:
        raise ValueError("no `lockfileVersion`")
    return {name: frozenset(versions) for name, versions in found.items()}


def yarn(text: str) -> Mapping[str, frozenset[str]]:
    """Versions by name, of yarn 1 and later ones."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            match = _YARN_NAME.match(line)
            name = match[1] if match else ""
        elif name and (version := _YARN_VERSION.fullmatch(line)):
            found.setdefault(name, set()).add(version[1])
            name = ""
    if text.strip() and not found and "yarn lockfile" not in text[:200] and "__metadata" not in text[:500]:
        raise ValueError("no lock of yarn")
    return {name: frozenset(versions) for name, versions in found.items()}


def direct(text: str) -> tuple[str, ...]:
    """What a package.json itself depends on. Raises ValueError for what is no such file."""
    data: Any = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("no object")
    wanted = data.get("dependencies")
    return tuple(str(name) for name in wanted) if isinstance(wanted, dict) else ()
