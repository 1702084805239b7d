"""Kernel parameters as files of sysctl.d set them, and as the kernel has them. Pure: text in, values out."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import NamedTuple

FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
"""The first one that has a file of some name hides that name in the others."""
MAIN = "/etc/sysctl.conf"
_LINE = re.compile(r"\s*(?P<weak>-)?\s*(?P<key>[\w./*?\[\]@:-]{1,200})\s*=\s*(?P<value>.*?)\s*")
_LEFT_ALONE = re.compile(r"\s*-\s*(?P<key>[\w./@:-]{1,200})\s*")
_SHOWN = re.compile(r"(?P<key>[\w./@:-]{1,200}) = ?(?P<value>.*)")


class Wish(NamedTuple):
    """What a file wants a parameter to be."""

    value: str
    path: str


def effective(paths: Iterable[str]) -> list[str]:
    """The files that count, in the order in which they are read."""
    chosen: dict[str, str] = {}
    order = {folder: index for index, folder in enumerate(FOLDERS)}
    for path in sorted(paths, key=lambda path: order.get(str(PurePosixPath(path).parent), len(order))):
        if path.endswith(".conf") and path != MAIN:
            chosen.setdefault(PurePosixPath(path).name, path)
    return [chosen[name] for name in sorted(chosen)]


def wishes(files: Iterable[tuple[str, str]]) -> dict[str, Wish | None]:
    """What the files (path, text), in the order of reading, want; the last word counts. Keys with dots; may hold globs.

    None where a file takes a key out of what globs set (`-key`).
    """
    found: dict[str, Wish | None] = {}
    for path, text in files:
        for line in text.splitlines():
            if line.lstrip()[:1] in ("#", ";"):
                continue
            if alone := _LEFT_ALONE.fullmatch(line):
                found[dotted(alone["key"])] = None
            elif match := _LINE.fullmatch(line):
                found.pop(key := dotted(match["key"]), None)
                found[key] = Wish(normal(match["value"]), path)
    return found


def dotted(key: str) -> str:
    """`net/ipv4/conf/eth0.100/rp_filter` and `net.ipv4.conf.eth0/100.rp_filter` are one; the first sign says which."""
    first = re.search(r"[./]", key)
    return key.translate(str.maketrans("./", "/.")) if first and first[0] == "/" else key


def normal(value: str) -> str:
    """Blanks of any kind are one blank."""
    return " ".join(value.split())


def running(text: str) -> dict[str, str]:
    """What `sysctl KEY…` prints."""
    return {match["key"]: normal(match["value"]) for line in text.splitlines() if (match := _SHOWN.fullmatch(line))}


def differing(wanted: Mapping[str, Wish | None], now: Mapping[str, str]) -> dict[str, tuple[Wish, str]]:
    """Parameters that are not as the files want them: key → (what is wanted, what is). A glob yields to a named key."""
    found: dict[str, tuple[Wish, str]] = {}
    for key, value in now.items():
        wish = wanted.get(key)
        if key not in wanted:
            fitting = [other for pattern, other in wanted.items() if "*" in pattern and fnmatchcase(key, pattern)]
            wish = fitting[-1] if fitting else None
        if wish is not None and wish.value != value:
            found[key] = (wish, value)
    return found
