"""What the state of a container means: how it ended, whether it goes round in circles, what it can reach by name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from mcp_server.core.docker_calls import Container, Event, HealthRun, Neighbour
from mcp_server.core.noun import Noun

_SIGNALS = {1: "HUP", 2: "INT", 3: "QUIT", 4: "ILL", 6: "ABRT", 7: "BUS", 8: "FPE", 9: "KILL", 11: "SEGV", 15: "TERM"}
_EXITS = {
    0: "it ended without an error", 1: "its program reported an error", 2: "its program was called wrongly, or failed",
    125: "docker could not create it", 126: "its command may not be executed", 127: "its command is not in the image",
    134: "its program aborted (SIGABRT)", 137: "it was killed (SIGKILL)", 139: "its program crashed (SIGSEGV)",
    143: "it was asked to end (SIGTERM)",
}  # fmt: skip
_ERRORS = (
    (r"port is already allocated|address already in use|Bind for ", "a port at which it is published is taken"),
    (r"executable file not found|exec: .{0,200}: no such file|stat .{0,200}: no such file", "its command is not in the image"),
    (r"exec .{0,200}permission denied", "its command may not be executed"),
    (r"exec format error", "its image is made for another kind of processor"),
    (r"no space left on device", "the disk is full"),
    (r"network .{0,200} not found|could not find a network", "its network does not exist any more"),
    (r"bind source path does not exist|mount|not a directory|mounting", "something cannot be mounted into it"),
    (r"cgroup|memory limit", "its limits cannot be set"),
    (r"No such image|pull access denied|manifest unknown", "its image is not there"),
)
KEPT = re.compile(r".+-before-[0-9a-f]{12}")
"""Name of a container that was put aside when another was made from another image: kept, stopped, for the way back."""
FAR = ("none", "host", "bridge", "default")
"""Networks in which the names of other containers mean nothing."""
_ADDRESS = re.compile(r"\[.*\]|(?:\d{1,3}\.){3}\d{1,3}")


def exit_meaning(code: int) -> str:
    """What an exit code says of how a program ended."""
    if code in _EXITS:
        return _EXITS[code]
    if 128 < code < 160:
        return f"it was ended by SIG{_SIGNALS.get(code - 128, str(code - 128))}"
    return "its program reported an error"


def start_error(error: str) -> str:
    """What hinders the runtime from starting it, in our words."""
    return next((meaning for pattern, meaning in _ERRORS if re.search(pattern, error, re.I)), "the runtime refused it")


def health_problem(run: HealthRun, timeout_s: float) -> str:
    """Why a health check failed, in our words: the check itself may be what is wrong."""
    if run.exit in (126, 127) or re.search(r"OCI runtime exec failed|executable file not found", run.output):
        return "the command of the check itself cannot be run in it"
    if run.exit in (-1, None) or "exceeded timeout" in run.output:
        return f"the check did not end within {timeout_s:g} s" if timeout_s else "the check did not end in time"
    return f"the check ended with exit code {run.exit}"


def of_container(events: Iterable[Event], container: Container) -> list[Event]:
    """Its own events, oldest first."""
    return [item for item in events if item.type == "container" and item.id.startswith(container.id)]


def deaths(events: Sequence[Event]) -> list[Event]:
    """Its ends that nobody asked for: no kill, stop or restart stood before them."""
    found, asked = [], False
    for event in events:
        if event.action in ("kill", "stop", "restart"):
            asked = True
        elif event.action == "die":
            if not asked:
                found.append(event)
        elif event.action == "start":
            asked = False
    return found


def stopped(events: Sequence[Event]) -> Event | None:
    """What ended its last run from outside: the first signal sent since it was started last."""
    last = max((index for index, event in enumerate(events) if event.action == "start"), default=-1)
    return next((event for event in events[last + 1 :] if event.action == "kill"), None)


def loops(container: Container, ends: Sequence[Event], now: datetime, restarts: int, recent: timedelta) -> bool:
    """Whether it ends and is started again and again: being restarted now, or often and lately."""
    if container.status == "restarting":
        return True
    lately = container.started is not None and now - container.started <= recent
    often = len([event for event in ends if now - event.at <= recent]) >= restarts
    return container.status == "running" and lately and (container.restarts >= restarts or often)


class Reach(Noun):
    """Where an address of a container's environment leads: the container meant, and whether its name is known there."""

    variable: str
    address: str
    name: str
    status: str
    health: str = ""
    own: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def reaches(container: Container, others: Sequence[Container | Neighbour]) -> Iterator[Reach]:
    """Every address of its environment that means a container of this daemon, each container once."""
    own = tuple(network.name for network in container.networks)
    given = {link.rpartition("/")[2] for link in container.links} | set(container.extra_hosts)
    told: set[str] = set()
    for item in container.addresses:
        host = item.address.rpartition(":")[0]
        if host in given or host in told or _ADDRESS.fullmatch(host) or host == "localhost":
            continue
        found = [other for other in others if other.name != container.name and _called(host, container, other)]
        if not found:
            continue
        told.add(host)
        best = min(found, key=lambda other: (not _shared(own, other), other.status != "running", other.health == "unhealthy"))
        yield Reach(
            variable=item.variable, address=item.address, name=best.name, status=best.status, health=best.health, own=own,
            theirs=_networks(best), shared=_shared(own, best),
        )  # fmt: skip


def _called(host: str, container: Container, other: Container | Neighbour) -> bool:
    """Whether a container goes by this name: its own, an alias, or its service in the same project."""
    if host == other.name or (other.service == host and other.project == container.project != ""):
        return True
    return isinstance(other, Container) and any(host in network.aliases for network in other.networks)


def _networks(other: Container | Neighbour) -> tuple[str, ...]:
    return tuple(item if isinstance(item, str) else item.name for item in other.networks)


def _shared(own: tuple[str, ...], other: Container | Neighbour) -> tuple[str, ...]:
    return tuple(name for name in own if name in _networks(other) and name not in FAR)
