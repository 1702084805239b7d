"""Real components for tests: skipped with the reason where they cannot be had, required where REQUIRE_REAL=1."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from scripts.demo.world import free_ports


def need(*programs: str, root: bool = False) -> None:
    """Skip (or fail, when REQUIRE_REAL=1) unless the programs, and root where asked, are there."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        lacking(f"not installed: {', '.join(missing)}")
    if root and os.geteuid() != 0:
        lacking("needs root")


def with_us(*argv: str) -> list[str]:
    """That command, ended by the kernel when the process of the tests is, however that ends (start it in the main thread)."""
    return ["setpriv", "--pdeathsig", "TERM", *argv] if shutil.which("setpriv") else list(argv)


def lacking(reason: str) -> NoReturn:
    """A real part cannot be had."""
    if os.environ.get("REQUIRE_REAL") == "1":
        pytest.fail(f"REQUIRE_REAL=1, but {reason}")
    pytest.skip(reason)


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    return free_ports(1)[0]


def least(measured: Callable[[], float], enough: float) -> float:
    """The least of up to three measured times: a machine may pause, and a slow product is slow each time."""
    times = [measured()]
    while min(times) >= enough and len(times) < 3:
        times.append(measured())
    return min(times)


def descriptors() -> set[tuple[str, str]]:
    """What this process holds open: what an earlier test's thread closes meanwhile is no matter, what is new is a leak."""
    found = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one of this listing
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Poll until `condition` holds; fails naming `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)


CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "veteran-tests"
"""Where `.ci/run` puts what it builds and fetches for tests: outside the tree, so that a second run finds it."""
NPM = CACHE / "npm" / "node_modules" / ".bin"


def claude() -> str:
    """The real Claude Code, from PATH or the cache of CI."""
    found = shutil.which("claude") or shutil.which(str(NPM / "claude"))
    return found or lacking("not installed: claude (npm install @anthropic-ai/claude-code)")
