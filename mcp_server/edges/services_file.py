"""What a `services.yaml` beside the declared services says: who needs whom, and how long each waits.

```yaml
services:
  checkout:
    depends_on: [cart, "db.internal:5432", "unit:redis.service"]
    timeout_s: {cart: 2, "db.internal:5432": 5}
```
"""

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.core.calls import ReadFile
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, component_of
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader

EDGE_SOURCE = EdgeSource(question="Which dependencies does a services.yaml beside the declared services name?")

NAMES, SIZE, MOST = ("services.yaml", "services.yml"), 262_144, 2_000


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """The file in each folder of a declared service, where there is one; a damaged one is a blind spot."""
    folders = dict.fromkeys(
        folder for service in scope.services.values() for folder in (service.root, *service.folders) if folder
    )
    found = False
    for path in [posixpath.join(folder, name) for folder in folders for name in NAMES]:
        with reader.part(path):
            try:
                seen = reader.look(ReadFile(path=path, length=SIZE))
            except CouldNotLook as failure:
                if failure.reason != "missing":
                    raise
                continue
            found = True
            if seen.value.end < seen.value.size:
                raise CouldNotLook(path, "cut", f"only its first {SIZE:,} bytes were read")
            yield from _edges(reader, path, seen.value.text, seen.evidence, scope)
    if not found:
        reader.empty("services.yaml: none beside a declared service")


def _edges(reader: Reader, path: str, text: str, evidence: str, scope: EdgeScope) -> Iterator[Edge]:
    services = _parsed(path, text)
    known = {**dict.fromkeys(services), **dict.fromkeys(scope.services)}
    count = 0
    for name, body in services.items():
        waits = body.get("timeout_s") if isinstance(body, Mapping) else None
        needs = body.get("depends_on") if isinstance(body, Mapping) else body
        for other in [needs] if isinstance(needs, str) else needs if isinstance(needs, list) else ():
            thing = component_of(other, known) if isinstance(other, str) and other.strip() else None
            if thing is None:
                remedy = "name a service of the file, unit:NAME, port:N, HOST:PORT or a socket's path"
                reader.blind(f"{path}: {name[:60]} depends_on `{str(other)[:60]}`", "it names no component", remedy)
                continue
            count += 1
            if count > MOST:
                reader.cut(path, f"more than {MOST:,} dependencies; the rest is left out")
                return
            yield Edge(
                source="services_file", dependent=Component(kind="service", name=name[:500]), dependency=thing,
                relation="declared", observed=False, confidence=0.9, evidence=(evidence,), detail=path[-300:],
                timeout_ms=_wait_ms(waits, other),
            )  # fmt: skip


def _parsed(path: str, text: str) -> dict[str, Any]:
    """The `services` of the file. Raises CouldNotLook when it holds none."""
    import yaml

    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise CouldNotLook(path, "damaged", f"no YAML: {str(error).splitlines()[0][:120]}") from None
    services = data.get("services") if isinstance(data, Mapping) else None
    if not isinstance(services, Mapping):
        raise CouldNotLook(path, "damaged", "it has no `services`: a mapping from names to what each depends on")
    return {name: body for name, body in services.items() if isinstance(name, str) and name}


def _wait_ms(waits: Any, other: str) -> int | None:
    """One number for all of a service's calls, or a number for each."""
    value = waits.get(other) if isinstance(waits, Mapping) else waits
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86_400:
        return None
    return round(value * 1000)
