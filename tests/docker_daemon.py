"""A real Docker daemon of the test's own: its own socket, data and control groups, gone when the test ends.

It needs no registry: its one image, `test/busybox:1`, is made of this machine's busybox. There is no default bridge: containers
have no network but `host`, `none` and those that the test creates, which reach each other and nothing else.
"""

import os
import shutil
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.real_parts import need, wait_until, with_us

IMAGE = "test/busybox:1"


class Daemon:
    """A running daemon. `client` is the SDK's own, with every right: the test's, never the product's."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]") -> None:
        import docker

        self.folder, self.process = folder, process
        self.socket = folder / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.client = docker.DockerClient(base_url=self.url, timeout=30)

    def run(self, name: str, *argv: str, wait: str = "", **options: Any) -> Any:
        """A container started with a command of busybox; with `wait` (such as `exited`) once it has that state."""
        options = {"network_mode": "none", "stop_signal": "SIGKILL"} | options
        container = self.client.containers.run(options.pop("image", IMAGE), list(argv), name=name, detach=True, **options)
        if wait:
            self.wait(container, wait)
        return container

    def wait(self, container: Any, state: str, seconds: float = 20) -> None:
        """Until a container has a state, or a health, of this name."""

        def there() -> bool:
            container.reload()
            seen = container.attrs["State"]
            return state in (seen["Status"], (seen.get("Health") or {}).get("Status"))

        wait_until(there, f"container {container.name} is {state}", seconds)

    def image(self, tag: str, *changes: str) -> str:
        """A further image of the same content, with Dockerfile instructions such as `USER 1000`."""
        self.client.api.import_image_from_data(_root(), repository=tag.partition(":")[0], tag=tag.partition(":")[2] or "latest",
                                               changes=list(changes))  # fmt: skip
        return tag

    def context(self, home: Path, name: str) -> None:
        """Write a docker context of this name for the daemon below a home folder."""
        import hashlib
        import json

        folder = home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": self.url, "SkipTLSVerify": False}}}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf8")


@contextmanager
def docker_daemon(folder: Path) -> Iterator[Daemon]:
    """Start a daemon below a folder with a short path (a socket's name holds 107 characters). Skips where it cannot be had."""
    need("dockerd", "containerd", "runc", "busybox", root=True)
    folder.mkdir(parents=True, exist_ok=True)
    argv = [
        "dockerd", f"--host=unix://{folder}/docker.sock", f"--data-root={folder}/root", f"--exec-root={folder}/exec",
        f"--pidfile={folder}/docker.pid", "--storage-driver=overlay2", "--iptables=false", "--ip6tables=false",
        f"--default-address-pool=base=10.{os.getpid() % 100 + 100}.0.0/16,size=26", "--ip-forward=false", "--bridge=none",
        "--userland-proxy=false", "--shutdown-timeout=3", "--log-level=warn",
    ]  # fmt: skip
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(with_us(*argv), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    daemon = None
    try:
        wait_until(lambda: _answers(folder, process), "dockerd answers", 30)
        daemon = Daemon(folder, process)
        daemon.image(IMAGE)
        yield daemon
    finally:
        if daemon is not None:
            _clear(daemon.client)
            daemon.client.close()
        stop(process)
        for mount in _mounts(folder):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        if not _mounts(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _clear(client: Any) -> None:
    """Remove containers, then networks: a bridge would stay on the host. The test may have stopped the daemon itself."""
    import docker
    import requests

    with suppress(requests.RequestException):
        for container in client.containers.list(all=True, ignore_removed=True):
            with suppress(docker.errors.APIError):
                container.remove(force=True)
        for network in client.networks.list(filters={"type": "custom"}):
            with suppress(docker.errors.APIError):
                network.remove()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the daemon, and wait until it is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(folder: Path, process: "subprocess.Popen[bytes]") -> bool:
    import docker
    import requests

    if process.poll() is not None:
        raise AssertionError(f"dockerd ended: {(folder / 'dockerd.log').read_text(errors='replace')[-2_000:]}")
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(folder / "docker.sock"))
    except OSError:
        return False
    try:
        client = docker.DockerClient(base_url=f"unix://{folder}/docker.sock", timeout=30)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (docker.errors.DockerException, requests.RequestException):
        return False


def _root() -> bytes:
    """A root folder with busybox alone, as a tar."""
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in ("sh", "sleep", "wget", "httpd", "cat", "true", "false", "nc", "id", "tail", "dd", "head", "echo"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("tmp", "etc", "dev", "proc", "sys"):
            made = tarfile.TarInfo(name)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(made)
    return data.getvalue()


def _mounts(folder: Path) -> list[str]:
    with open("/proc/self/mounts", encoding="utf8") as file:
        found = [line.split()[1] for line in file if line.split()[1].startswith(f"{folder}/")]
    return sorted(found, reverse=True)
