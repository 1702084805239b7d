"""A daemon's JSON as facts. Values of environment variables end here: only names and addresses go on."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mcp_server.core.clock import parse_moment
from mcp_server.core.docker_calls import (
    Attached,
    Container,
    EnvironmentAddress,
    HealthRun,
    Image,
    Mount,
    Neighbour,
    Network,
    Published,
    Usage,
)
from mcp_server.core.redaction import Redactor
from mcp_server.core.text import one_line

_LABELS = re.compile(
    r"com\.docker\.compose\.(?:project|service|container-number|config-hash|oneoff|depends_on|image|project\.config_files"
    r"|project\.working_dir)|com\.docker\.swarm\.(?:service|task)\.name|com\.docker\.stack\.namespace"
    r"|org\.opencontainers\.image\.(?:version|revision|source|created|title)"
)
_TEXT, _HEALTH_RUNS, _HEALTH_OUTPUT = 500, 5, 400
_DEFAULT_PORTS = {
    "http": 80, "https": 443, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379,
    "rediss": 6379, "amqp": 5672, "amqps": 5671, "mongodb": 27017, "nats": 4222, "kafka": 9092, "memcached": 11211,
    "ldap": 389, "ldaps": 636, "smtp": 25,
}  # fmt: skip
_URL = re.compile(
    r"(?:jdbc:)?([a-z][a-z0-9]{1,20})(?:\+[a-z0-9]{1,20})?://(?:[^\s/'\"@]{0,300}@)?([A-Za-z0-9][\w.-]{0,252}|\[[0-9a-fA-F:.]{2,45}\])"
    r"(?::(\d{1,5}))?(?=$|[/?,;\s\"'])"
)
_ADDRESS = re.compile(r"(?:^|[,;\s])([A-Za-z][\w.-]{0,252}|(?:\d{1,3}\.){3}\d{1,3}):(\d{2,5})(?=$|[,;/\s])")
_TOKEN = re.compile(r"[^\s\"']*")
_CALLED = re.compile(
    r"HOST|ADDR|SERVER|BROKER|ENDPOINT|UR[IL]|UPSTREAM|BACKEND|NODE|PEER|DSN|BOOTSTRAP|SERVICE|CLUSTER|PROXY", re.I
)
_HOST, _PORT = re.compile(r"(.*?)_?HOST(?:NAME)?$", re.I), re.compile(r"(.*?)_?PORT$", re.I)
_HOSTNAME = re.compile(r"[A-Za-z][\w-]{0,62}(?:\.[\w-]{1,63}){0,8}|(?:\d{1,3}\.){3}\d{1,3}")
_NAMESPACES = (("network", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode"))
_OUR_KEY = b"docker facts".ljust(32, b".")


def moment(text: Any) -> datetime | None:
    """A time as the daemon writes it; None for its zero (`0001-01-01T00:00:00Z`) and for what is none."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    try:
        return parse_moment(text)
    except ValueError:
        return None


def container_of(data: Mapping[str, Any]) -> Container:
    """`GET /containers/ID/json` as facts. Raises KeyError and TypeError for what is no such answer."""
    state, config, host = data["State"], data["Config"], data["HostConfig"]
    health, check = state.get("Health") or {}, config.get("Healthcheck") or {}
    environment = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    log = host.get("LogConfig") or {}
    created = moment(data["Created"])
    assert created is not None
    return Container(
        id=data["Id"][:12], name=data["Name"].removeprefix("/"), image=_text(config.get("Image")), image_id=data["Image"],
        created=created, status=state["Status"], exit_code=state.get("ExitCode") or 0,
        error=_text(state.get("Error")), oom_killed=bool(state.get("OOMKilled")), started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")), restarts=data.get("RestartCount") or 0,
        restart_policy=_policy(host.get("RestartPolicy") or {}),
        health="" if health.get("Status") in (None, "none") else health["Status"],
        failing_streak=health.get("FailingStreak") or 0, health_runs=tuple(_runs(health.get("Log") or ())),
        health_command=tuple(_text(item) for item in check.get("Test") or ()),
        health_timeout_s=(check.get("Timeout") or 0) / 1e9,
        command=tuple(_text(item) for item in (data.get("Path"), *(data.get("Args") or ())) if item)[:60],
        user=_text(config.get("User")), environment=tuple(environment)[:300], secret_names=tuple(secret_names(environment)),
        addresses=tuple(addresses(environment))[:50],
        memory_limit=host.get("Memory") or None, cpu_limit=_cpus(host), pids_limit=_pids(host.get("PidsLimit")),
        privileged=bool(host.get("Privileged")), capabilities=tuple(host.get("CapAdd") or ()),
        host_namespaces=tuple(name for name, key in _NAMESPACES if host.get(key) == "host"),
        read_only=bool(host.get("ReadonlyRootfs")), mounts=tuple(_mounts(data.get("Mounts") or ()))[:60],
        network_mode=_text(host.get("NetworkMode")), networks=tuple(_attached(data.get("NetworkSettings") or {})),
        links=tuple(_text(link) for link in host.get("Links") or ()),
        extra_hosts=tuple(_text(item).partition(":")[0] for item in host.get("ExtraHosts") or ()), ports=tuple(_ports(data)),
        stop_signal=_text(config.get("StopSignal")), stop_timeout_s=config.get("StopTimeout"),
        log_driver=_text(log.get("Type")),
        log_limited=log.get("Type") != "json-file" or "max-size" in (log.get("Config") or {}),
        labels=labels(config.get("Labels")), pid=state.get("Pid") or None,
    )  # fmt: skip


def neighbour_of(name: str, row: Mapping[str, Any]) -> Neighbour:
    """A row of `GET /containers/json` as facts."""
    found, words = row.get("Labels") or {}, str(row.get("Status") or "")
    return Neighbour(
        name=name, status=_text(row.get("State")) or "unknown", project=_text(found.get("com.docker.compose.project")),
        health=next((state for state in ("unhealthy", "healthy") if f"({state})" in words), ""),
        service=_text(found.get("com.docker.compose.service")),
        networks=tuple((row.get("NetworkSettings") or {}).get("Networks") or ()),
    )  # fmt: skip


def labels(found: Mapping[str, str] | None) -> dict[str, str]:
    """The labels that mean the same everywhere; others may hold anything."""
    return {key: _text(value) for key, value in (found or {}).items() if _LABELS.fullmatch(key)}


def secret_names(environment: Mapping[str, str]) -> Iterator[str]:
    """Names of variables in which a secret stands, as redaction sees it."""
    redactor = Redactor(_OUR_KEY)
    for name, value in environment.items():
        pair = f"{name}={value}"
        if value and redactor.text(pair) != pair:
            yield name


def addresses(environment: Mapping[str, str]) -> Iterator[EnvironmentAddress]:
    """Where the values of variables lead: URLs, `host:port` under a name that says so, and pairs of X_HOST and X_PORT.

    What could be a user with a password is none: `admin:12345` under another name, and a URL with an `@` further on.
    """
    ports = {match[1]: value for name, value in environment.items() if value.isdigit() and (match := _PORT.fullmatch(name))}
    for name, whole in environment.items():
        value = whole[:4_000]
        for match in _URL.finditer(value):
            scheme, host, port = match.groups()
            if (port or scheme in _DEFAULT_PORTS) and "@" not in _TOKEN.match(value, match.end())[0]:  # type: ignore[index]
                yield EnvironmentAddress(variable=name, address=f"{host}:{port or _DEFAULT_PORTS[scheme]}")
        for host, port in _ADDRESS.findall(_URL.sub(" ", value)) if _CALLED.search(name) and "@" not in value else ():
            yield EnvironmentAddress(variable=name, address=f"{host}:{port}")
        match = _HOST.fullmatch(name)
        if match and _HOSTNAME.fullmatch(value) and match[1] in ports:
            yield EnvironmentAddress(variable=name, address=f"{value}:{ports[match[1]]}")


def image_of(data: Mapping[str, Any], history: Iterable[Mapping[str, Any]] = ()) -> Image:
    """`GET /images/ID/json` and its history as facts."""
    config = data.get("Config") or {}
    environment = dict(item.partition("=")[::2] for item in config.get("Env") or ())
    check = (config.get("Healthcheck") or {}).get("Test") or ()
    return Image(
        id=data["Id"], tags=tuple(data.get("RepoTags") or ()), digests=tuple(data.get("RepoDigests") or ()),
        created=moment(data.get("Created")), size=data.get("Size") or 0, user=_text(config.get("User")),
        health_check=bool(check) and list(check) != ["NONE"], secret_names=tuple(secret_names(environment)),
        secret_steps=tuple(dict.fromkeys(name for step in history for name in _secret_step(step))),
        labels=labels(config.get("Labels")),
    )  # fmt: skip


_STEP = re.compile(r"\b([A-Za-z_]\w{1,80})=(\"[^\"]{0,500}\"|'[^']{0,500}'|\S{1,500})")


def _secret_step(step: Mapping[str, Any]) -> Iterator[str]:
    """Names of what a layer's command was given, where a secret stands in it: build arguments stay in the history."""
    pairs = _STEP.findall(str(step.get("CreatedBy") or "")[:8_000])
    yield from secret_names({name: value.strip("\"'") for name, value in pairs})


def network_of(data: Mapping[str, Any]) -> Network:
    """`GET /networks/ID` as facts."""
    there = (data.get("Containers") or {}).values()
    subnets = ((data.get("IPAM") or {}).get("Config")) or ()
    return Network(
        id=data["Id"][:12], name=data["Name"], driver=data.get("Driver") or "", scope=data.get("Scope") or "local",
        internal=bool(data.get("Internal")), subnets=tuple(item["Subnet"] for item in subnets if item.get("Subnet")),
        containers={item["Name"]: (item.get("IPv4Address") or item.get("IPv6Address") or "").split("/")[0] for item in there},
        project=(data.get("Labels") or {}).get("com.docker.compose.project", ""),
    )  # fmt: skip


def usage_of(name: str, data: Mapping[str, Any]) -> Usage:
    """`GET /containers/ID/stats?one-shot` as facts; control groups v1 and v2 count the page cache differently."""
    memory, cpu = data.get("memory_stats") or {}, data.get("cpu_stats") or {}
    detail, used = memory.get("stats") or {}, memory.get("usage")
    cache = detail.get("total_inactive_file", detail.get("inactive_file", 0))
    throttling = cpu.get("throttling_data") or {}
    total = (cpu.get("cpu_usage") or {}).get("total_usage")
    return Usage(
        name=name, memory=max(0, used - cache) if used is not None else None, memory_limit=memory.get("limit"),
        memory_failures=memory.get("failcnt"), pids=(data.get("pids_stats") or {}).get("current"),
        cpu_s=round(total / 1e9, 3) if total is not None else None, periods=throttling.get("periods") or 0,
        throttled=throttling.get("throttled_periods") or 0, throttled_s=round((throttling.get("throttled_time") or 0) / 1e9, 3),
    )  # fmt: skip


def _text(value: Any) -> str:
    return one_line(value, _TEXT) if value else ""


def _policy(policy: Mapping[str, Any]) -> str:
    name, most = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return f"{name}:{most}" if name == "on-failure" and most else name


def _runs(log: Iterable[Mapping[str, Any]]) -> Iterator[HealthRun]:
    for run in list(log)[-_HEALTH_RUNS:]:
        start = moment(run.get("Start"))
        if start is not None:
            yield HealthRun(
                start=start, end=moment(run.get("End")), exit=run.get("ExitCode"),
                output=str(run.get("Output") or "").strip()[-_HEALTH_OUTPUT:],
            )  # fmt: skip


def _cpus(host: Mapping[str, Any]) -> float | None:
    if nano := host.get("NanoCpus"):
        return float(nano / 1e9)
    if (quota := host.get("CpuQuota") or 0) > 0:
        return round(quota / (host.get("CpuPeriod") or 100_000), 3)
    return None


def _pids(limit: Any) -> int | None:
    return limit if isinstance(limit, int) and limit > 0 else None


def _mounts(mounts: Iterable[Mapping[str, Any]]) -> Iterator[Mount]:
    for mount in mounts:
        yield Mount(
            type=mount.get("Type") or "", source=_text(mount.get("Name") or mount.get("Source")),
            destination=_text(mount.get("Destination")), writable=bool(mount.get("RW")),
        )  # fmt: skip


def _attached(settings: Mapping[str, Any]) -> Iterator[Attached]:
    for name, network in (settings.get("Networks") or {}).items():
        names = [*(network.get("Aliases") or ()), *(network.get("DNSNames") or ())]
        yield Attached(
            name=name, id=(network.get("NetworkID") or "")[:12],
            address=network.get("IPAddress") or network.get("GlobalIPv6Address") or "", aliases=tuple(dict.fromkeys(names)),
        )  # fmt: skip


def _ports(data: Mapping[str, Any]) -> Iterator[Published]:
    """Published ports, those that were wanted and are not there, and those that are only exposed."""
    there = (data.get("NetworkSettings") or {}).get("Ports") or {}
    wanted = data["HostConfig"].get("PortBindings") or {}
    for port in dict.fromkeys((*there, *wanted, *(data["Config"].get("ExposedPorts") or ()))):
        bound, asked = there.get(port) or (), wanted.get(port) or ()
        for binding in bound:
            yield Published(port=port, host=_address(binding))
        if not bound:
            for binding in asked:
                yield Published(port=port, host=_address(binding), wanted=True)
            if not asked:
                yield Published(port=port)


def _address(binding: Mapping[str, str]) -> str:
    host = binding.get("HostIp") or "0.0.0.0"  # noqa: S104 -- what the daemon means by an empty one
    return f"[{host}]:{binding.get('HostPort', '')}" if ":" in host else f"{host}:{binding.get('HostPort', '')}"
