"""Which names are written down in /etc/hosts, and who is asked for the others?"""

import ipaddress
from collections.abc import Iterator

from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, is_here
from mcp_server.core.reader import Reader

EDGE_SOURCE = EdgeSource(question="How are names resolved: /etc/hosts, and which name servers?")

RESOLUTION = "name resolution"
"""The component that every name stands on which is not written down in /etc/hosts."""
MOST = 5_000
_SIZE = 1_048_576


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """name → address from /etc/hosts; name resolution → each name server of /etc/resolv.conf."""
    with reader.part("/etc/hosts"):
        hosts = reader.file("/etc/hosts", length=_SIZE)
        if hosts.value.end < hosts.value.size:
            reader.cut("/etc/hosts", f"only its first {hosts.value.end:,} bytes were read")
        pairs = dict.fromkeys(written(hosts.value.text))
        for name, address in list(pairs)[:MOST]:
            dependency = Component(kind="host", name=address)
            yield _edge(Component(kind="host", name=name), dependency, hosts.evidence, "/etc/hosts")
        if len(pairs) > MOST:
            reader.cut("/etc/hosts", f"{len(pairs) - MOST} of {len(pairs)} names are left out")
    with reader.part("/etc/resolv.conf"):
        resolv = reader.file("/etc/resolv.conf")
        asked = list(dict.fromkeys(servers(resolv.value.text)))
        for address in asked:
            here = Component(kind="port", name="53/udp")
            far = Component(kind="external", name=f"[{address}]:53" if ":" in address else f"{address}:53")
            near = is_here(address)
            yield _edge(Component(kind="host", name=RESOLUTION), here if near else far, resolv.evidence, "/etc/resolv.conf")
        if not asked:
            reader.empty("/etc/resolv.conf: no name server")


def written(text: str) -> Iterator[tuple[str, str]]:
    """(name, address) of each line of a hosts file, without the machine's own standard names."""
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2 or not _address(words[0]):
            continue
        for name in words[1:]:
            if name.lower() != "localhost" and not name.lower().startswith(("localhost.", "ip6-")):
                yield name.lower()[:253], words[0]


def servers(text: str) -> Iterator[str]:
    """Addresses of the `nameserver` lines; the resolver uses the first three."""
    found = 0
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and _address(words[1].partition("%")[0]) and found < 3:
            found += 1
            yield words[1]


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _edge(dependent: Component, dependency: Component, evidence: str, where: str) -> Edge:
    return Edge(
        source="names", dependent=dependent, dependency=dependency, relation="resolves", observed=False, confidence=0.9,
        evidence=(evidence,), detail=where,
    )  # fmt: skip
