"""The reader's beginning: forked from a process that locks itself, told once what counts, and stripped of all it inherited."""

import fcntl
import os
import signal
import socket
import stat
from collections.abc import Callable, Sequence
from typing import NoReturn

from mcp_server.core.settings import ReadSettings
from mcp_server.targets.reader_line import Line

_SEND_S = 5.0
"""How long a request waits for a reader that takes none."""


def start(folders: Sequence[str], policy: ReadSettings, bind: Callable[[], None]) -> None:
    """Fork the reader, before any thread is started. `folders` are those that this process will be able to write; `bind` is
    called in the reader, and binds it further. Raises OSError."""
    written = _what_is_written(folders)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        _become(theirs, written, policy, bind)
    theirs.close()
    ours.settimeout(_SEND_S)
    Line.pid, Line.requests, Line.written = pid, ours, written


def stop() -> None:
    """End the reader and forget it: for tests, which need no lock."""
    if Line.requests is not None:
        Line.requests.close()
        Line.requests = None
        os.waitpid(Line.pid, 0)
        Line.pid = 0


def _what_is_written(folders: Sequence[str]) -> tuple[str, ...]:
    """Real paths of these folders and of every file that this process has open for writing: what the server will write."""
    found = [os.path.realpath(folder) for folder in folders]
    for name in os.listdir("/proc/self/fd"):
        try:
            writes = fcntl.fcntl(int(name), fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
            if writes and stat.S_ISREG(os.fstat(int(name)).st_mode):
                found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:  # the listing's own descriptor
            continue
    return tuple(dict.fromkeys(found))


def _become(theirs: socket.socket, written: Sequence[str], policy: ReadSettings, bind: Callable[[], None]) -> NoReturn:
    """Forget everything inherited, and serve."""
    try:
        for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # it ends when its parent does; not SIG_IGN, which the commands would inherit
            signal.signal(polite, lambda *_: None)
        os.setsid()  # a Ctrl-C is meant for the script
        bind()
        kept, nothing = fcntl.fcntl(theirs.fileno(), fcntl.F_DUPFD, 10), os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):  # one of them may have been closed, and be one of ours now
            os.dup2(nothing, number)
        os.dup2(kept, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        theirs.detach()
        from mcp_server.targets.reader_paths import settings_apart_from
        from mcp_server.targets.reader_process import serve

        settings_apart_from(written)
        serve(3, written, policy)
    finally:
        os._exit(0)
