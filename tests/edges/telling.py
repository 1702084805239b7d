"""What one source of edges tells of a host in a folder, as the engine asks it."""

from typing import Any

from mcp_server.core.calls import Process
from mcp_server.core.edge import Edge, EdgeScope
from mcp_server.core.outcome import Coverage
from mcp_server.core.settings import ServiceSettings
from mcp_server.engine import dependencies
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from tests.changes.world import World


def tell(session: Session, world: World, name: str, **services: dict[str, Any]) -> tuple[list[Edge], Coverage]:
    """Edges and coverage; every edge cites evidence or is declared."""
    scope = EdgeScope({key: ServiceSettings(**value) for key, value in services.items()})
    told = dependencies._ask(session, world, load_catalog().edges[name], scope, Asking())
    for edge in told.edges:
        assert edge.source == name
        assert edge.evidence or edge.relation == "declared"
        assert set(edge.evidence) <= set(told.evidence)
    return list(told.edges), told.coverage


def pairs(edges: list[Edge]) -> set[tuple[str, str, str]]:
    return {(edge.dependent.key, edge.relation, edge.dependency.key) for edge in edges}


def process(pid: int, ppid: int, *argv: str, **more: Any) -> Process:
    return Process(pid=pid, ppid=ppid, name=argv[0].rpartition("/")[2], argv=argv, **more)
