"""Which command lines the reader runs for the locked server: none that leads to what the server itself can write.

The reader may use sockets and powers that the server gave up. A program that it runs must therefore take nothing that steers
it from the state folder, from the server's memory by way of /proc, or from a repository's configuration. Such commands are
reads all the same: the server runs them itself, inside its own bounds (`command.py`).
"""

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache

_STARTS = re.compile(r"(?<=[=:,@])|(?=/)")
_FLAGS = re.compile(r"-[A-Za-z0-9]+")
_MINE = re.compile(r"/proc/(?:\d+|self|thread-self)(?:/|$)|/dev/(?:fd|std(?:in|out|err))(?:/|$)")
_EVERYBODYS = re.compile(r"/proc/\d+/(?:net|mounts)(?:/|$)")
"""Where `/proc/net` and `/proc/mounts` lead."""
_STEERED = {"git"}
"""Programs that do what the place they look at says."""


def why_not_ours(argv: Sequence[str], program: str | None, written: Sequence[str]) -> str:
    """Empty, or why the reader leaves this command to the server. `written`: real paths, files or folders."""
    if os.path.basename(argv[0]) in _STEERED:
        return f"{os.path.basename(argv[0])} is steered by the folder that it looks at"
    if program is not None and led(program, written):
        return "the program lies where the server writes"
    for word in argv[1:]:
        if any(led(path, written) for path in _paths(word)):
            return "it looks at what the server writes, or at a process's own view of files"
    return ""


def _paths(word: str) -> Iterable[str]:
    """Everything in a word that a program might take for a path; it stands in `/`."""
    starts = {0, *(match.start() for match in _STARTS.finditer(word))}
    if flags := _FLAGS.match(word):  # a value attached to a short flag, or to the last of several
        starts |= set(range(1, flags.end() + 1))
    return {"/" + word[start:].lstrip("/") for start in starts if word[start:]}


def led(path: str, written: Sequence[str], links: int = 40) -> bool:
    """Whether a path, or a folder or link on its way, lies in what the server can write or stands for its open files. One
    with `..` in it counts as that, and one of more than so many links."""
    if ".." in path.split("/") or "\0" in path or links < 0:
        return True
    parts = [part for part in path.split("/") if part]
    for count in range(1, len(parts) + 1):
        way = "/" + "/".join(parts[:count])
        try:
            real = os.path.realpath(way, strict=False)
        except (OSError, ValueError):
            return True
        if _MINE.match(way) or (_MINE.match(real) and not _EVERYBODYS.match(real)) or _beneath(real, written):
            return True
        # where a link leads in the end says nothing of the links between, and one of those may be the server's
        if not _EVERYBODYS.match(real) and (target := _target(way)) and led(target, written, links - 1):
            return True
        if not os.path.lexists(way):
            break
    return False


def _target(link: str) -> str:
    """Where a link points, one hop on; empty for what is no link."""
    try:
        text = os.readlink(link)
    except OSError:
        return ""
    return os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(link)), text))


def _beneath(real: str, written: Sequence[str]) -> bool:
    if any(real == item or real.startswith(item.rstrip("/") + "/") for item in written):
        return True
    known = _identity(real)  # a folder can be mounted in two places
    return known is not None and any(known == _written(item) for item in written)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_written = cache(_identity)
"""Of what the server can write: settled when it locked itself."""


def settings_apart_from(written: Sequence[str]) -> None:
    """Forget, in this process, variables and places of modules that lead to what the server can write."""
    import sys

    for name, text in list(os.environ.items()):
        parts = text.split(os.pathsep)
        kept = [part for part in parts if "/" not in part or not any(led(path, written) for path in _paths(part))]
        if kept != parts:
            os.environ.pop(name)
            if name == "PATH":
                os.environ[name] = os.pathsep.join(kept)
    # without the variable programs take the account's home, and from there settings, plug-ins and modules that they run
    if led(os.path.expanduser("~"), written):
        os.environ["HOME"] = "/nonexistent"
    if sys.pycache_prefix and led(os.path.abspath(sys.pycache_prefix), written):
        sys.pycache_prefix = None
    sys.path[:] = [place for place in sys.path if not led(os.path.abspath(place), written)]
