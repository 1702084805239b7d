"""What happened to containers and images: created, recreated with another image, started, died, stopped; compose edits.

The daemon remembers its last 256 events only. What its containers themselves still tell (when they were created, started
and ended) is added, and how far back the memory reaches is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.containers import FAR, exit_meaning
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.docker_calls import Container, Event, ReadComposeFiles, ReadContainers, ReadEvents
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader

CHANGE_SOURCE = ChangeSource(
    question="Which containers were created, recreated with another image, started, stopped or died; which images came; which "
    "compose files were edited?",
    places=("docker",),
)

SAME = timedelta(seconds=2)
"""An event and a container's own time of the same act lie no further apart."""
LOOP = 3
"""So many ends of one container are told as one change, at the first."""
_TEXT = {
    "create": "container {component} was created from {image}", "start": "container {component} was started",
    "stop": "container {component} was stopped", "die": "container {component} ended with exit code {code}: {meaning}",
    "oom": "container {component} ran out of memory", "destroy": "container {component} was removed",
    "pause": "container {component} was paused", "unpause": "container {component} goes on after a pause",
    "rename": "container {component} got this name", "update": "limits of container {component} were changed",
    "pull": "image {component} was pulled", "tag": "image {component} got this name", "load": "image {component} was loaded",
    "import": "image {component} was imported", "delete": "image {component} was deleted",
    "untag": "image {component} lost a name",
    "connect": "container {component} was connected to network {network}",
    "disconnect": "container {component} was disconnected from network {network}",
    "reload": "the daemon read its configuration anew",
}  # fmt: skip
_ALONE = ("destroy", "pause", "unpause", "rename", "update")
_CLASSES: dict[str, tuple[ChangeClass, ...]] = {
    "create": ("infrastructure",), "recreate": ("code", "infrastructure"), "update": ("configuration", "infrastructure"),
    "pull": ("code",), "tag": ("code",), "load": ("code",), "import": ("code",), "connect": ("infrastructure",),
    "disconnect": ("infrastructure",), "reload": ("configuration",), "destroy": ("infrastructure",),
}  # fmt: skip


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Events, what containers tell of themselves, and edits of compose files."""
    containers = reader.look(ReadContainers())
    events: Sequence[Event] = ()
    with reader.part("events of the daemon"):
        seen = reader.look(ReadEvents())
        events = [event for event in seen.value.events if window.since <= event.at <= window.until]
        if seen.value.reaches is None or seen.value.reaches > window.since:
            reaches = stamp(seen.value.reaches) if seen.value.reaches else "now"
            reader.cut(
                f"events of the daemon before {reaches}", "it remembers no more; look at how it is deployed for the rest"
            )
        yield from _told(events, containers.value.containers, (seen.evidence, containers.evidence))
    yield from _own(containers.value.containers, events, window, containers.evidence)
    yield from _edits(reader, window, containers.value.containers)


def _told(events: Sequence[Event], containers: Iterable[Container], evidence: tuple[str, ...]) -> Iterator[Change]:
    """Events as changes, each kind of thing by itself."""
    names = {item.id: item.name for item in containers}
    yield from _of_containers([event for event in events if event.type == "container"], evidence)
    for event in events:
        name = names.get(event.attributes.get("container", "")[:12])
        if event.type == "network" and name and _rewired(event, events):
            clues = (f"network:{event.name}", f"container:{name}")
            yield _change(event.action, event.at, name, {"network": event.name}, evidence, clues=clues)
        elif event.type in ("image", "daemon") and event.action in _TEXT and not event.name.startswith("sha256:"):
            yield _change(event.action, event.at, event.name, {}, evidence, clues=(f"image:{event.name}",), reference=event.id)


def _of_containers(events: Sequence[Event], evidence: tuple[str, ...]) -> Iterator[Change]:
    """A restart by policy is part of the end before it; a new image under an old name is what counts of a creation."""
    ends: dict[str, list[Event]] = defaultdict(list)
    images: dict[str, str] = {}
    asked: set[str] = set()
    for event in events:
        name, before = event.name, images.get(event.name)
        if event.action == "die":
            if name not in asked:
                ends[name].append(event)
        elif event.action == "kill":
            if name not in asked:
                yield _change("stop", event.at, name, {}, evidence, clues=_clues(event))
            asked.add(name)
        elif event.action == "create" and before not in (None, event.image):
            yield _recreated(event, before or "", evidence)
        elif event.action == "create":
            yield _change("create", event.at, name, {"image": event.image}, evidence, clues=_clues(event))
        elif event.action == "start":
            if not ends[name] or name in asked:
                yield _change("start", event.at, name, {}, evidence, clues=_clues(event))
            asked.discard(name)
        elif event.action.startswith("health_status"):
            yield _health(event, evidence)
        elif event.action in _ALONE:
            yield _change(event.action, event.at, name, {}, evidence, clues=_clues(event))
        images[name] = event.image or before or ""
    killed = {event.name for event in events if event.action == "oom"}
    for name, died in ends.items():
        yield from _ends(name, died, name in killed, evidence)


def _ends(name: str, died: Sequence[Event], oom: bool, evidence: tuple[str, ...]) -> Iterator[Change]:
    """Each end by itself; of a loop the first, with how many there were."""
    for event in died if len(died) < LOOP else died[:1]:
        code = int(event.attributes.get("exitCode") or 0)
        values: dict[str, Value] = {"code": code, "meaning": exit_meaning(code), "count": len(died)}
        text = _TEXT["die"] + (", out of memory" if oom else "") + ("; {count} times" if len(died) >= LOOP else "")
        yield _change("die", event.at, name, values, evidence, clues=_clues(event), text=text)


def _recreated(event: Event, before: str, evidence: tuple[str, ...]) -> Change:
    text = "container {component} was recreated with another image: {before} before, {image} now"
    values: dict[str, Value] = {"before": before, "image": event.image}
    clues = (*_clues(event), f"image:{before}")
    return _change("recreate", event.at, event.name, values, evidence, clues=clues, text=text, reference=event.image)


def _health(event: Event, evidence: tuple[str, ...]) -> Change:
    state = event.action.partition(": ")[2]
    text = "container {component} became {state}"
    return _change("health", event.at, event.name, {"state": state}, evidence, clues=_clues(event), text=text)


def _rewired(event: Event, events: Sequence[Event]) -> bool:
    """Whether somebody changed a container's network: docker itself connects it at each start, and not longer than it runs."""
    mine = event.attributes.get("container", "")
    beside = (
        other.type == "container" and other.id == mine and abs(other.at - event.at) <= SAME
        and other.action in ("create", "start", "die", "destroy")
        for other in events
    )  # fmt: skip
    return event.action in ("connect", "disconnect") and event.name not in FAR and not any(beside)


def _own(containers: Iterable[Container], events: Sequence[Event], window: Window, evidence: str) -> Iterator[Change]:
    """Creations, last starts and last ends of which no event tells any more."""
    known = {(event.name, event.action): event.at for event in events if event.type == "container"}
    for item in containers:
        clues = (f"container:{item.name}", f"image:{item.image}")
        acts: Mapping[str, Moment | None] = {
            "create": item.created, "start": item.started, "die": item.finished if item.status != "running" else None,
        }  # fmt: skip
        for kind, at in acts.items():
            if at is None or not window.since <= at <= window.until:
                continue
            told = known.get((item.name, kind))
            if told is not None and abs(told - at) <= SAME:
                continue
            if kind == "start" and (item.name, "die") in known:
                continue  # a start by policy, told with the end before it
            values: dict[str, Value] = {"image": item.image, "code": item.exit_code, "meaning": exit_meaning(item.exit_code)}
            yield _change(kind, at, item.name, values, (evidence,), clues=clues)


def _edits(reader: Reader, window: Window, containers: Sequence[Container]) -> Iterator[Change]:
    try:
        seen = reader.look(ReadComposeFiles())
    except CouldNotLook as failure:
        reader.blind("compose files", f"{failure.reason}: {failure.detail}", failure.remedy)
        return
    for path, why in seen.value.failed.items():
        reader.blind(f"compose file {path}", why, "look at it on the daemon's host")
    for file in seen.value.files:
        if file.problem:
            reader.blind(f"content of compose file {file.path}", file.problem)
        moment = max(file.modified, file.changed)
        if window.since <= moment <= window.until:
            drift = [
                f"{item.name} runs {item.image}, the file says {service.image}"
                for service in file.services
                for item in containers
                if item.service == service.name
                and item.project == file.project
                and service.image
                and service.image != item.image
            ]
            text = "compose file {component} of project {project} was edited"
            values: dict[str, Value] = {"project": file.project, "drift": "; ".join(drift[:5])}
            clues = (f"path:{file.path}", *(f"container:{item.name}" for item in containers if item.project == file.project))
            yield _change(
                "edit", moment, file.path, values, (seen.evidence,), clues=clues, text=text + ("; {drift}" if drift else ""),
                classes=("infrastructure", "configuration"),
            )  # fmt: skip


def _clues(event: Event) -> tuple[str, ...]:
    return (f"container:{event.name}", *((f"image:{event.image}",) if event.image else ()))


def _change(
    kind: str, at: Moment, component: str, values: Mapping[str, Value], evidence: Iterable[str], *, clues: Iterable[str] = (),
    text: str = "", reference: str = "", classes: tuple[ChangeClass, ...] | None = None,
) -> Change:  # fmt: skip
    return Change(
        source="docker", kind=kind, classes=classes or _CLASSES.get(kind, ("runtime",)), at=at, stamp=stamp(at),
        component=component, reference=reference, clues=tuple(dict.fromkeys(clues)),
        summary=Statement(text=text or _TEXT[kind], values={"component": component, **values}, evidence=tuple(evidence), at=at),
    )  # fmt: skip
