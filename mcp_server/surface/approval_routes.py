"""How a person can say yes here, and what the lock does not keep from happening without one. For `preflight`."""

import os
from collections.abc import Iterator

from mcp_server.core.outcome import Statement
from mcp_server.core.settings import Settings
from mcp_server.engine import hatch
from mcp_server.targets.ssh_signatures import distrust

_MANAGERS = {
    "/run/systemd/private": "systemd", "/run/dbus/system_bus_socket": "the system bus", "/var/run/docker.sock": "Docker",
    "/run/podman/podman.sock": "Podman",
}  # fmt: skip


def approval_routes(settings: Settings) -> Iterator[Statement]:
    """One statement for each route, with the reason where it is closed. None where no environment is declared."""
    if not settings.environments:
        return
    witness = "a witness stands before this server" if hatch.is_open() else "only where a client has started the server"
    yield Statement(text="approval by the client's dialog: {how}; by terminal: approve.py", values={"how": witness})
    signers = settings.approvals.allowed_signers
    why = "approvals.allowed_signers is not set" if signers is None else distrust(signers, (settings.state_dir,))
    yield Statement(text="approval by signature: {how}", values={"how": why or f"keys in {signers}"})
    if asked := beside_the_lock():
        yield Statement(
            text="beside the lock: this account may ask {managers} for changes over a socket, whoever takes it over too; "
            "an account of its own may not",
            values={"managers": ", ".join(asked)},
        )


def beside_the_lock() -> list[str]:
    """Managers that do what this account asks, by the right to write to their sockets: root's right counts everywhere."""
    bus_obeys = os.geteuid() == 0
    return [
        name
        for path, name in _MANAGERS.items()
        if os.path.exists(path) and os.access(path, os.W_OK) and (bus_obeys or "docker" in path or "podman" in path)
    ]
