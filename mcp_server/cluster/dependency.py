"""Whom a line of a log speaks of: the Service behind a name, an address, a host and port in any of the usual spellings."""

from mcp_server.cluster.objects import Object, labels, name_of, nearest, parts, space_of, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster

_HOST_PORT = Pattern(r"(?<![\w.])((?:[A-Za-z][\w-]*)(?:\.[\w-]+)*|\d{1,3}(?:\.\d{1,3}){3}):(\d{2,5})(?!\d)")
_SPELLED = Pattern(
    r"host=\\?['\"]([\w.-]+)\\?['\"],? port=(\d{2,5})|\\?['\"]([\w.-]+)\\?['\"] \([\d.a-f:]+\), port (\d{2,5})"
    r"|connect(?:ion|ing)? to ([\w.-]+) (?:\([\d.a-f:]+\) )?port (\d{2,5})"
    r"|\b([A-Za-z][\w.-]*)/\d{1,3}(?:\.\d{1,3}){3}:(\d{2,5})"
    r"|[Hh]ost(?:name)?[\"']?[:=] ?[\"']?([\w.-]+)[\"']?,? [\"']?port[\"']?[:=] ?[\"']?(\d{2,5})"
)
_SERVER = Pattern(r"(?:server|host) (?:on|at|name)? ?\\?['\"]([A-Za-z][\w.-]*)\\?['\"]")
_WORD = Pattern(r"[A-Za-z][A-Za-z0-9-]{2,62}")
_NO_HOSTS = ("localhost", "http", "https", "main", "node", "line")


def named(cluster: Cluster, pod: Object, line: str, name: str) -> tuple[Object | None, str]:
    """(the Service, where there is one; how the line calls it, as host:port where it says so; empty where it names nobody)."""
    space = space_of(pod)
    told = [(name, "")] if name else []
    for match in _SPELLED.finditer(line):
        found = [group for group in match.groups() if group]
        told.append((found[0], found[1]))
    told += [(match[1], match[2]) for match in _HOST_PORT.finditer(line)]
    for host, port in told:
        service = service_of(cluster, space, host)
        if service is not None:
            number = port or next((found for other, found in told if other == host and found), "")
            called = name_of(service) if space_of(service) in ("", space) else f"{name_of(service)}.{space_of(service)}"
            return service, f"{called}:{number}" if number else called
    for host, port in told:
        if port and port != "53" and not host.startswith(("127.", "0.")) and host.lower() not in _NO_HOSTS:
            return None, f"{host}:{port}"
    if server := _SERVER.search(line):
        return service_of(cluster, space, server[1]), server[1]
    for word in _WORD.findall(line):
        if (service := cluster.get("Service", space, word)) is not None:
            return service, word
    return None, name


def service_of(cluster: Cluster, space: str, host: str) -> Object | None:
    """The Service that answers to a name or an address."""
    if host[:1].isdigit():
        for service in cluster.all("Service"):
            if host in (words(service, "spec.clusterIP"), *texts(service, "spec.clusterIPs")):
                return service
        for endpoints in cluster.all("Endpoints"):
            if any(words(item, "ip") == host for part in parts(endpoints, "subsets") for item in parts(part, "addresses")):
                return cluster.get("Service", space_of(endpoints), name_of(endpoints))
        for piece in cluster.all("EndpointSlice"):
            if any(host in texts(item, "addresses") for item in parts(piece, "endpoints")):
                return cluster.get("Service", space_of(piece), labels(piece).get("kubernetes.io/service-name", ""))
        return None
    name, _, rest = host.partition(".")
    return cluster.get("Service", rest.partition(".")[0] if rest else space, name)


def why_unknown(cluster: Cluster, pod: Object, name: str, service: Object | None) -> str:
    """Why a name is not resolved, as far as the Services tell."""
    first, _, rest = name.partition(".")
    space = rest.partition(".")[0] if rest else space_of(pod)
    if not name:
        return "the log does not say which"
    if service is not None:
        return f"Service {space}/{first} exists, so it is the resolver that fails"
    near = nearest(first, cluster.names("Service", space))
    hint = f"; similar: {near}" if near else ""
    if cluster.knows("Service", space) or cluster.names("Service", space):
        return f"there is no Service {space}/{first}{hint}"
    return "no Service of that name was seen"
