"""The dependency map of a place: every source of edges asked at once, joined into one graph, with what could not be seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from mcp_server.core.declare import Need
from mcp_server.core.edge import Edge, EdgeScope, EdgeUnit
from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook, NotApplicable
from mcp_server.core.outcome import BlindSpot, Coverage
from mcp_server.engine.places import Place, can_ask, resolve
from mcp_server.engine.run import door, preflight
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.together import together
from mcp_server.engine.topology import Graph, joined

MOST_EDGES = 60_000
"""Edges taken from one source at most."""


@dataclass(frozen=True)
class Mapped:
    """The map, what it rests on, and which sources told all they know."""

    graph: Graph
    coverage: Coverage
    evidence: tuple[str, ...]
    by_source: Mapping[str, tuple[Coverage, tuple[str, ...]]] = field(default_factory=dict)
    """What each source saw, and the evidence for it: only where it looked does silence mean something."""


@dataclass(frozen=True)
class _Told:
    name: str
    edges: tuple[Edge, ...]
    coverage: Coverage
    evidence: tuple[str, ...]


def dependencies(session: Session, target: str, asking: Asking) -> Mapped:
    """Ask every source. Raises BadInput for a target that does not exist, Cancelled when the caller goes away."""
    place = resolve(target, session.settings.read, session.settings.logs, session.redactor)
    scope = EdgeScope(session.settings.services)
    containers, unasked = _containers(session, place)
    places = [place, *containers]
    units = [(unit, at) for unit in session.catalog.edges.values() for at in places if can_ask(unit.spec.places, at)]
    told = together(
        [(unit.name, partial(_ask, session, at, unit, scope, asking)) for unit, at in units], asking,
        parallel=session.settings.limits.parallel, what="sources of dependencies asked",
    )  # fmt: skip
    coverage = _together([item.coverage for item in told])
    coverage = coverage.model_copy(update={"blind": (*coverage.blind, *unasked)})
    if not units:
        spot = BlindSpot(what="dependencies", reason=f"no source of edges looks at {place.where.kind} places")
        coverage = coverage.model_copy(update={"blind": (spot,)})
    return Mapped(
        graph=Graph(joined(edge for item in told for edge in item.edges)),
        coverage=coverage,
        evidence=tuple(dict.fromkeys(name for item in told for name in item.evidence)),
        by_source={item.name: (item.coverage, item.evidence) for item in told},
    )


def _containers(session: Session, place: Place) -> tuple[list[Place], tuple[BlindSpot, ...]]:
    """Places of the containers that the declared services run in, asked along with this host."""
    places, blind = list[Place](), list[BlindSpot]()
    declared = [item.container for item in session.settings.services.values() if item.container]
    for address in dict.fromkeys(declared) if place.address == "local" else ():
        try:
            places.append(resolve(address, session.settings.read))
        except BadInput as error:
            blind.append(BlindSpot(what=f"dependencies at {address}", reason=error.message, remedy=error.remedy))
    return places, tuple(blind)


def _ask(session: Session, place: Place, unit: EdgeUnit, scope: EdgeScope, asking: Asking) -> _Told:
    """One source. What it told before it failed is kept, and the failure with it."""
    reader = door(session, place, unit, asking)
    edges: list[Edge] = []
    try:
        needs: tuple[Need, ...] = unit.spec.needs
        preflight(reader, needs)
        for edge in unit.collect(reader, scope):
            if len(edges) >= MOST_EDGES:
                reader.cut(unit.name, f"more than {MOST_EDGES:,} edges; the rest is left out")
                break
            edges.append(edge)
    except Cancelled:
        raise
    except NotApplicable as reason:
        reader.empty(f"{unit.name}: {reason.sentence()}")
    except CouldNotLook as failure:
        reader.missed(failure.what, failure)
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like a host without dependencies
        reader.blind(unit.name, f"failed: defect in this source of edges ({type(error).__name__}: {error})", "report it")
    coverage = reader.coverage()
    if not (coverage.looked or coverage.blind or coverage.cut or coverage.empty or edges):
        reader.blind(unit.name, "looked at nothing", "report it")
    return _Told(unit.name, tuple(edges), reader.coverage(), tuple(reader.evidence))


def _together(parts: list[Coverage]) -> Coverage:
    return Coverage(
        looked=tuple(dict.fromkeys(item for part in parts for item in part.looked)),
        empty=tuple(dict.fromkeys(item for part in parts for item in part.empty)),
        blind=tuple(dict.fromkeys(item for part in parts for item in part.blind)),
        cut=tuple(dict.fromkeys(item for part in parts for item in part.cut)),
    )
