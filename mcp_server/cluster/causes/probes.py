"""Probes that ask the wrong thing: port, scheme, path, command, timing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import at, key_of, mapping, moment, number, parts, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, every_container
from mcp_server.cluster.world import Cluster, Event

_KILLS = "A pod whose probe fails gets no requests; a liveness or startup probe that fails also kills the container."
_EXPLAINS = (*DOWN, "crash_loop", "probe_fails", "liveness_kills", "exits_at_once")

PORT = CauseType(
    code="probe_port",
    text="the {probe} probe of container {container} asks port {port}, where nothing listens; the container declares "
    "{declared}",
    confirm="connect to port {port} inside the pod; compare with the port the program says it listens on",
    meaning=_KILLS,
    explains=_EXPLAINS,
)
SCHEME = CauseType(
    code="probe_scheme",
    text="the {probe} probe of container {container} speaks {scheme}, but the port speaks something else",
    confirm="ask the port with http and with https from inside the pod",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
PATH = CauseType(
    code="probe_path",
    text="the {probe} probe of container {container} asks {path}, and the program answers {status}",
    confirm="ask {path} inside the pod; compare with the path in the program's documentation",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
STATUS = CauseType(
    code="probe_unhealthy",
    text="the {probe} probe of container {container} is answered {status} at {path}: the program itself says that it "
    "is not well",
    confirm="read what the answer's body and the log say; look at what the program depends on",
    meaning=_KILLS,
    explains=(*DOWN, "crash_loop", "probe_fails", "liveness_kills"),
)
COMMAND = CauseType(
    code="probe_command",
    text="the {probe} probe of container {container} runs {command}, which fails",
    confirm="run the command in the container by hand: does the program exist there, and what is its exit code?",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
TIMING = CauseType(
    code="probe_timing",
    text="the {probe} probe of container {container} gives up too early: it starts after {delay} s, waits {timeout} s,"
    " and acts after {threshold} failures {period} s apart",
    confirm="measure how long the program needs to start and to answer; give it a startupProbe or a longer timeoutSeconds",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
NAMED = CauseType(
    code="probe_named_port",
    text="the {probe} probe of container {container} names port {port}, which the container does not declare ({declared})",
    confirm="compare the name with ports[].name of the container",
    meaning="The kubelet cannot tell which port is meant, so the probe fails.", explains=_EXPLAINS,
)  # fmt: skip
NO_GRPC = CauseType(
    code="probe_grpc_unimplemented",
    text="the {probe} probe of container {container} asks by gRPC, and the program does not know the health service {service}",
    confirm="ask port {port} with grpc_health_probe; the program must serve grpc.health.v1.Health, or be probed by tcpSocket",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
HOST = CauseType(
    code="probe_host",
    text="the {probe} probe of container {container} asks the host {host}, which the kubelet cannot resolve",
    confirm="leave httpGet.host out: the kubelet then asks the pod itself; a Host header belongs into httpHeaders",
    meaning=_KILLS, explains=_EXPLAINS,
)  # fmt: skip
KILLED = CauseType(
    code="liveness_kills",
    text="container {container} is killed again and again because its {probe} probe fails ({restarts} restarts)",
    confirm="read the event's message and the log of the previous run: was the program well when it was killed?",
    meaning="The restart itself is the outage where the program was well.", explains=(*DOWN, "crash_loop"),
)  # fmt: skip
FAILS = CauseType(
    code="probe_fails",
    text="the {probe} probe of container {container} fails",
    confirm="read the event's message; ask what the probe asks from inside the pod",
    meaning=_KILLS, explains=DOWN,
)  # fmt: skip
GATE = CauseType(
    code="readiness_gate",
    text="the pod is held back by its readiness gate {gate}, which no controller has set to True",
    confirm="find the controller that sets the condition {gate}, such as a load balancer's, and read its log",
    meaning="All containers are ready, but the pod gets no requests until the condition is set.", explains=DOWN,
)  # fmt: skip

_ABOUT = Pattern(r"(Liveness|Readiness|Startup) probe (?:failed|errored|warning)", re.I)
_STATUS = Pattern(r"statuscode: (\d{3})|HTTP (\d{3})")
_URL = Pattern(r'(?:Get|Head) "?(https?)://([^/\s":]+|\[[^\]]+\]):(\d+)(/[^"\s:]*)?')
_DIAL = Pattern(r"dial tcp \S+?:(\d+): (?:connect: )?connection refused")
_ASKED = Pattern(r"://[^/\s\"]*?:(\d{2,5})[/\"\s]|dial tcp \S+?:(?:\d{1,5}->\S+?:)?(\d{2,5}):|service \"[^\"]*:(\d{2,5})\"")
_UNIMPLEMENTED = Pattern(r"does not implement the grpc health protocol|unknown service (\S+)|code = Unimplemented")
_ANSWER = Pattern(r'service unhealthy \(responded with "?([A-Z_]+)"?\)')
_UNRESOLVED = Pattern(r"dial tcp: lookup (\S+?)(?: on \S+)?: ")
_CONNECT = Pattern(r'failed to connect service "[^"]*:(\d{2,5})"')
_SCHEMES = ("server gave HTTP response to HTTPS client", "malformed HTTP response", "tls: first record does not look like",
            "first record does not look like a TLS handshake", "HTTP/1.x transport connection broken", "HTTP/0.9",
            "sent to HTTPS port", "http request was sent to https")  # fmt: skip
_SLOW = ("context deadline exceeded", "Client.Timeout exceeded", "timeout", "timed out", "request canceled")
_KINDS = {"liveness": "livenessProbe", "readiness": "readinessProbe", "startup": "startupProbe"}
_RECENT_S = 3_600.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Probes whose failure is told by events, and those that cannot work by what is declared."""
    for item in every_container(cluster):
        told = False
        for event in _newest(cluster, item).values():
            if _current(cluster, item, event):
                told = True
                yield from _told(cluster, item, event)
        if not item.ready and not item.init:
            yield from _declared(cluster, item, told)
    yield from _gates(cluster)


def _newest(cluster: Cluster, item: Container) -> dict[str, Event]:
    """The newest event of each kind of probe that may be about this container."""
    found: dict[str, Event] = {}
    for event in cluster.events(item.pod, "Unhealthy", "ProbeWarning"):
        match = _ABOUT.search(event.message)
        if match and _KINDS[match[1].lower()] in item.spec and _about(item, _KINDS[match[1].lower()], event):
            found[match[1].lower()] = event
    return found


def _about(item: Container, way: str, event: Event) -> bool:
    """Whether it is about this container: by the field it names, else by the port it asked, where only one asks that one."""
    if event.container:
        return event.container == item.name
    found = _ASKED.search(event.message)
    port = int(next(filter(None, found.groups()))) if found else None
    others = [spec for spec in parts(item.pod, "spec.containers") if words(spec, "name") != item.name and way in spec]
    ours = port is not None and _number(item.spec, way) == port
    return ours or not any(port is not None and _number(spec, way) == port for spec in others)


def _number(spec: Mapping[str, Any], way: str) -> int | None:
    """The port that a probe asks, by number also where it names it."""
    asked = _asked(mapping(spec, way))[1]
    if isinstance(asked, str):
        return next((number(port, "containerPort") for port in parts(spec, "ports") if words(port, "name") == asked), None)
    return asked


def _current(cluster: Cluster, item: Container, event: Event) -> bool:
    """A failure of the start that is over says nothing."""
    if not item.ready:
        return True
    age = cluster.age(event.last)
    killed = "iveness" in event.message and item.restarts > 0
    return killed and event.count >= 3 and (age is None or age < 600)


def _told(cluster: Cluster, item: Container, event: Event) -> Iterator[Cause]:
    match = _ABOUT.search(event.message)
    assert match is not None
    probe = match[1].lower()
    spec = mapping(item.spec, _KINDS[probe])
    way, asked = _asked(spec)
    said = event.message
    status = _STATUS.search(said)
    url = _URL.search(said)
    code = (status[1] or status[2]) if status else ""
    path = words(spec, "httpGet.path") or (url[4] if url and url[4] else "/")
    field = f"{_KINDS[probe]}.{way}" if way else _KINDS[probe]
    if any(sign in said for sign in _SCHEMES) or (code == "400" and "HTTPS" in said):
        scheme = (url[1].upper() if url else "") or words(spec, "httpGet.scheme") or "HTTP"
        yield _cause(cluster, SCHEME, item, probe, f"{_KINDS[probe]}.httpGet.scheme", event, scheme=scheme)
    elif code in ("404", "405", "410", "301", "302", "401", "403"):
        yield _cause(cluster, PATH, item, probe, f"{_KINDS[probe]}.httpGet.path", event, path=path, status=code)
    elif match := _UNIMPLEMENTED.search(said):
        service = (match[1] or "").rstrip(",;") or words(spec, "grpc.service") or "grpc.health.v1.Health"
        yield _cause(cluster, NO_GRPC, item, probe, f"{_KINDS[probe]}.grpc", event, service=service, port=asked)
    elif match := _ANSWER.search(said):
        where = words(spec, "grpc.service") or "its health service"
        yield _cause(cluster, STATUS, item, probe, f"{_KINDS[probe]}.grpc", event, path=where, status=match[1])
    elif match := _UNRESOLVED.search(said):
        yield _cause(cluster, HOST, item, probe, f"{_KINDS[probe]}.httpGet.host", event, host=match[1])
    elif code:
        yield _cause(cluster, STATUS, item, probe, f"{_KINDS[probe]}.httpGet", event, path=path, status=code)
    elif _DIAL.search(said) or "connection refused" in said or _elsewhere(item, said):
        refused = _DIAL.search(said) or _CONNECT.search(said)
        port = int(refused[1]) if refused else asked
        declared = _ports(item)
        if (port in declared and (item.waiting or item.exit not in (None, 0))) or (
            port in declared and len(declared) == 1 and probe != "liveness"
        ):
            # it asks where the program should listen: the program is down, or not yet up
            yield _cause(cluster, FAILS, item, probe, field, event, sure="medium")
        else:
            yield _cause(cluster, PORT, item, probe, field, event, "high" if port not in declared else "medium",
                         port=port, declared=_named(item))  # fmt: skip
    elif "exec" in spec and not any(sign in said for sign in _SLOW):
        command = " ".join(texts(spec, "exec.command"))
        yield _cause(cluster, COMMAND, item, probe, f"{_KINDS[probe]}.exec.command", event, command=command)
    elif any(sign in said for sign in _SLOW):
        yield _timing(cluster, item, probe, spec, event)
    elif probe == "readiness" or not item.restarts:
        yield _cause(cluster, FAILS, item, probe, field, event, sure="medium")
    if probe in ("liveness", "startup") and item.restarts > 0:
        if _hasty(spec) and "connection refused" in said and asked in _ports(item) and item.exit in (137, 143, 0, None):
            yield _timing(cluster, item, probe, spec, event)
        yield _cause(cluster, KILLED, item, probe, _KINDS[probe], event, restarts=item.restarts)


def _elsewhere(item: Container, said: str) -> bool:
    """Whether gRPC finds nobody on a port that the container does not declare: it says no more than that time ran out."""
    match = _CONNECT.search(said)
    return match is not None and bool(_ports(item)) and int(match[1]) not in _ports(item)


def _declared(cluster: Cluster, item: Container, told: bool) -> Iterator[Cause]:
    """What can be seen without an event: a named port that is not there, a port that is not declared."""
    for probe, way in _KINDS.items():
        spec = mapping(item.spec, way)
        place, asked = _asked(spec)
        if isinstance(asked, str) and asked and not asked.isdecimal():
            names = {words(port, "name") for port in parts(item.spec, "ports")}
            if asked not in names and not at(item.pod, "spec.portNamesUntold"):
                yield _cause(cluster, NAMED, item, probe, f"{way}.{place}", None, port=asked, declared=_named(item))
        elif (
            not told
            and isinstance(asked, int)
            and _ports(item)
            and asked not in _ports(item)
            and not item.waiting
            and _old(cluster, item)
        ):
            yield _cause(cluster, PORT, item, probe, f"{way}.{place}", None, "medium", port=asked, declared=_named(item))


def _old(cluster: Cluster, item: Container) -> bool:
    """Whether it has run long enough that its probe should have passed."""
    running = next((status for status in parts(item.pod, "status.containerStatuses") if words(status, "name") == item.name), {})
    age = cluster.age(moment(running, "state.running.startedAt"))
    return age is not None and age > 30 and not item.waiting


def _timing(cluster: Cluster, item: Container, probe: str, spec: Mapping[str, Any], event: Event) -> Cause:
    hasty = _hasty(spec) or (number(spec, "timeoutSeconds") or 1) <= 1
    return _cause(
        cluster, TIMING, item, probe, _KINDS[probe], event, "high" if hasty and item.restarts else "medium",
        delay=number(spec, "initialDelaySeconds") or 0, timeout=number(spec, "timeoutSeconds") or 1,
        threshold=number(spec, "failureThreshold") or 3, period=number(spec, "periodSeconds") or 10,
    )  # fmt: skip


def _hasty(spec: Mapping[str, Any]) -> bool:
    patience = (number(spec, "initialDelaySeconds") or 0) + (number(spec, "periodSeconds") or 10) * (
        number(spec, "failureThreshold") or 3
    )
    return patience <= 15


def _asked(spec: Mapping[str, Any]) -> tuple[str, int | str | None]:
    for way in ("httpGet", "tcpSocket", "grpc"):
        port = at(spec, f"{way}.port")
        if isinstance(port, int | str):
            return f"{way}.port", int(port) if isinstance(port, str) and port.isdecimal() else port
    return ("exec.command", None) if "exec" in spec else ("", None)


def _ports(item: Container) -> list[int]:
    return [value for port in parts(item.spec, "ports") if (value := number(port, "containerPort")) is not None]


def _named(item: Container) -> str:
    told = [f"{words(port, 'name')}:{number(port, 'containerPort')}".lstrip(":") for port in parts(item.spec, "ports")]
    return ", ".join(told) or "no ports"


def _gates(cluster: Cluster) -> Iterator[Cause]:
    for pod in cluster.all("Pod"):
        known = {words(item, "type"): words(item, "status") for item in parts(pod, "status.conditions")}
        if known.get("ContainersReady") != "True" or known.get("Ready") == "True" or words(pod, "metadata.deletionTimestamp"):
            continue
        for index, gate in enumerate(parts(pod, "spec.readinessGates")):
            name = words(gate, "conditionType")
            if known.get(name) != "True":
                key, field = cluster.mend(pod, f"readinessGates[{index}]")
                yield GATE.of(
                    key,
                    field,
                    "high",
                    touches=[key_of(pod)],
                    gate=name,
                    quotes=[f"condition {name}: {known.get(name, 'not set')}"],
                )


def _cause(
    cluster: Cluster, kind: CauseType, item: Container, probe: str, field: str, event: Event | None, sure: str = "high",
    **values: Any,
) -> Cause:  # fmt: skip
    key, way = item.mend(cluster, field)
    quotes = [*([event.line()] if event else []), item.state(), item.end()]
    return kind.of(
        key, way, "high" if sure == "high" else "medium", touches=[key_of(item.pod)], quotes=quotes,
        at=event.last if event else None, container=item.name, probe=probe, **values,
    )  # fmt: skip
