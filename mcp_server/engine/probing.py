"""How components are right now, by cheap checks: a connection opened and closed, the state of units, a name resolved, one HEAD.

Only what could be asked is told; for everything else there is no answer, which is not the same as health.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from mcp_server.core.calls import Connect, Http
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, EdgeUnit
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings
from mcp_server.engine.places import resolve
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.together import together

MOST, WAIT_S = 24, 1.5
"""Components asked at most, and how long each may take."""
_GOOD = ("active", "reloading")


class Probe(Noun):
    """What a check saw. `why` is ours; `took_ms` how long an answer took."""

    state: Literal["up", "down", "troubled"]
    why: str
    evidence: tuple[str, ...] = ()
    took_ms: float | None = None


class Probed(Noun):
    """Answers by component key, and what could not be asked."""

    answers: dict[str, Probe] = {}
    blind: tuple[BlindSpot, ...] = ()
    evidence: tuple[str, ...] = ()


def _nothing(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    yield from ()


_UNIT = EdgeUnit(
    "blast_radius",
    EdgeSource(question="How are these components now?", commands=("systemctl", "getent"), timeout_s=8.0),
    _nothing,
)


def probe(
    session: Session, target: str, components: Sequence[Component], services: Mapping[str, ServiceSettings], asking: Asking
) -> Probed:
    """Ask each of them once, all at the same time; beyond `MOST` they are left out and it is said. Raises Cancelled."""
    place = resolve(target, session.settings.read, session.settings.logs, session.redactor)
    wanted = [item for item in dict.fromkeys(components) if _can(item, services)]
    units = [item for item in wanted if item.kind == "unit"]
    others = [item for item in wanted if item.kind != "unit"]
    readers = []

    def one(items: Sequence[Component]) -> dict[str, Probe]:
        reader = door(session, place, _UNIT, asking)
        readers.append(reader)
        try:
            if items[0].kind == "unit":
                return _units(reader, items)
            answer = _one(reader, items[0], services)
            return {items[0].key: answer} if answer else {}
        except CouldNotLook as failure:
            reader.missed(failure.what, failure)
            return {}

    work = [(item.key, partial(one, [item])) for item in others[:MOST]]
    if units:
        work.append(("units", partial(one, units[:200])))
    found = together(work, asking, parallel=8, what="components asked") if work else []
    blind = [spot for reader in readers for spot in reader.coverage().blind]
    if len(others) > MOST:
        blind.append(BlindSpot(what=f"health of {len(others) - MOST} components", reason=f"at most {MOST} are asked"))
    return Probed(
        answers={key: answer for part in found for key, answer in part.items()}, blind=tuple(blind),
        evidence=tuple(name for reader in readers for name in reader.evidence),
    )  # fmt: skip


def _can(item: Component, services: Mapping[str, ServiceSettings]) -> bool:
    if item.kind == "service":
        return item.name in services and bool(services[item.name].url)
    if item.kind == "port":
        return item.name.isdecimal()
    if item.kind == "external":
        return not item.name.endswith(":53") and ":" in item.name  # a name server answers another question
    return item.kind == "unit" or (item.kind == "file" and item.name.endswith(".sock")) or (
        item.kind == "host" and "." in item.name and not item.name.replace(".", "").isdecimal()
    )  # fmt: skip


def _one(reader: Reader, item: Component, services: Mapping[str, ServiceSettings]) -> Probe | None:
    if item.kind == "service":
        return _asked(reader, services[item.name].url or "")
    if item.kind == "host":
        return _resolved(reader, item.name)
    address = {"port": f"127.0.0.1:{item.name}", "file": f"unix:{item.name}"}.get(item.kind, item.name)
    try:
        seen = reader.look(Connect(address=address, timeout_s=WAIT_S))
    except CouldNotLook as failure:
        return _refused(failure)
    return Probe(state="up", why="it accepts connections", evidence=(seen.evidence,), took_ms=seen.value.took_ms)


def _refused(failure: CouldNotLook) -> Probe:
    """What a connection that did not come about says. Raises it again where it says nothing of the component."""
    cited = (failure.evidence,) if failure.evidence else ()
    if failure.reason == "unreachable":
        why = "it refuses connections" if "refuses" in failure.detail else "it cannot be reached from here"
        return Probe(state="down", why=why, evidence=cited)
    if failure.reason == "timed_out":
        return Probe(state="troubled", why=f"no connection within {WAIT_S:g} s", evidence=cited)
    raise failure


def _asked(reader: Reader, url: str) -> Probe | None:
    if urlsplit(url).scheme not in ("http", "https"):
        return None
    try:
        seen = reader.look(Http(url=url, method="HEAD", timeout_s=WAIT_S * 2))
    except CouldNotLook as failure:
        return _refused(failure)
    state: Literal["up", "troubled"] = "troubled" if seen.value.status >= 500 else "up"
    return Probe(
        state=state, why=f"it answers {seen.value.status}", evidence=(seen.evidence,), took_ms=seen.value.took_ms
    )  # fmt: skip


def _resolved(reader: Reader, name: str) -> Probe:
    began = time.monotonic()
    seen = reader.run(("getent", "ahosts", name))
    took = round((time.monotonic() - began) * 1000, 1)
    addresses = {line.split()[0] for line in seen.value.out.splitlines() if line.split()}
    if not addresses:
        return Probe(state="down", why="its name has no address", evidence=(seen.evidence,), took_ms=took)
    why = f"its name has {len(addresses)} address{'es' if len(addresses) > 1 else ''}"
    return Probe(state="up", why=why, evidence=(seen.evidence,), took_ms=took)


def _units(reader: Reader, units: Sequence[Component]) -> dict[str, Probe]:
    names = [item.name for item in units if not item.name.startswith("-")]
    argv = ("systemctl", "show", "--no-pager", "--property=Id,LoadState,ActiveState,SubState", *names)
    seen = reader.run(argv)
    if seen.value.exit != 0:
        raise CouldNotLook("state of units", "failed", seen.value.err.strip()[:200] or f"exit status {seen.value.exit}")
    found = {}
    for block in seen.value.out.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        active = told.get("ActiveState", "")
        if told.get("Id") and told.get("LoadState") == "loaded" and active.isalpha():
            state: Literal["up", "down", "troubled"] = (
                "up" if active in _GOOD else "troubled" if active in ("activating", "deactivating") else "down"
            )
            found[f"unit:{told['Id']}"] = Probe(state=state, why=f"systemd says {active}", evidence=(seen.evidence,))
    return found
