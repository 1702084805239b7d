"""A compose file as plain structure: services, what each waits for, publishes and has in its environment. Pure.

Nothing is expanded and nothing is included: what stands in `${…}` stays unknown, and is said.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.core.noun import Noun

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml", "docker-compose.*.yml",
         "docker-compose.*.yaml", "compose.*.yaml", "compose.*.yml")  # fmt: skip
MOST = 300


class ComposeService(Noun):
    """One service. `environment` holds `NAME=value` lines, still to be read for addresses only."""

    name: str
    needs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    """Ports of the host that lead to it."""
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """What holds a variable, so that nobody can tell it from the file alone."""


def compose_services(text: str) -> tuple[ComposeService, ...]:
    """The services of a compose file. Raises ValueError with a sentence when it is none."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {str(error).splitlines()[0][:120]}") from None
    services = data.get("services") if isinstance(data, Mapping) else None
    if not isinstance(services, Mapping):
        raise ValueError("no compose file: it has no `services`")
    return tuple(_service(str(name), body) for name, body in list(services.items())[:MOST] if isinstance(body, Mapping))


def _service(name: str, body: Mapping[str, Any]) -> ComposeService:
    needs = [*_names(body.get("depends_on")), *(link.partition(":")[0] for link in _names(body.get("links")))]
    mode = body.get("network_mode")
    mode = mode if isinstance(mode, str) else ""
    needs += [mode.removeprefix("service:")] if mode.startswith("service:") else []
    ports, unknown = [], []
    entries = body.get("ports")
    for entry in entries if isinstance(entries, list) else ():
        port = _published(entry)
        if port and "$" in port:
            unknown.append(f"ports: {port}"[:100])
        elif port:
            ports.append(port)
    volumes = [entry.partition(":")[0] for entry in _names(body.get("volumes"))]
    named = tuple(item for item in volumes if item and item[0] not in "./~$")
    return ComposeService(
        name=name[:200], needs=tuple(dict.fromkeys(needs)), ports=tuple(ports), networks=tuple(_names(body.get("networks"))),
        volumes=named, env_files=tuple(_names(body.get("env_file"))),
        environment=tuple(_environment(body.get("environment"))), unknown=tuple(unknown),
    )  # fmt: skip


def _names(value: Any) -> Iterator[str]:
    """Names in any of the forms compose takes: a text, a list of texts or mappings, a mapping."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (str(name) for name in value)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, Mapping):
                yield from (item[key] for key in ("source", "path") if isinstance(item.get(key), str))
            elif isinstance(item, str | int):
                yield str(item)


def _published(entry: Any) -> str | None:
    """`"8080:80"`, `"127.0.0.1:8080:80/tcp"`, `{target: 80, published: 8080}` → the host's port; None for inner ones."""
    if isinstance(entry, Mapping):
        published = entry.get("published")
        return str(published) if isinstance(published, str | int) and published else None
    if not isinstance(entry, str | int):
        return None
    host, colon, _ = str(entry).partition("/")[0].rpartition(":")
    return host.rpartition(":")[2] if colon else None


def _environment(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{name}={text}" for name, text in value.items() if isinstance(text, str | int | float))
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))
