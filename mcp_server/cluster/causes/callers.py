"""Names and ports that callers have wrong: addresses in the environment of containers, compared with the Services there are."""

import difflib
from collections.abc import Iterator

from mcp_server.cluster.cause import CALLS, Cause, CauseType
from mcp_server.cluster.objects import Object, at, containers, key_of, mapping, number, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import refusals
from mcp_server.cluster.world import Cluster, is_done, spec_way, template

CALLED_PORT = CauseType(
    code="called_port_wrong",
    text="container {container} is told to call {address} (variable {variable}), but Service {service} has only ports {ports}",
    confirm="compare the variable with the Service's ports and with the revision before",
    meaning="Every call fails, although both ends are well.", explains=(*CALLS, "crash_loop"),
)  # fmt: skip
CALLED_NAME = CauseType(
    code="called_service_missing",
    text="container {container} is told to call {address} (variable {variable}), but there is no Service {service}"
    " (similar: {near})",
    confirm="list the Services of the namespace; find out whether it was deleted or renamed",
    meaning="Its name resolves to nothing, so every call fails.", severity="warning", explains=(*CALLS, "crash_loop"),
)  # fmt: skip

_ADDRESS = Pattern(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]*@)?([a-z][a-z0-9-]*)((?:\.[a-z0-9-]+)*):(\d{2,5})(?:[/?].*)?")
_OUTSIDE = Pattern(r"\.(?:com|net|org|io|dev|cloud|internal|lan|corp|aws|azure|gov|edu|de|uk)$")


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every address in the environment of a container that should run."""
    for obj in cluster.workloads:
        if _runs(cluster, obj):
            yield from _calls(cluster, obj)


def _runs(cluster: Cluster, obj: Object) -> bool:
    return number(obj, "spec.replicas") != 0 and not (
        cluster.pods_of(key_of(obj)) and all(map(is_done, cluster.pods_of(key_of(obj))))
    )


def _calls(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    """Addresses in the environment, literal or from a ConfigMap: is there such a Service, and has it that port?"""
    space = space_of(obj)
    for way, container in containers(mapping(template(obj), "spec")):
        for field, variable, value in _settings(cluster, space, way, container):
            match = _ADDRESS.fullmatch(value.strip().lower()) if len(value) < 300 else None
            if match is None or match[1] == "localhost":
                continue
            domain = match[2].removesuffix(".cluster.local").removesuffix(".svc").lstrip(".")
            if "." in domain or _OUTSIDE.search(match[1] + match[2]):
                continue
            where, port = domain or space, int(match[3])
            touches = map(key_of, cluster.pods_of(key_of(obj)))
            address = f"{match[1]}{match[2]}:{match[3]}"
            service = cluster.get("Service", where, match[1])
            if service is None:
                known = cluster.names("Service", where)
                if cluster.knows("Service", where) and (domain or "." not in address):
                    near = difflib.get_close_matches(match[1], known, n=1, cutoff=0.6)
                    hint = near[0] if near else "none"
                    yield CALLED_NAME.on(
                        obj,
                        f"{spec_way(obj)}.{field}",
                        "medium",
                        touches=[*touches, ("Service", where, match[1])],
                        container=words(container, "name"),
                        address=address,
                        variable=variable,
                        service=f"{where}/{match[1]}",
                        near=hint,
                    )
                continue
            ports = [number(item, "port") for item in parts(service, "spec.ports")]
            headless = words(service, "spec.clusterIP") == "None"  # its callers reach the pods' own ports
            if ports and port not in ports and not headless and words(service, "spec.type") != "ExternalName":
                yield CALLED_PORT.on(
                    obj,
                    f"{spec_way(obj)}.{field}",
                    "high",
                    touches=[*touches, key_of(service)],
                    container=words(container, "name"),
                    address=address,
                    variable=variable,
                    service=f"{where}/{match[1]}",
                    ports=", ".join(map(str, ports)),
                    quotes=refusals(cluster, service),
                )


def _settings(cluster: Cluster, space: str, way: str, container: object) -> Iterator[tuple[str, str, str]]:
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
