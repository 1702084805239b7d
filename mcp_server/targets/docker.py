"""A Docker daemon as a place: which containers are meant, and which GET answers which call.

`docker://CONTEXT/` means all containers of the daemon; `docker://CONTEXT/NAME` the container of this name (or the first
characters of its id), else the containers of the compose project of this name.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import time
from typing import TYPE_CHECKING, Any, TypeVar

from mcp_server.core.address import Address
from mcp_server.core.call import Call
from mcp_server.core.docker_calls import (
    ComposeFiles,
    Container,
    Containers,
    Daemon,
    Events,
    Images,
    Networks,
    ReadComposeFiles,
    ReadContainers,
    ReadDaemon,
    ReadEvents,
    ReadImages,
    ReadNetworks,
    ReadUsage,
    Usage,
    Usages,
)
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets.docker_contexts import endpoint_of

if TYPE_CHECKING:  # the SDK is imported with the first look
    from mcp_server.targets.docker_door import DockerDoor

A = TypeVar("A")

PARALLEL = 16
MOST_OTHERS = 1_000
LEAST_S = 0.2
_ID = 12


def open_place(where: Address, policy: ReadSettings) -> "DockerPlace":
    """The place; nothing is connected to. Raises BadInput for a context that does not exist."""
    return DockerPlace(where, policy)


class DockerPlace:
    """Answers the calls of `core/docker_calls.py`, and gives the output of containers."""

    def __init__(self, where: Address, policy: ReadSettings) -> None:
        self._endpoint = endpoint_of(where.parts[0])
        self._name, self._policy = where.part(1), policy
        self._lock = threading.Lock()
        self._door: DockerDoor | None = None
        self._answers: Mapping[type[Call[Any]], Callable[[Any, DockerDoor, Limits], Any]] = {
            ReadDaemon: self._daemon, ReadContainers: self._containers, ReadUsage: self._usage, ReadImages: self._images,
            ReadNetworks: self._networks, ReadEvents: self._events, ReadComposeFiles: self._compose,
        }  # fmt: skip

    def look(self, call: Call[A], limits: Limits) -> A:
        """Answer a call. Raises CouldNotLook, also for what no docker place answers; Cancelled."""
        if type(call) not in self._answers:
            raise CouldNotLook(call.title(), "missing", f"a docker place does not answer {getattr(call, 'kind', '')!r} calls")
        answer: A = self._answers[type(call)](call, self._open(limits), limits)
        return answer

    def outputs(self, asked: OutputAsked, limits: Limits) -> Sequence[Output]:
        """See `core/output.py`."""
        from mcp_server.targets.docker_output import outputs

        left, door = limits.until(), self._open(limits)
        found = self._inspected(door, limits, 200)[0]
        if asked.name is not None:
            found = [item for item in found if asked.name in (item.name, item.service) or item.id.startswith(asked.name)]
            if not found:
                raise CouldNotLook(f"container {one_line(asked.name, 80)}", "missing", "no such container at this place")
        return outputs(door, found, asked, Limits(left(), limits.max_bytes, limits.cancel))

    def _open(self, limits: Limits) -> "DockerDoor":
        """One door for all looks; questions are asked in parallel, and the first connects for all."""
        left = limits.until()
        from mcp_server.targets.docker_door import DockerDoor  # the SDK takes a part of the look's time to load

        with self._lock:
            if self._door is None:
                self._door = DockerDoor(self._endpoint)
            self._door.connect(Limits(max(LEAST_S, left()), limits.max_bytes, limits.cancel), "docker daemon")
            return self._door

    # --- which containers ---------------------------------------------------------------------------------------

    def _listed(self, door: "DockerDoor", limits: Limits) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
        """Rows of the containers of the place, and of all others. Raises CouldNotLook where a name means nothing."""
        rows = door.json("/containers/json", limits, "docker containers", all=1)
        if self._name is None:
            return rows, []
        named = [row for row in rows if f"/{self._name}" in (row.get("Names") or ())]
        if not named and len(self._name) >= 4:
            named = [row for row in rows if row["Id"].startswith(self._name)]
        if not named:
            named = [row for row in rows if (row.get("Labels") or {}).get("com.docker.compose.project") == self._name]
        if not named:
            there = sorted({_name(row) for row in rows} | {_project(row) for row in rows if _project(row)})
            more = f" and {len(there) - 20} more" if len(there) > 20 else ""
            names = ", ".join(one_line(name, 60) for name in there[:20]) or "none"
            raise CouldNotLook(
                f"container or compose project {one_line(self._name, 80)}", "missing",
                f"the daemon at {self._endpoint.url} has none of this name; it has: {names}{more}",
            )  # fmt: skip
        chosen = {row["Id"] for row in named}
        return named, [row for row in rows if row["Id"] not in chosen]

    def _inspected(
        self, door: "DockerDoor", limits: Limits, most: int
    ) -> tuple[list[Container], list[str], list[Mapping[str, Any]]]:
        """Containers with all their facts, names of those that were gone meanwhile, and the other rows."""
        from mcp_server.targets.docker_facts import container_of

        left = limits.until()
        rows, others = self._listed(door, limits)
        rows = sorted(rows, key=_first)[:most]

        def one(row: Mapping[str, Any]) -> Container | None:
            within = Limits(left(), limits.max_bytes, limits.cancel)
            what = f"container {_name(row)}"
            try:
                return container_of(door.json(f"/containers/{row['Id']}/json", within, what))
            except CouldNotLook as failure:
                if failure.reason == "missing":
                    return None
                raise
            except (KeyError, TypeError, ValueError, AssertionError) as error:
                raise CouldNotLook(what, "damaged", f"the daemon's answer has another form ({type(error).__name__})") from None

        found = _together(one, rows)
        gone = [_name(row) for row, item in zip(rows, found, strict=True) if item is None]
        return [item for item in found if item is not None], gone, others

    # --- answers ------------------------------------------------------------------------------------------------

    def _daemon(self, call: ReadDaemon, door: "DockerDoor", limits: Limits) -> Daemon:
        from mcp_server.targets.docker_facts import moment

        before = time()
        info = door.json("/info", limits, "docker daemon")
        here = (before + time()) / 2
        version = door.json("/version", limits, "docker daemon")
        clock, refused = moment(info.get("SystemTime")), []
        second = int(here)
        for what, path, parameters in (
            ("containers", "/containers/json", {"limit": 1}), ("images", "/images/json", {"filters": '{"reference":["-"]}'}),
            ("networks", "/networks", {"filters": '{"name":["-"]}'}), ("events", "/events", {"since": second, "until": second}),
        ):  # fmt: skip
            try:
                door.json_lines(path, limits, what, **parameters)
            except CouldNotLook as failure:
                if failure.reason != "denied":
                    raise
                refused.append(what)
        cgroup = f"{info.get('CgroupDriver') or ''} v{info.get('CgroupVersion') or '1'}"
        return Daemon(
            endpoint=self._endpoint.url, name=info.get("Name") or "", version=version.get("Version") or "",
            api=version.get("ApiVersion") or "", system=info.get("OperatingSystem") or "",
            kernel=info.get("KernelVersion") or "",
            cgroup=cgroup, storage=info.get("Driver") or "", log_driver=info.get("LoggingDriver") or "",
            cpus=info.get("NCPU") or 0, memory=info.get("MemTotal") or 0, containers=info.get("Containers") or 0,
            running=info.get("ContainersRunning") or 0,
            clock_ahead_ms=round((clock.timestamp() - here) * 1000, 1) if clock else 0,
            swarm="" if (state := (info.get("Swarm") or {}).get("LocalNodeState")) in (None, "inactive") else state,
            warnings=tuple(one_line(item, 200) for item in info.get("Warnings") or ()), refused=tuple(refused),
        )  # fmt: skip

    def _containers(self, call: ReadContainers, door: "DockerDoor", limits: Limits) -> Containers:
        from mcp_server.targets.docker_facts import neighbour_of

        found, gone, others = self._inspected(door, limits, call.limit + 1)
        cut = f"only {call.limit} containers were read" if len(found) + len(gone) > call.limit else None
        return Containers(
            endpoint=self._endpoint.url, containers=tuple(found[: call.limit]), vanished=tuple(gone), cut=cut,
            others=tuple(neighbour_of(_name(row), row) for row in others[:MOST_OTHERS]),
        )  # fmt: skip

    def _usage(self, call: ReadUsage, door: "DockerDoor", limits: Limits) -> Usages:
        from mcp_server.targets.docker_facts import usage_of

        left = limits.until()
        rows = [row for row in self._listed(door, limits)[0] if row.get("State") == "running"]
        failed = {_name(row): "only so many are asked at once" for row in rows[call.limit :]}

        def one(row: Mapping[str, Any]) -> Usage | str:
            what = f"use of container {_name(row)}"
            within = Limits(left(), limits.max_bytes, limits.cancel)
            try:
                parameters = {"stream": "false", "one-shot": "true"}
                return usage_of(_name(row), door.json(f"/containers/{row['Id']}/stats", within, what, **parameters))
            except CouldNotLook as failure:
                return f"{failure.reason}: {failure.detail}"

        answers = dict(zip(map(_name, rows[: call.limit]), _together(one, rows[: call.limit]), strict=True))
        failed |= {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        return Usages(containers=tuple(item for item in answers.values() if isinstance(item, Usage)), failed=failed)

    def _images(self, call: ReadImages, door: "DockerDoor", limits: Limits) -> Images:
        from mcp_server.targets.docker_facts import image_of

        left, missing = limits.until(), list[str]()
        containers = self._inspected(door, limits, 2_000)[0]
        names = {item.image_id: None for item in containers}

        def one(name: str) -> Any:
            within = Limits(left(), limits.max_bytes, limits.cancel)
            try:
                data = door.json(f"/images/{name}/json", within, f"image {one_line(name, 80)}")
                return data, door.json(f"/images/{data['Id']}/history", within, f"history of image {one_line(name, 80)}")
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    raise
                return None

        answers = dict(zip(names, _together(one, list(names)), strict=True))
        missing = [name for name, answer in answers.items() if answer is None]
        tags = {
            tag: row["Id"] for row in door.json("/images/json", limits, "docker images") for tag in row.get("RepoTags") or ()
        }
        wanted = {
            *call.names,
            *(item.image for item in containers),
        }  # a list of containers hides the name once it means another image
        return Images(
            images=tuple(image_of(*answer) for answer in answers.values() if answer), missing=tuple(missing),
            tagged={name: tags[full] for name in wanted if (full := _with_tag(name)) in tags},
        )  # fmt: skip

    def _networks(self, call: ReadNetworks, door: "DockerDoor", limits: Limits) -> Networks:
        from mcp_server.targets.docker_facts import network_of

        left = limits.until()
        rows = door.json("/networks", limits, "docker networks")

        def one(row: Mapping[str, Any]) -> Any:
            within = Limits(left(), limits.max_bytes, limits.cancel)
            try:
                return network_of(door.json(f"/networks/{row['Id']}", within, f"network {one_line(row['Name'], 80)}"))
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    raise
                return None

        return Networks(networks=tuple(item for item in _together(one, rows) if item is not None))

    def _events(self, call: ReadEvents, door: "DockerDoor", limits: Limits) -> Events:
        from mcp_server.targets.docker_events import Scope, events

        rows = None if self._name is None else self._listed(door, limits)[0]
        scope = None
        if rows is not None:
            scope = Scope(
                {row["Id"] for row in rows}, {str(self._name), *map(_name, rows)}, {repository(row["Image"]) for row in rows}
            )
        return events(door, scope, limits)

    def _compose(self, call: ReadComposeFiles, door: "DockerDoor", limits: Limits) -> ComposeFiles:
        from mcp_server.targets.docker_compose import compose_files

        found = self._inspected(door, limits, 500)[0]
        return compose_files(found, self._endpoint.url.startswith("unix://"), self._policy)


R = TypeVar("R")
T = TypeVar("T")


def _together(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Several answers at once: a daemon takes a few milliseconds for each."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(work, items))


def _first(row: Mapping[str, Any]) -> tuple[int, int]:
    """Order of importance: what is neither well nor over, what runs, then what ended, the newest first."""
    return {"running": 1, "created": 2, "exited": 2}.get(str(row.get("State")), 0), -int(row.get("Created") or 0)


def _name(row: Mapping[str, Any]) -> str:
    """A container's name in a list: the shortest, because links add longer ones."""
    names = [name.removeprefix("/") for name in row.get("Names") or ()]
    return min(names, key=lambda name: (name.count("/"), len(name))) if names else str(row["Id"][:_ID])


def _project(row: Mapping[str, Any]) -> str:
    return str((row.get("Labels") or {}).get("com.docker.compose.project") or "")


def _with_tag(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def repository(image: str) -> str:
    """`shop` of `shop:1.2` and of `shop@sha256:…`."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return head + slash + last.partition(":")[0]
