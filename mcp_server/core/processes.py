"""Who is who among processes and sockets: matching by words, kinship, owners of a port. Pure."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from mcp_server.core.calls import Process, Socket
from mcp_server.core.text import amount

FORWARDERS = ("docker-proxy", "rootlessport", "slirp4netns", "conmon", "systemd", "init", "xinetd", "inetd")
"""Programs that hold a port on behalf of another one: owning it does not make them the service."""

VIEWERS = frozenset(
    {"tail", "less", "more", "cat", "vi", "vim", "nano", "emacs", "grep", "rg", "watch", "journalctl", "strace", "gdb"}
)
"""Programs whose command line names a service because they look at it."""
COMMAND_CHARS = 500
"""Characters of a command line that are shown."""


def command_line(process: Process) -> str:
    """The beginning of its arguments as one text, or its name where it has none (kernel threads, zombies)."""
    text = " ".join(process.argv) or process.name
    return text if len(text) <= COMMAND_CHARS else text[:COMMAND_CHARS] + "…"


def brief(process: Process) -> Process:
    """The same with arguments of bounded length, for keeping: some hold a whole class path."""
    return process.model_copy(update={"argv": tuple(word[:200] for word in process.argv[:30])})


def says(process: Process, words: str) -> bool:
    """Whether every one of `words` stands in its name or command line."""
    text = f"{process.name} {' '.join(process.argv)}".casefold()
    return all(word in text for word in words.casefold().split())


def runs(process: Process, words: str) -> bool:
    """Whether it is, by its words, the running service: not we ourselves, not something that only reads its files."""
    alive = process.status not in ("zombie", "dead")
    return (
        alive and not process.ours and says(process, words) and (process.name not in VIEWERS or process.name in words.split())
    )


def by_pid(processes: Iterable[Process]) -> dict[int, Process]:
    """Processes by number."""
    return {process.pid: process for process in processes}


def ancestors(process: Process, known: Mapping[int, Process]) -> Iterator[Process]:
    """Its parent, the parent's parent …, without process 1, which is the parent of all and makes nobody related."""
    current, seen = known.get(process.ppid), {process.pid, 1}
    while current is not None and current.pid not in seen:
        seen.add(current.pid)
        yield current
        current = known.get(current.ppid)


def kin(one: Process, other: Process, known: Mapping[int, Process]) -> bool:
    """Whether one is the other, or descends from it."""
    above = {item.pid for item in ancestors(one, known)}, {item.pid for item in ancestors(other, known)}
    return one.pid == other.pid or other.pid in above[0] or one.pid in above[1]


def hidden(processes: Iterable[Process]) -> str | None:
    """Why the list cannot be taken for all processes, or None. Process 1 is missing only where others are hidden."""
    everyone = list(processes)
    if not any(process.pid == 1 for process in everyone):
        return "processes of other users are hidden here (process 1 cannot be seen)"
    mute = sum(1 for process in everyone if not process.argv and {"argv", "cmdline"} & set(process.denied))
    return f"the command line of {amount(mute, 'process', 'processes')} could not be read" if mute else None


def listeners(sockets: Iterable[Socket], port: int | None = None) -> tuple[Socket, ...]:
    """TCP sockets that accept connections and UDP sockets bound to a port without a peer, one port or all, in order."""
    found = (
        item
        for item in sockets
        if item.port is not None
        and (port is None or item.port == port)
        and (item.state.upper().startswith("LISTEN") if item.family == "tcp" else item.family == "udp" and not item.remote)
    )
    return tuple(sorted(found, key=lambda item: (item.port or 0, item.family, item.address, item.pid or 0)))


def _script(process: Process) -> str | None:
    """The file an interpreter was told to run: the first argument that is no option and looks like a path to a file."""
    first = next((word for word in process.argv[1:] if not word.startswith("-")), "")
    if (
        "-c" in process.argv[1:3]
        or "-m" in process.argv[1:3]
        or not ("/" in first or first.endswith((".py", ".sh", ".js", ".rb")))
    ):
        return None
    if first.startswith("/"):
        return posixpath.normpath(first)
    return posixpath.normpath(posixpath.join(process.cwd, first)) if process.cwd else None


def owner_clues(port: int, owner: Process | None) -> tuple[str, ...]:
    """`port:`, `pid:` and `path:` of whoever holds a port: the file it runs, and its folder."""
    clues = [f"port:{port}"]
    if owner is not None:
        clues.append(f"pid:{owner.pid}")
        clues += [f"path:{script}"] if (script := _script(owner)) else []
        clues += [f"path:{owner.cwd}"] if owner.cwd and owner.cwd != "/" else []
        clues += [f"unit:{owner.unit}"] if owner.unit else []
    return tuple(clues)


_INTERPRETERS = ("python", "node", "ruby", "perl", "java", "php", "bash", "sh")


def program(process: Process) -> str:
    """What it runs, in one word: `gunicorn` for `python -m gunicorn …`, `app.py` for `python3 /srv/app.py`, else its name."""
    words = process.argv
    if words and posixpath.basename(words[0]).rstrip("0123456789.") in _INTERPRETERS:
        rest = words[1:12]
        for at, word in enumerate(rest):
            if word == "-m" and at + 1 < len(rest):
                return rest[at + 1].partition(".")[0]
            if word == "-jar" and at + 1 < len(rest):
                return posixpath.basename(rest[at + 1])
            if not word.startswith("-"):
                return posixpath.basename(word) or process.name
    return process.name


def heads(processes: Iterable[Process]) -> dict[int, Process]:
    """For each process the eldest of its family that runs the same program: workers stand for their master."""
    known = by_pid(processes)
    found: dict[int, Process] = {}
    for process in known.values():
        head, mine = process, program(process)
        for parent in ancestors(process, known):
            if program(parent) != mine:
                break
            head = parent
        found[process.pid] = head
    return found
