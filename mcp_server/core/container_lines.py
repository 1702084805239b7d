"""Containers, what happened to them, and their images, as statements: one line each."""

from collections.abc import Iterator, Sequence

from mcp_server.core.clock import Moment, stamp
from mcp_server.core.docker_calls import Container, Event, Image
from mcp_server.core.outcome import Statement
from mcp_server.core.text import amount, bytes_text

LISTED, CLOSELY, EVENTS, NAMED = 30, 3, 12, 6


def container_lines(containers: Sequence[Container], evidence: str) -> Iterator[Statement]:
    """State of each; of few also where they are connected, published and mounted."""
    for item in containers[:LISTED]:
        since = item.started if item.status in ("running", "paused", "restarting") else item.finished
        yield Statement(
            text="{container}: {status}" + (", {health}," if item.health else "")
            + " since {since}, image {image}, {restarts}, exit code {code}",
            values={
                "container": item.name, "status": item.status, "health": item.health,
                "since": stamp(since or item.created), "image": item.image, "restarts": amount(item.restarts, "restart"),
                "code": item.exit_code,
            },
            evidence=(evidence,),
        )  # fmt: skip
    if len(containers) > LISTED:
        yield Statement(text="{count} more are not listed", values={"count": len(containers) - LISTED})
    for item in containers if len(containers) <= CLOSELY else ():
        yield Statement(
            text="{container} is in {networks}; published: {ports}; mounted: {mounts}; limits: {memory}, {cpus} processors, "
            "{pids} processes",
            values={
                "container": item.name, "networks": _few(f"{one.name} {one.address}".strip() for one in item.networks),
                "ports": _few(f"{port.host} to {port.port}" for port in item.ports if port.host and not port.wanted),
                "mounts": _few(f"{one.source} at {one.destination}" for one in item.mounts),
                "memory": bytes_text(item.memory_limit) if item.memory_limit else "no limit of memory",
                "cpus": item.cpu_limit if item.cpu_limit else "all", "pids": item.pids_limit or "any number of",
            },
            evidence=(evidence,),
        )  # fmt: skip


def event_lines(events: Sequence[Event], evidence: str) -> Iterator[Statement]:
    """The last events, oldest first; that docker connects a container at its start and lets go of it at its end is none."""
    told = [event for event in events if event.action not in ("connect", "disconnect")]
    for event in told[-EVENTS:]:
        code = event.attributes.get("exitCode")
        yield Statement(
            text="{type} {name}: {action}" + (" with exit code {code}" if code is not None else ""),
            values={"type": event.type, "name": event.name, "action": event.action, "code": code}, at=event.at,
            evidence=(evidence,),
        )  # fmt: skip


def image_lines(images: Sequence[Image], now: Moment, evidence: str) -> Iterator[Statement]:
    """Which image it is (digest of a registry, or its own id) and how old."""
    for image in images[:LISTED]:
        yield Statement(
            text="image {tags}: {digest}, made {age} ago, {size}",
            values={
                "tags": _few(image.tags), "digest": image.digests[0].rpartition("@")[2] if image.digests else image.id,
                "age": amount((now - image.created).days, "day") if image.created else "unknown time",
                "size": bytes_text(image.size),
            },
            evidence=(evidence,),
        )  # fmt: skip


def _few(items: Iterator[str] | Sequence[str]) -> str:
    listed = list(items)
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return (", ".join(listed[:NAMED]) or "nothing") + more
