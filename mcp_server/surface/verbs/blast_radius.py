"""`blast_radius`: who is hurt when one component fails, and who can hurt it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from mcp_server.core.address import SPELLED, parse
from mcp_server.core.outcome import Outcome, Statement, Suggestion, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import amount
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current, find
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

if TYPE_CHECKING:
    from mcp_server.incident.blast import Blast, Health, Touched

VERB = Verb(
    summary="Who is hurt when a component fails, and who can hurt it, each with its present health or `unknown`",
    group="diagnose",
    examples=({"component": "port:8000"}, {"component": "shop", "depth": 3}),
)
KEPT = 500


class Params(Parameters):
    """Which component."""

    component: str = Field(
        min_length=1,
        max_length=300,
        description="Service, port:N, unit:NAME, pid:N, program, HOST:PORT or socket path",
    )
    target: str | None = Field(None, max_length=300, description=f"{SPELLED}; default: the incident's, else local")
    incident: str | None = Field(None, max_length=40, description="Incident it belongs to (INC-n); default: the only open one")
    depth: int = Field(10, ge=1, le=50, description="Edges followed in each direction")
    check: bool = Field(True, description="Ask cheap checks now: connect and close, unit state, name, HEAD of a declared url")
    limit: int = Field(20, ge=1, le=200, description="Components listed in each direction; the rest is counted")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Map the place now, then read it from one component."""
    from mcp_server.engine.dependencies import dependencies
    from mcp_server.engine.probing import Probed, probe
    from mcp_server.incident.answers import answers
    from mcp_server.incident.blast import NOBODY, blast, find_component, unseen

    asking.incident, notice = current(session.ledger, params.incident)
    incident = find(session.ledger, asking.incident) if asking.incident else None
    target = str(parse(params.target or (incident.target if incident else "local")))

    def work() -> Told:
        mapped = dependencies(session, target, asking)
        centre = find_component(mapped.graph, params.component, session.settings.services)
        known = answers(session.ledger, incident, session.catalog.diagnostics).findings() if incident else ()
        nobody, asked = session.catalog.finding_types()[NOBODY], Probed()
        found = blast(mapped, centre, params.depth, known, nobody)
        if params.check:
            asked = probe(session, target, unseen(found), session.settings.services, asking)
            found = blast(mapped, centre, params.depth, known, nobody, asked.answers)
        coverage = mapped.coverage.model_copy(update={"blind": tuple(dict.fromkeys((*mapped.coverage.blind, *asked.blind)))})
        next_call = (Suggestion(tool="dependency_map", arguments={"component": params.component}),)
        return Told(
            statements=tuple(_said(found, params.limit)), findings=found.findings, coverage=coverage,
            evidence=(*mapped.evidence, *asked.evidence), next=next_call,
            data={
                "centre": centre.key, "health": found.health.model_dump(mode="json"),
                "hurt": [item.model_dump(mode="json") for item in found.hurt[:KEPT]], "hurt_count": len(found.hurt),
                "can_hurt": [item.model_dump(mode="json") for item in found.can_hurt[:KEPT]],
                "can_hurt_count": len(found.can_hurt),
            },
        )  # fmt: skip

    outcome = tell(session, asking, "blast_radius", params, work, target)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


def _said(found: "Blast", limit: int) -> Iterator[Statement]:
    text, more = _now(found.health)
    yield Statement(text="{component}: " + text, values={"component": found.centre.key, **more}, evidence=found.health.evidence)
    yield from _side("hurt when it fails: {counted}", "nothing seen stands on it", found.hurt, limit)
    yield from _side("can hurt it: {counted}", "nothing seen below it", found.can_hurt, limit)


def _side(head: str, none: str, items: Sequence["Touched"], limit: int) -> Iterator[Statement]:
    if not items:
        yield Statement(text=none)
        return
    kinds = Counter(item.component.kind for item in items)
    states = Counter(item.health.state for item in items)
    counted = ", ".join(amount(kinds[kind], kind, "processes" if kind == "process" else None) for kind in sorted(kinds))
    health = ", ".join(f"{states[state]} {state}" for state in sorted(states))
    yield Statement(text=head.replace("{counted}", f"{counted} ({health})"))
    for item in items[:limit]:
        text, more = _now(item.health)
        wait = "" if item.edge.timeout_ms is None else ", waits {wait_s} s"
        values: dict[str, Value] = {
            "component": item.component.key, "distance": item.distance, "relation": item.edge.relation, "via": item.via.key,
            "classes": ", ".join(item.classes), **more,
        }  # fmt: skip
        if wait:
            values["wait_s"] = (item.edge.timeout_ms or 0) / 1000
        through = "" if item.distance == 1 else " through {via}"
        yield Statement(
            text="{component} — " + text + f" · {item.distance} away{through}, {item.edge.relation}{wait}", values=values,
            evidence=tuple(dict.fromkeys((*item.edge.evidence, *item.health.evidence)))[:6],
        )  # fmt: skip
    if len(items) > limit:
        yield Statement(text="{count} more; raise `limit`, or see the data", values={"count": len(items) - limit})


def _now(health: "Health") -> tuple[str, dict[str, Value]]:
    """How it is, as a text with places for values."""
    code = " ({code})" if health.code else ""
    open_now = ", {connections} open connections" if health.connections else ""
    open_now += " after {took_ms} ms" if health.took_ms is not None else ""
    values: dict[str, Value] = {"code": health.code} if code else {}
    if health.connections:
        values["connections"] = health.connections
    if health.took_ms is not None:
        values["took_ms"] = round(health.took_ms)
    return (f"{health.state}: {health.why}{code}{open_now}" if health.state != "unknown" else "health unknown"), values
