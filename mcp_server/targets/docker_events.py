"""What a daemon did and saw, from its own short memory (`GET /events` with an end)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp_server.core.clock import from_epoch
from mcp_server.core.docker_calls import Event, Events
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.targets.docker_door import DockerDoor

_ACTIONS = (
    "create", "start", "restart", "stop", "kill", "die", "oom", "destroy", "pause", "unpause", "rename", "update",
    "health_status", "pull", "tag", "untag", "delete", "import", "load", "connect", "disconnect", "remove", "reload",
)  # fmt: skip
"""Runs of health checks are events too, a hundred times as many: they are left out by the daemon itself."""
_TYPES = ("container", "image", "network", "volume", "daemon")
_KEPT = ("exitCode", "signal", "container", "name", "image", "type", "com.docker.compose.service", "com.docker.compose.project")


@dataclass(frozen=True)
class Scope:
    """What of a daemon is meant: ids and names of containers (also of a project), repositories of their images."""

    ids: set[str]
    names: set[str]
    repositories: set[str]

    def holds(self, event: Event) -> bool:
        """Events of a container that is gone count, where its name or its project says so."""
        if event.type == "image":
            return event.name.partition("@")[0].rpartition(":")[0] in self.repositories or event.name in self.repositories
        if event.type == "network":
            return event.attributes.get("container", "") in self.ids
        project = event.attributes.get("com.docker.compose.project")
        return event.type == "daemon" or event.id in self.ids or event.name in self.names or project in self.names


def events(door: DockerDoor, scope: Scope | None, limits: Limits) -> Events:
    """What the daemon remembers. It ends the answer at `until`; without one it would go on for ever."""
    until = datetime.now(UTC) + timedelta(seconds=1)
    filters = json.dumps({"type": list(_TYPES), "event": list(_ACTIONS)})
    found = door.json_lines("/events", limits, "docker events", since=0, until=int(until.timestamp()), filters=filters)
    told = [event for event in map(_event, found) if event is not None]
    reaches = min((event.at for event in told), default=None)
    return Events(events=tuple(item for item in told if scope is None or scope.holds(item)), reaches=reaches)


def _event(data: Mapping[str, Any]) -> Event | None:
    actor = data.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    action, kind = data.get("Action") or "", data.get("Type")
    if kind not in _TYPES or action.partition(":")[0] not in _ACTIONS or "timeNano" not in data:
        return None
    kept = {key: one_line(attributes[key], 200) for key in _KEPT if key in attributes}
    return Event(
        at=from_epoch(data["timeNano"] / 1e9), type=kind, action=one_line(action, 80), id=str(actor.get("ID") or "")[:71],
        name=one_line(attributes.get("name") or actor.get("ID") or "", 200), image=one_line(attributes.get("image") or "", 300),
        attributes=kept,
    )  # fmt: skip
