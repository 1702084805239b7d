"""A real systemd in a container without any download: this machine's /usr, read-only, and folders of its own.

The container is a child of the test with control groups of its own, and is gone when the test ends.
"""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.real_parts import need, wait_until

REPOSITORY = Path(__file__).resolve().parent.parent
_GROUPS = [path for path in (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")) if path.is_dir()] or [
    Path("/sys/fs/cgroup")
]
_MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "getty.target",
           "console-getty.service", "systemd-timesyncd.service", "systemd-udevd.service")  # fmt: skip
# joins the control groups, then becomes the container: a group joined later would leave children outside
_START = """
import os, sys
for path in sys.argv[1].split(":"):
    open(path, "w").write(str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Box:
    """A running container. `run` executes a program inside."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A program inside, with its output."""
        environment = {"PATH": "/usr/bin:/usr/sbin:/bin", "HOME": "/root", "PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", *argv],
            env=environment,
            text=True,
            capture_output=True,
            check=check,
            timeout=60,
        )


@contextmanager
def systemd_box(folder: Path, units: Mapping[str, str]) -> Iterator[Box]:
    """Boot systemd with these unit files (name → text). Skips where it cannot be had."""
    need("systemd-nspawn", "nsenter", "systemctl", root=True)
    root, name = folder / "box", f"box{os.getpid()}"
    _furnish(root, name, units)
    binds = dict.fromkeys(str(path) for path in ("/usr", sys.prefix, sys.base_prefix, REPOSITORY))
    with _groups(name) as groups:
        container = subprocess.Popen(
            [sys.executable, "-c", _START, ":".join(f"{group}/cgroup.procs" for group in groups), "systemd-nspawn", "--quiet",
             f"--directory={root}", *(f"--bind-ro={path}" for path in binds), "--boot", "--register=no", "--keep-unit",
             f"--machine={name}", "--console=read-only", "--private-network"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            leaders: list[int] = []
            wait_until(lambda: bool(leaders.extend(_leader(container)) or leaders), "systemd starts", 20)
            box = Box(leaders[0])
            ready = ("running", "degraded")
            wait_until(lambda: box.run("systemctl", "is-system-running", check=False).stdout.strip() in ready, "booted", 30)
            yield box
        finally:
            container.send_signal(signal.SIGTERM)
            try:
                container.wait(15)
            except subprocess.TimeoutExpired:
                container.kill()
                container.wait()


def _leader(container: "subprocess.Popen[bytes]") -> list[int]:
    if container.poll() is not None:
        raise AssertionError(f"systemd-nspawn ended with {container.returncode}")
    with suppress(FileNotFoundError):
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text(encoding="ascii").split()
        return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text(encoding="utf8").strip() == "systemd"]
    return []


def _furnish(root: Path, name: str, units: Mapping[str, str]) -> None:
    system = root / "etc/systemd/system"
    system.mkdir(parents=True)
    for part in ("usr", "var/log/journal", "var/lib", "var/tmp", "run", "tmp", "proc", "sys", "dev", "root", "opt"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for part in ("passwd", "group", "nsswitch.conf", "ld.so.cache", "ld.so.conf", "os-release"):
        shutil.copy(f"/etc/{part}", root / "etc" / part)
    for part in ("dbus-1", "ld.so.conf.d"):
        shutil.copytree(f"/etc/{part}", root / "etc" / part)
    (root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n", encoding="ascii")  # an empty one enables every unit
    (root / "etc/hostname").write_text(name + "\n", encoding="ascii")
    for unit in _MASKED:
        (system / unit).symlink_to("/dev/null")
    (system / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for unit, text in units.items():
        (system / unit).write_text(text, encoding="utf8")


@contextmanager
def _groups(name: str) -> Iterator[list[Path]]:
    """A control group of its own in each tree; without one, containers stop each other's services."""
    groups = [tree / name for tree in _GROUPS]
    for group in groups:
        group.mkdir()
    try:
        yield groups
    finally:
        for group in groups:
            for folder, _, _ in os.walk(group, topdown=False):
                with suppress(OSError):  # a process of it may take a moment to be gone
                    os.rmdir(folder)
