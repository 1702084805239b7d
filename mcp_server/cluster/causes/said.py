"""What programs say in their own logs: dependencies that refuse, names unknown, rights, settings, certificates."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_server.cluster.cause import UNREADY, Cause, CauseType
from mcp_server.cluster.objects import Key, Object, key_of, labels, name_of, parts, space_of, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, every_container
from mcp_server.cluster.world import Cluster

_AND_UP = (*UNREADY, "crash_loop", "init_container_fails", "init_container_waits")
_APPLICATION = "The program runs and says itself what it lacks."

REFUSED = CauseType(
    code="dependency_refused",
    text="container {container} cannot connect to {dependency}: the connection is refused",
    confirm="see whether Service {dependency} has ready endpoints on that port, then whether its pods listen there",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
TIMEOUT = CauseType(
    code="dependency_timeout",
    text="container {container} gets no answer from {dependency} in time",
    confirm="look for a NetworkPolicy between the two, a Service without endpoints, or a slow dependency; connect from the pod",
    meaning=_APPLICATION, severity="warning", explains=_AND_UP,
)  # fmt: skip
UNKNOWN = CauseType(
    code="dependency_unknown",
    text="container {container} cannot resolve the name {dependency}: {why}",
    confirm="resolve the name from the pod; list the Services of the namespace; look at the pod's dnsPolicy and at CoreDNS",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
AUTH = CauseType(
    code="authentication_failed",
    text="container {container} is refused by {dependency}: wrong or missing credentials, or rights that were taken away",
    confirm="compare user and rights at the server with the Secret the container reads; look for a recent change of either",
    meaning="The dependency answers and says no.", explains=_AND_UP,
)  # fmt: skip
FORBIDDEN = CauseType(
    code="api_forbidden",
    text="ServiceAccount {account} may not {verb} {resource} at the Kubernetes API, which container {container} needs",
    confirm="kubectl auth can-i {verb} {resource} --as=system:serviceaccount:{account}; look at its RoleBindings and at"
    " serviceAccountName of the pod",
    meaning="The program asks the API server and is refused.", explains=_AND_UP,
)  # fmt: skip
SETTING = CauseType(
    code="setting_missing",
    text="container {container} says that a setting is missing: {setting}",
    confirm="compare env and envFrom of the container with the revision before and with the program's documentation",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
FILE = CauseType(
    code="file_missing",
    text="container {container} does not find the file {path}",
    confirm="look at volumeMounts, subPath and the keys of the ConfigMap or Secret that should hold it; then at the image",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
CONFIG = CauseType(
    code="configuration_invalid",
    text="container {container} refuses its configuration",
    confirm="read the line it names in the ConfigMap; compare with the version before (managedFields, Git)",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
RIGHTS = CauseType(
    code="file_permission",
    text="container {container} may not read or write {path}",
    confirm="compare runAsUser, runAsGroup and fsGroup with the owner of the volume or file",
    meaning="It runs as a user that the file or volume does not admit.", explains=_AND_UP,
)  # fmt: skip
READ_ONLY = CauseType(
    code="read_only_filesystem",
    text="container {container} wants to write {path}, but its filesystem is read-only",
    confirm="look at readOnlyRootFilesystem and at readOnly of the mount; mount an emptyDir where it must write",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
IN_USE = CauseType(
    code="address_in_use",
    text="container {container} cannot listen: the address {address} is in use already",
    confirm="look for another container of the pod with that port, for hostNetwork, and for a second process in the container",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
CERTIFICATE = CauseType(
    code="certificate_expired",
    text="container {container} meets a certificate that has expired or is not yet valid",
    confirm="read the dates of the certificate of {dependency}; look at the Secret or cert-manager Certificate it comes from",
    meaning="Every TLS connection that checks it fails.", explains=_AND_UP,
)  # fmt: skip
UNTRUSTED = CauseType(
    code="certificate_untrusted",
    text="container {container} does not trust the certificate of {dependency}, or the name in it is another",
    confirm="compare the issuer and names of the certificate with the CA bundle and the address that is called",
    meaning="Every TLS connection that checks it fails.", explains=_AND_UP,
)  # fmt: skip
FULL = CauseType(
    code="volume_full",
    text="container {container} cannot write: no space is left",
    confirm="see the use of its volumes and of the node's disk (df in the pod, kubelet_volume_stats_available_bytes)",
    meaning="Writes fail until space is made or the volume grows.", explains=_AND_UP,
)  # fmt: skip
HEAP = CauseType(
    code="heap_exhausted",
    text="container {container} ran out of its own heap, before the container's limit",
    confirm="compare the runtime's heap setting (-Xmx, --max-old-space-size, GOMEMLIMIT) with the container's limit",
    meaning=_APPLICATION, explains=_AND_UP,
)  # fmt: skip
FILES = CauseType(
    code="limit_of_connections",
    text="container {container} meets a limit of open files or connections",
    confirm="compare the limit named with what is open; look for a leak, or for more replicas than the dependency admits",
    meaning=_APPLICATION, severity="warning", explains=_AND_UP,
)  # fmt: skip


@dataclass(frozen=True)
class _Sign:
    """One kind of line: how it reads, and where the trouble is mended."""

    kind: CauseType
    pattern: Pattern
    field: str


def _sign(kind: CauseType, field: str, *alternatives: str) -> _Sign:
    return _Sign(kind, Pattern("|".join(alternatives), re.I), field)


_SIGNS = (
    _sign(
        FORBIDDEN,
        "serviceAccountName",
        r'(?:\S+ is forbidden: )?User "system:serviceaccount:(?P<account>[\w.:-]+)" cannot (?P<verb>\w+) '
        r'resource "(?P<resource>[\w./-]+)"',
        r"(?P<b>serviceaccounts?|pods|configmaps|secrets|endpoints|nodes|leases)(?:\.\S+)? is forbidden: User",
    ),
    _sign(
        UNKNOWN,
        "env",
        r"lookup (?P<name>[\w.-]+)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout)",
        r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?P<name2>[\w.-]+)",
        r'could not translate host name "(?P<name3>[\w.-]+)"',
        r"(?:Name or service not known|Temporary failure in name resolution|nodename nor servname|Name does not resolve|"
        r"UnknownHostException:? ?(?P<name4>[\w.-]*)|host not found in upstream \"(?P<name5>[\w.-]+)|bad address "
        r"'(?P<name6>[\w.-]+)'|could not resolve host:? ?(?P<name7>[\w.-]*)|NXDOMAIN)",
    ),
    _sign(CERTIFICATE, "", r"certificate has expired|certificate is not yet valid|CERT_HAS_EXPIRED|certificate expired"),
    _sign(
        UNTRUSTED,
        "",
        r"x509: certificate signed by unknown authority|x509: certificate is valid for|CERTIFICATE_VERIFY_FAILED|"
        r"self[- ]signed certificate in certificate chain"
        r"|unable to verify the first certificate|PKIX path building failed|DEPTH_ZERO_SELF_SIGNED",
    ),
    _sign(
        AUTH,
        "env",
        r"password authentication failed|authentication failed|access denied for user|WRONGPASS|NOAUTH|"
        r"not authorized (?:on|to)|auth(?:entication)? (?:error|failure|required)|AuthenticationFailed|command \w+ "
        r"requires authentication|could not find user|role \"[^\"]+\" does not exist|"
        r"permission denied for (?:table|database|schema|relation)|SASL authentication|login failed for user|"
        r"ACCESS_REFUSED|requires authentication",
    ),
    _sign(
        IN_USE,
        "ports",
        r"address already in use|EADDRINUSE|bind: address|port (?:is )?already (?:in use|allocated)|Only one usage of "
        r"each socket",
    ),
    _sign(READ_ONLY, "securityContext.readOnlyRootFilesystem", r"read-only file ?system|EROFS"),
    _sign(FULL, "volumeMounts", r"no space left on device|ENOSPC|disk quota exceeded"),
    _sign(
        HEAP,
        "env",
        r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|OOM command not allowed|MemoryError\b|Cannot "
        r"allocate memory|OutOfMemoryException",
    ),
    _sign(
        FILES,
        "",
        r"too many open files|EMFILE|too many (?:clients|connections)|remaining connection slots are reserved|max "
        r"number of clients reached|connection pool (?:exhausted|timeout)",
    ),
    _sign(
        REFUSED,
        "env",
        r"connection refused|ECONNREFUSED|actively refused|Connection reset by peer|no healthy upstream|failed to "
        r"connect to all addresses",
    ),
    _sign(
        TIMEOUT,
        "env",
        r"i/o timeout|connection timed out|ETIMEDOUT|connect timeout|context deadline exceeded|no route to host|"
        r"EHOSTUNREACH|network is unreachable|DeadlineExceeded|timed out (?:after|while|waiting)",
    ),
    _sign(
        SETTING,
        "env",
        r"(?:environment variable|env(?:ironment)? var|setting|config(?:uration)? (?:key|value|option)|variable)s? "
        r"[\"'`]?(?P<setting>(?-i:[A-Z][A-Z0-9_]{2,60}))[\"'`]? (?:is |are |was |must be |not |has )?(?:not set|required|"
        r"missing|not defined|undefined|unset|empty|be set|set)",
        r"(?:missing|undefined|required|must set|unset|no)(?: required)?(?: the)? (?:environment variable|"
        r"env(?:ironment)? var|env|variable|setting)s?:? ?[\"'`]?(?P<setting2>(?-i:[A-Z][A-Z0-9_]{2,60}))?",
        r"KeyError: [\"'](?P<setting3>(?-i:[A-Z][A-Z0-9_]{2,60}))[\"']",
        r"(?P<setting4>(?-i:[A-Z][A-Z0-9_]{3,60}))(?: environment variable)? (?:is (?:not set|required|undefined|missing|"
        r"unset|not defined)|must be set|not set|not defined|unset|is not specified|option is not specified)",
        r"you need to specify one of|Database is uninitialized and (?:superuser )?password (?:option )?is not specified|"
        r"(?P<setting5>(?-i:[A-Z][A-Z0-9_]{3,60})): (?:unbound variable|parameter (?:null or )?not set)",
    ),
    _sign(RIGHTS, "securityContext", r"permission denied|EACCES|Operation not permitted|AccessDeniedException"),
    _sign(
        FILE,
        "volumeMounts",
        r"(?P<path>/[\w./-]+)[\"']?:? ?(?:no such file|not found|does not exist)",
        r"no such file or directory[:,]? ?[\"']?(?P<path2>/[\w./-]+)?",
        r"FileNotFound(?:Error|Exception)|ENOENT",
    ),
    _sign(
        CONFIG,
        "volumes",
        r"(?:invalid|malformed|bad|broken|cannot parse|failed to parse|error parsing|error loading|could not parse|"
        r"failed to load) (?:the )?(?:config|configuration|yaml|json|toml|settings)"
        r"|yaml: |\[emerg\]|syntax error in config|unknown directive|unexpected (?:token|character).{0,40}(?:json|yaml)|"
        r"json: cannot|invalid character .{1,20} looking for",
    ),
)
_PATH = Pattern(r"[\"'`( ](/[\w.@%+-]+(?:/[\w.@%+-]+)*)|: (/[\w./-]+)")
_HOST_PORT = Pattern(r"(?<![\w.])((?:[A-Za-z][\w-]*)(?:\.[\w-]+)*|\d{1,3}(?:\.\d{1,3}){3}):(\d{2,5})(?!\d)")
_WORD = Pattern(r"[A-Za-z][A-Za-z0-9-]{2,62}")
_TAIL = 80
_OFTEN = 2
_CALLS_OFTEN = 3


def find(cluster: Cluster) -> Iterator[Cause]:
    """What the logs say of containers that are not up; of those that are, only what they say again and again."""
    for item in every_container(cluster):
        lines = [line for line in cluster.log(item.pod, item.name) if line.strip()][-_TAIL:]
        if item.last_words and item.ended not in ("StartError", "ContainerCannotRun"):  # these are the runtime's words
            lines += [line for line in item.last_words.splitlines() if line.strip()]
        if not lines:
            continue
        up = item.ready and not item.waiting
        found: dict[CauseType, list[tuple[_Sign, re.Match[str], str]]] = {}
        for line in lines:
            for sign in _SIGNS:
                match = sign.pattern.search(line)
                if match:
                    found.setdefault(sign.kind, []).append((sign, match, line))
                    break
        for kind, hits in found.items():
            if up and (
                len(hits) < (_CALLS_OFTEN if kind in (REFUSED, TIMEOUT, UNKNOWN) else _OFTEN)
                or kind in (SETTING, FILE, CONFIG, RIGHTS)
                or not _still(lines, hits[-1][2])
            ):
                continue
            yield _cause(cluster, item, kind, hits, up)


def _still(lines: list[str], last: str) -> bool:
    """Whether it is said to the end: an error of the start that ceased is none."""
    return last in lines[-max(10, len(lines) // 3) :]


def _cause(cluster: Cluster, item: Container, kind: CauseType, hits: list[tuple[_Sign, re.Match[str], str]], up: bool) -> Cause:
    sign, match, line = hits[-1]
    named = {name.rstrip("0123456789"): found for name, found in match.groupdict().items() if found}
    service, dependency = _dependency(cluster, item.pod, line, named.get("name", ""))
    needs: list[Key] = []
    if service is not None:
        needs = [key_of(service), *map(key_of, cluster.makers(space_of(service), labels(service, "spec.selector")))]
    if kind is UNKNOWN:
        needs.append(("Component", "", "cluster DNS"))
    if sign.field in ("serviceAccountName", "volumes"):
        key, field = cluster.mend(item.pod, sign.field)
    else:
        key, field = item.mend(cluster, sign.field)
    values: dict[str, Any] = {
        "container": item.name, "dependency": dependency or "a dependency (the log does not name it)",
        "why": _why(cluster, item.pod, named.get("name", ""), service), "setting": named.get("setting") or "see the quote",
        "path": named.get("path") or _path(line), "address": dependency or "(see the quote)",
        "account": named.get("account") or f"{space_of(item.pod)}:{words(item.pod, 'spec.serviceAccountName') or 'default'}",
        "verb": named.get("verb") or "read", "resource": named.get("resource") or named.get("b") or "what it asks for",
    }  # fmt: skip
    quotes = [item.state(), item.end(), *(f"log: {text}" for _, _, text in _some(hits))]
    return kind.of(
        key, field, "medium" if up or kind in (FILE, CONFIG, TIMEOUT) else "high", touches=[key_of(item.pod)],
        needs=needs, quotes=quotes,
        at=item.ended_at, severity="warning" if up else None, **values,
    )  # fmt: skip


def _some(hits: list[tuple[_Sign, re.Match[str], str]]) -> list[tuple[_Sign, re.Match[str], str]]:
    return hits if len(hits) <= 3 else [hits[0], *hits[-2:]]


def _dependency(cluster: Cluster, pod: Object, line: str, name: str) -> tuple[Object | None, str]:
    """The Service that a line speaks of, by name, name of the namespace, or address; and how the line calls it."""
    space = space_of(pod)
    for host, port in [(name, ""), *(match.groups() for match in _HOST_PORT.finditer(line))]:
        if not host:
            continue
        service = _service(cluster, space, host)
        if service is not None:
            return service, f"{name_of(service)}:{port}" if port else name_of(service)
    for match in _HOST_PORT.finditer(line):
        host, port = match.groups()
        if port != "53" and not host.startswith(("127.", "0.")) and host.lower() != "localhost":
            return None, f"{host}:{port}"
    for word in _WORD.findall(line):
        if (service := cluster.get("Service", space, word)) is not None:
            return service, word
    return None, name


def _service(cluster: Cluster, space: str, host: str) -> Object | None:
    if host[:1].isdigit():
        for service in cluster.all("Service"):
            if host in (words(service, "spec.clusterIP"), *texts(service, "spec.clusterIPs")):
                return service
        for endpoints in cluster.all("Endpoints"):
            if any(words(item, "ip") == host for part in parts(endpoints, "subsets") for item in parts(part, "addresses")):
                return cluster.get("Service", space_of(endpoints), name_of(endpoints))
        return None
    name, _, rest = host.partition(".")
    return cluster.get("Service", rest.partition(".")[0] if rest else space, name)


def _why(cluster: Cluster, pod: Object, name: str, service: Object | None) -> str:
    first, _, rest = name.partition(".")
    space = rest.partition(".")[0] if rest else space_of(pod)
    if not name:
        return "the log does not say which"
    if service is not None:
        return f"Service {space}/{first} exists, so it is the resolver that fails"
    near = difflib.get_close_matches(first, cluster.names("Service", space), n=1, cutoff=0.6)
    hint = f"; similar: {near[0]}" if near else ""
    if cluster.knows("Service", space) or cluster.names("Service", space):
        return f"there is no Service {space}/{first}{hint}"
    return "no Service of that name was seen"


def _path(line: str) -> str:
    match = _PATH.search(line)
    return (match[1] or match[2]) if match else "(see the quote)"
