"""git, run so that it leaves no trace and a hostile repository's configuration runs nothing.

The environment is built anew for every run; neither the system's nor the account's configuration is read, and what the
repository's own configuration could start (hooks, monitors, filters, signature programs, transports) is switched off.
Needs git 2.31 or later.
"""

import os
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.targets.lowered import NICE, lowered

_POLL_S = 0.05
_CHUNK = 262_144
_LINE_BYTES = 2_097_152
"""A line may be endless (a commit's subject); what is beyond this is dropped."""
_STDERR_BYTES = 8_192
_OPTIONS = {
    "alias.log": "", "core.alternateRefsCommand": "", "core.askPass": "", "core.attributesFile": "/dev/null",
    "core.bigFileThreshold": "1m", "core.fsmonitor": "false", "core.gitProxy": "", "core.hooksPath": "/dev/null",
    "core.pager": "", "core.quotePath": "false", "core.sshCommand": "false", "credential.helper": "", "diff.external": "",
    "diff.orderFile": "/dev/null", "gc.auto": "0", "gpg.program": "false", "log.mailmap": "false", "log.showRoot": "true",
    "log.showSignature": "false", "maintenance.auto": "false", "protocol.allow": "never", "safe.directory": "*",
}  # fmt: skip
_ENVIRONMENT = {
    "HOME": "/nonexistent", "LC_ALL": "C", "GIT_ALLOW_PROTOCOL": "", "GIT_ASKPASS": "false", "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat", "GIT_SSH_COMMAND": "false", "GIT_TERMINAL_PROMPT": "0", "XDG_CONFIG_HOME": "/nonexistent",
}  # fmt: skip


def _library() -> Any:
    """GitPython's runner. Importing it would run `git version` without any limit of ours: it is told of no program."""
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    os.environ["GIT_PYTHON_GIT_EXECUTABLE"] = "/nonexistent/git"
    from git.cmd import Git

    return Git("/")


class Runner:
    """Runs git on one repository, all its runs together under one deadline. Raises CouldNotLook and Cancelled."""

    def __init__(self, what: str, git_dir: str, limits: Limits) -> None:
        program = shutil.which("git")
        if program is None or shutil.which("env") is None:
            raise CouldNotLook(what, "missing", "program git is not installed", "install the package that provides git")
        self._git, self._what, self._limits, self._left = _library(), what, limits, limits.until()
        self.stopped = threading.Event()
        """Set when nobody waits any more for what still runs."""
        settings = [text for name, value in _OPTIONS.items() for text in ("-c", f"{name}={value}")]
        path = os.environ.get("PATH", os.defpath)
        # env -i, because GitPython adds to our own environment (GIT_DIR, GIT_TRACE2 …) where nothing may come from
        self._prefix = [
            "env", "-i", f"PATH={path}", *(f"{name}={value}" for name, value in _ENVIRONMENT.items()), program,
            "--no-pager", f"--git-dir={git_dir}", *settings,
        ]  # fmt: skip

    def lines(self, *argv: str) -> list[bytes]:
        """Every line of the output. A damaged repository raises CouldNotLook."""
        return list(self.stream(argv))

    def stream(self, argv: Sequence[str], accept: tuple[int, ...] = (0,)) -> Iterator[bytes]:
        """The lines of the output, without their ends, as they come. An exit status not in `accept` is damage."""
        with self._started(argv) as process:
            rest = b""
            errors = bytearray()
            for data in self._read(process, errors):
                *whole, rest = (rest + data).split(b"\n")
                yield from whole
                rest = rest[:_LINE_BYTES]
            self._wait(process)
            if process.returncode not in accept:
                said = next((line for line in errors.decode("utf8", "replace").splitlines() if line), "it gives no reason")
                raise CouldNotLook(
                    self._what, "damaged", f"git cannot read the repository: {one_line(said, 300)}", "check it with git fsck"
                )
            if rest:  # only now: the last words of a git that died would be half a line
                yield rest

    @contextmanager
    def _started(self, argv: Sequence[str]) -> Iterator[Any]:
        """A running git; on leaving it and all that it started has ended."""
        handle: Any = lowered(
            lambda: self._git.execute([*self._prefix, *argv], as_process=True, shell=False, start_new_session=True)
        )
        process = handle.proc
        try:
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
            yield process
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):  # stuck in the kernel, on a dead mount
                    process.wait(2)
            process.stdout.close()
            process.stderr.close()

    def _read(self, process: Any, errors: bytearray) -> Iterator[bytes]:
        poll = select.poll()
        for pipe in (process.stdout, process.stderr):
            poll.register(pipe, select.POLLIN | select.POLLHUP)
        pending = 2
        while pending:
            ready = poll.poll(_POLL_S * 1000)
            self.in_time()
            for number, _ in ready:
                data = os.read(number, _CHUNK)
                if not data:
                    poll.unregister(number)
                    pending -= 1
                elif number == process.stdout.fileno():
                    yield data
                elif len(errors) < _STDERR_BYTES:
                    errors += data

    def _wait(self, process: Any) -> None:
        """Once its output is closed git ends at once, or hangs until the deadline."""
        pause = 0.0005
        while process.poll() is None:
            self.in_time()
            time.sleep(pause)
            pause = min(pause * 2, _POLL_S)

    def in_time(self) -> None:
        """Raises Cancelled or CouldNotLook when there is no time left."""
        if self._limits.cancel.is_set() or self.stopped.is_set():
            raise Cancelled("cancelled; git was ended")
        if self._left() <= 0:
            detail = f"git gave no complete answer within {self._limits.timeout_s:g} s; it was ended"
            raise CouldNotLook(self._what, "timed_out", detail, "ask for a shorter window")
