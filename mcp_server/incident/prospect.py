"""What a person wants to see beside a plan before saying yes: who stands on the target and how they are, and what changed
there lately. Shown, not digested: the executor does not look at it."""

from collections.abc import Iterator
from datetime import timedelta

from mcp_server.core.change import Window
from mcp_server.core.clock import now
from mcp_server.core.errors import CouldNotLook, VeteranError
from mcp_server.core.outcome import Statement
from mcp_server.core.plan import Plan
from mcp_server.core.text import one_line
from mcp_server.engine.dependencies import dependencies
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.what_changed import scope_of, what_changed
from mcp_server.incident.blast import NOBODY, Blast, blast, find_component

SHOWN, DEPTH = 8, 5
LATELY = timedelta(hours=24)


def prospect(session: Session, plan: Plan, asking: Asking) -> Plan:
    """The plan with its blast radius and the recent changes. What cannot be seen is said in its place."""
    if plan.environment.target != "local":
        text = "who stands on it is not mapped for this kind of place; ask blast_radius and what_changed"
        return plan.model_copy(update={"blast": (Statement(text=text),)})
    return plan.model_copy(
        update={"blast": tuple(_blast(session, plan, asking)), "changes": tuple(_changes(session, plan, asking))}
    )


def _blast(session: Session, plan: Plan, asking: Asking) -> Iterator[Statement]:
    try:
        mapped = dependencies(session, plan.environment.target, asking)
        found = _centre(session, plan, mapped)
    except VeteranError as error:
        yield Statement(text="who stands on it could not be seen: {why}", values={"why": one_line(error.sentence(), 200)})
        return
    if found is None:
        yield Statement(text="nothing seen stands on it; the map does not know it")
        return
    if not found.hurt:
        yield Statement(text="nothing seen stands on {component}", values={"component": found.centre.key})
    for item in found.hurt[:SHOWN]:
        yield Statement(
            text="{component} stands on it ({relation}) and is {state}: {why}",
            values={
                "component": item.component.key, "relation": item.edge.relation, "state": item.health.state,
                "why": item.health.why,
            },
            evidence=item.health.evidence[:3],
        )  # fmt: skip
    if len(found.hurt) > SHOWN:
        yield Statement(text="and {count} more", values={"count": len(found.hurt) - SHOWN})
    if mapped.coverage.blind:
        spots = ", ".join(spot.what for spot in mapped.coverage.blind[:5])
        yield Statement(text="not looked at for this map: {spots}", values={"spots": spots})


def _centre(session: Session, plan: Plan, mapped: object) -> Blast | None:
    from mcp_server.engine.dependencies import Mapped

    assert isinstance(mapped, Mapped)
    nobody = session.catalog.finding_types()[NOBODY]
    for clue in (name for step in plan.steps for name in step.touches):
        kind, _, name = clue.partition(":")
        try:
            centre = find_component(mapped.graph, name if kind == "service" else clue, session.settings.services)
        except VeteranError:
            continue
        return blast(mapped, centre, DEPTH, (), nobody)
    return None


def _changes(session: Session, plan: Plan, asking: Asking) -> Iterator[Statement]:
    names = [clue.partition(":")[2] for step in plan.steps for clue in step.touches if clue.startswith("service:")]
    unit = {clue.partition(":")[2] for step in plan.steps for clue in step.touches if clue.startswith("unit:")}
    names += [name for name, service in session.settings.services.items() if service.unit in unit]
    name = next((item for item in names if item in session.settings.services), None)
    scope = scope_of(session.settings.services[name] if name else None, name, (), ())
    moment = now()
    try:
        outcome = what_changed(
            session, plan.environment.target, Window(since=moment - LATELY, until=moment), scope, None, asking, limit=SHOWN
        )
    except CouldNotLook as failure:
        yield Statement(text="recent changes could not be seen: {why}", values={"why": one_line(failure.sentence(), 200)})
        return
    yield from outcome.statements[:SHOWN]
    if outcome.coverage.blind:
        spots = ", ".join(spot.what for spot in outcome.coverage.blind[:5])
        yield Statement(text="not looked at for changes: {spots}", values={"spots": spots})
