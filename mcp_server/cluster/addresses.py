"""Addresses in settings and commands: host and port, however a value spells them."""

from collections.abc import Iterator

from mcp_server.cluster.patterns import Pattern

_LABELS = r"[a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*"
_WITH_PORT = Pattern(rf"(?:^|[/@,(=])({_LABELS}):(\d{{2,5}})(?=$|[/?,)])")
_URL = Pattern(rf"(?:^|[=,:])([a-z][a-z0-9+.-]*)://(?:[^@/\s,]*@)?({_LABELS})(?=$|[/?,])")
_HOST = Pattern(_LABELS)
_ASKED = Pattern(
    r"\b(?:nslookup|ping6?|dig|getent hosts|host|nc|ncat|telnet|wait-for-it(?:\.sh)?|wait-for)\s+(?:-[\w]+(?:[ =]\d+)?\s+)*"
    rf"({_LABELS})"
    rf"|\b(?:pg_isready|mysqladmin|mysql|psql|redis-cli|mongosh?|mongo|cqlsh)\b[^;|&]*?\s(?:-h|--host)[ =]?({_LABELS})"
    rf"|\b(?:curl|wget|http)\b[^;|&]*?\s[\"']?(?:[a-z]+://)?({_LABELS})(?::\d+)?[/\s\"';]|/dev/tcp/({_LABELS})/"
)
_PORTS = {
    "http": 80, "https": 443, "amqp": 5672, "redis": 6379, "postgres": 5432, "postgresql": 5432, "mysql": 3306,
    "mongodb": 27017,
}  # fmt: skip
_HOST_NAMED = Pattern(r"(?i)(?:^|.*[_.-])(?:host|hostname|server|endpoint|addr|address)$")
_OWN = Pattern(
    r"(?i)(?:^|[_.-])(?:bind|listen|advertised?|public|external|virtual|allowed|root|node|pod|self|local|base)(?=[_.-]|$)"
)
_WORDS = ("localhost", "true", "false", "none", "null", "auto", "default", "any", "all", "production", "development", "test")


def addresses(value: str) -> Iterator[tuple[str, int | None]]:
    """(host, port) of every address in a value: `db:5432`, URLs, lists, DSNs; without a port that of the scheme, or None."""
    told = value.strip().lower()
    if len(told) > 600 or any(space in told for space in " \t\n"):
        return
    seen: set[str] = set()
    for match in _WITH_PORT.finditer(told):
        seen.add(match[1])
        if match[1] not in _WORDS:
            yield match[1], int(match[2])
    for match in _URL.finditer(told):
        if match[2] not in seen and match[2] not in _WORDS and "+srv" not in match[1]:
            yield match[2], _PORTS.get(match[1])


def lone_host(name: str, value: str) -> str:
    """The host that a variable of that name holds alone; empty where it holds something else, or what the program is itself."""
    told = value.strip().lower()
    if _HOST_NAMED.fullmatch(name) and not _OWN.search(name) and _HOST.fullmatch(told) and told not in _WORDS:
        return told if name.lower() not in ("host", "hostname", "server", "address", "addr") else ""
    return ""


def port_variable(name: str) -> tuple[str, ...]:
    """Names of variables that hold the port beside a variable that holds the host."""
    base = name
    for end in ("HOSTNAME", "HOST", "SERVER", "ENDPOINT", "ADDRESS", "ADDR"):
        if name.upper().endswith(end):
            base = name[: -len(end)]
            break
    return f"{base}PORT", f"{base}port"


def asked_hosts(text: str) -> list[str]:
    """Hosts that a shell command asks for: what an init container waits for."""
    found = [next(filter(None, match.groups())) for match in _ASKED.finditer(text[:4_000].lower())]
    return [host for host in dict.fromkeys(found) if host not in _WORDS and host not in ("sleep", "echo")]
