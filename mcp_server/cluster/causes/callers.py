"""Names and ports that callers have wrong: addresses in settings and commands, compared with the Services there are."""

from collections.abc import Iterator
from dataclasses import dataclass

from mcp_server.cluster.addresses import addresses, asked_hosts, lone_host, port_variable
from mcp_server.cluster.cause import CALLS, Cause, CauseType
from mcp_server.cluster.objects import (
    Key,
    Object,
    at,
    containers,
    key_of,
    mapping,
    moment,
    name_of,
    nearest,
    number,
    parts,
    space_of,
    texts,
    words,
)  # fmt: skip
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import refusals
from mcp_server.cluster.world import Cluster, is_done, is_ready, spec_way, template

_EXPLAINS = (*CALLS, "crash_loop", "init_container_waits", "init_container_fails")

CALLED_PORT = CauseType(
    code="called_port_wrong",
    text="container {container} is told to call {address} (variable {variable}), but Service {service} has only ports {ports}",
    confirm="compare the variable with the Service's ports and with the revision before",
    meaning="Every call fails, although both ends are well.", explains=_EXPLAINS,
)  # fmt: skip
CALLED_NAME = CauseType(
    code="called_service_missing",
    text="container {container} is told to call {address} (variable {variable}), but there is no Service {service}"
    " (similar: {near})",
    confirm="list the Services of the namespace; find out whether it was deleted or renamed",
    meaning="Its name resolves to nothing, so every call fails.", severity="warning", explains=_EXPLAINS,
)  # fmt: skip

_OUTSIDE = Pattern(r"\.(?:com|net|org|io|dev|cloud|internal|lan|corp|aws|azure|gov|edu|de|uk|local)$")
_NO_CALL = Pattern(r"(?i)listen|bind|advertise|image|label|selector|feature|zone|name=|public|own|probe")
_NO_ADDRESS = Pattern(r"(?i)image|tag$|version|window|schedule|cron|listen|bind|advertise")
_LATE_S = 300.0


@dataclass(frozen=True)
class _Called:
    """One address that a container is told. `plain` where the value says by its form that it is one."""

    field: str
    variable: str
    host: str
    port: int | None
    plain: bool
    port_field: str = ""


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every address in the environment and the commands of a container that should run."""
    for obj in cluster.workloads:
        if _runs(cluster, obj):
            for way, container in containers(mapping(template(obj), "spec")):
                for called in dict.fromkeys(_called(cluster, space_of(obj), way, container)):
                    yield from _judged(cluster, obj, words(container, "name"), called)


def _runs(cluster: Cluster, obj: Object) -> bool:
    pods = cluster.pods_of(key_of(obj))
    return number(obj, "spec.replicas") != 0 and not (pods and all(map(is_done, pods)))


def _called(cluster: Cluster, space: str, way: str, container: object) -> Iterator[_Called]:
    settings = list(_settings(cluster, space, way, container))
    values = {name: (field, value) for field, name, value in settings}
    for field, name, value in settings:
        for host, port in () if _NO_ADDRESS.search(name) else addresses(value):
            yield _Called(field, name, host, port, plain=value.strip().lower() == f"{host}:{port}")
        if host := lone_host(name, value):
            beside = next((values[other] for other in port_variable(name) if other in values), ("", ""))
            number = int(beside[1]) if beside[1].strip().isdecimal() else None
            yield _Called(field, name, host, number, plain=False, port_field=beside[0])
    for word in ("command", "args"):
        for index, text in enumerate(texts(container, word)):
            field = f"{way}.{word}[{index}]"
            if way.startswith("init"):
                for host in asked_hosts(text):
                    yield _Called(field, word, host, None, plain=False)
            if not _NO_CALL.search(text):
                for host, port in addresses(text):
                    yield _Called(field, word, host, port, plain=False)


def _judged(cluster: Cluster, obj: Object, container: str, called: _Called) -> Iterator[Cause]:
    """Is there such a Service, and has it that port? Nothing for what is not the cluster's own matter."""
    space, host = space_of(obj), called.host
    first, _, domain = host.partition(".")
    inside = domain.removesuffix(".cluster.local")
    where = inside.removesuffix(".svc")
    if "." in where or (_OUTSIDE.search(host) and inside == where and not domain.endswith("cluster.local")):
        return
    if where and cluster.get("Service", space, where) is not None:
        return  # a member of a headless Service
    if where and where == inside and not _is_space(cluster, where):
        return  # a domain of somebody else
    where = where or space
    touches = [*map(key_of, cluster.pods_of(key_of(obj))), ("Service", where, first)]
    address = f"{host}:{called.port}" if called.port else host
    service = cluster.get("Service", where, first)
    if service is None:
        if cluster.knows("Service", where) and not _own(obj, first):
            yield from _missing(cluster, obj, container, called, (where, first), touches, address)
        return
    ports = [number(item, "port") for item in parts(service, "spec.ports")]
    headless = words(service, "spec.clusterIP") == "None"  # its callers reach the pods' own ports
    if called.port and ports and called.port not in ports and not headless and words(service, "spec.type") != "ExternalName":
        yield CALLED_PORT.on(
            obj,
            f"{spec_way(obj)}.{called.port_field or called.field}",
            "high",
            touches=touches,
            container=container,
            address=address,
            variable=called.variable,
            service=f"{where}/{first}",
            ports=", ".join(map(str, ports)),
            quotes=refusals(cluster, service),
        )


def _missing(
    cluster: Cluster, obj: Object, container: str, called: _Called, service: tuple[str, str], touches: list[Key], address: str
) -> Iterator[Cause]:
    near = nearest(service[1], cluster.names("Service", service[0]))
    sick = any(not is_ready(pod) and not is_done(pod) and _old(cluster, pod) for pod in cluster.pods_of(key_of(obj)))
    if not (called.plain or near or sick):
        return  # what only may be an address is told where something is wrong with it
    yield CALLED_NAME.on(
        obj,
        f"{spec_way(obj)}.{called.field}",
        "medium",
        touches=touches,
        severity="critical" if sick else None,
        container=container,
        address=address,
        variable=called.variable,
        service="/".join(service),
        near=near or "none",
    )


def _old(cluster: Cluster, pod: Object) -> bool:
    age = cluster.age(moment(pod, "metadata.creationTimestamp"))
    return age is None or age > _LATE_S


def _is_space(cluster: Cluster, name: str) -> bool:
    return cluster.get("Namespace", "", name) is not None or bool(cluster.pods_in(name)) or bool(cluster.names("Service", name))


def _own(obj: Object, host: str) -> bool:
    """Whether it is a name of its own: of the workload, its pods, or an entry of hostAliases."""
    spec = mapping(template(obj), "spec")
    aliases = [name for item in parts(spec, "hostAliases") for name in texts(item, "hostnames")]
    return host in (name_of(obj), words(spec, "hostname"), *aliases) or host.startswith(f"{name_of(obj)}-")


def _settings(cluster: Cluster, space: str, way: str, container: object) -> Iterator[tuple[str, str, str]]:
    """(field, variable, value) of every setting whose value was seen."""
    for index, env in enumerate(parts(container, "env")):
        field, name = f"{way}.env[{index}]", words(env, "name")
        if isinstance(env.get("value"), str):
            yield f"{field}.value", name, env["value"]
        elif ref := mapping(env, "valueFrom.configMapKeyRef"):
            held = at(cluster.get("ConfigMap", space, words(ref, "name")), "data")
            if isinstance(held, dict) and isinstance(held.get(words(ref, "key")), str):
                yield field, name, held[words(ref, "key")]
    for index, env in enumerate(parts(container, "envFrom")):
        for key, value in mapping(cluster.get("ConfigMap", space, words(env, "configMapRef.name")), "data").items():
            if isinstance(value, str):
                yield f"{way}.envFrom[{index}]", key, value
