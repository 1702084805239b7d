"""Addresses in the environment that systemd gives the declared units: Environment= and EnvironmentFile=."""

from collections.abc import Iterator

from mcp_server.core.calls import ReadFile, StatFile
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.reader import Reader
from mcp_server.logs.addresses import addresses_in

EDGE_SOURCE = EdgeSource(question="Which addresses does systemd put into the units' environment?", commands=("systemctl",))

SIZE, UNITS = 262_144, 40


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Units that the settings declare. Secrets are taken out before anything is read; only addresses leave."""
    units = {
        service.unit if "." in service.unit else f"{service.unit}.service": name
        for name, service in scope.services.items()
        if service.unit
    }
    if not units:
        reader.empty("environment: no declared service has a unit")
        return
    try:
        reader.look(StatFile(path="/run/systemd/system"))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        raise NotApplicable("systemd does not run here: no unit has an environment") from None
    if len(units) > UNITS:
        reader.cut(f"{len(units) - UNITS} of {len(units)} units", "declare fewer services")
    for unit in list(units)[:UNITS]:
        with reader.part(f"environment of {unit}"):
            yield from _unit(reader, unit)


def _unit(reader: Reader, unit: str) -> Iterator[Edge]:
    argv = ("systemctl", "show", "--no-pager", "--property=Environment,EnvironmentFiles", unit)
    seen = reader.run(argv)
    if seen.value.exit != 0:
        raise CouldNotLook(f"systemctl show {unit}", "failed", seen.value.err.strip()[:200] or f"exit {seen.value.exit}")
    me = Component(kind="unit", name=unit[:500])
    for line in seen.value.out.splitlines():  # the key stands once for each file
        key, _, value = line.partition("=")
        path = value.partition(" (")[0].strip().removeprefix("-")
        if key == "Environment":
            yield from _edges(me, "\n".join(value.split()), seen.evidence, f"{unit} Environment=")
        elif key == "EnvironmentFiles" and path.startswith("/"):
            with reader.part(f"environment file {path}"):
                file = reader.look(ReadFile(path=path, length=SIZE))
                if file.value.end < file.value.size:
                    reader.cut(path, f"only its first {SIZE:,} bytes were read")
                yield from _edges(me, file.value.text, file.evidence, path)


def _edges(me: Component, text: str, evidence: str, where: str) -> Iterator[Edge]:
    for found in addresses_in(text):
        yield Edge(
            source="environment", dependent=me, dependency=found.thing, relation="configured", observed=False, confidence=0.7,
            evidence=(evidence,), detail=f"{where}:{found.line}"[-300:], timeout_ms=found.wait_ms,
        )  # fmt: skip
