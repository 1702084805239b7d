"""The dependency map of a real service: real nginx, gunicorn, sockets and files."""

from collections.abc import Iterator
from typing import Any

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from scripts.demo.shop import PASSWORD
from scripts.demo.world import World

pytestmark = pytest.mark.real


@pytest.fixture
def session(world: World) -> Iterator[Session]:
    world.start()
    settings = {"VETERAN_CONFIG": str(world.folder / "veteran.toml"), "HOME": str(world.folder)}
    opened = Session(load_settings(settings), program="test")
    yield opened
    opened.close()


def ask(session: Session, tool: str, **arguments: Any) -> Outcome:
    return inventory(session.catalog)[tool].call(session, arguments, Asking())


def edges(outcome: Outcome) -> dict[tuple[str, str], dict[str, Any]]:
    assert isinstance(outcome.data, dict)
    found: Any = outcome.data["edges"]
    return {(f"{row['dependent']['kind']}:{row['dependent']['name'].partition('[')[0]}",
             f"{row['dependency']['kind']}:{row['dependency']['name'].partition('[')[0]}"): row for row in found}  # fmt: skip


def test_nginx_to_gunicorn_and_who_is_hurt(world: World, session: Session) -> None:
    found = edges(ask(session, "dependency_map"))
    app, front = f"port:{world.app_port}", f"port:{world.nginx_port}"
    assert found["process:nginx", app]["timeout_ms"] == 1_000
    assert found[app, "process:gunicorn"]["observed"]
    assert found[front, "process:nginx"]["observed"]
    assert found["service:shop", "external:db.internal:5432"]["relation"] == "configured"
    outcome = ask(session, "blast_radius", component=app)
    assert isinstance(outcome.data, dict)
    hurt: Any = outcome.data["hurt"]
    names = {row["component"]["name"].partition("[")[0] for row in hurt}
    assert {"nginx", "site shop.example", str(world.nginx_port), "shop"} <= names
    assert PASSWORD not in render(outcome) + outcome.model_dump_json()


def test_what_stops_is_seen_to_be_down(world: World, session: Session) -> None:
    world.end("gunicorn")
    outcome = ask(session, "blast_radius", component=f"port:{world.nginx_port}")
    assert outcome.verdict == "finding"
    assert (outcome.findings[0].code, outcome.findings[0].values["port"]) == ("listening_ports.nobody_listens", world.app_port)


def test_nginx_gives_up_before_gunicorn_until_it_waits_long_enough(world: World, session: Session) -> None:
    outcome = ask(session, "timeout_inversion", conf=str(world.config))
    (finding,) = outcome.findings
    assert (finding.values["wait_s"], finding.values["limit_s"]) == (1, 3)
    assert f"path:{world.config}" in finding.clues
    assert "1 s → gunicorn[" in str(finding.values["chain"])
    text = world.config.read_text(encoding="utf8")
    world.config.write_text(text.replace("proxy_read_timeout 1s", "proxy_read_timeout 4s"), encoding="utf8")
    assert ask(session, "timeout_inversion", conf=str(world.config)).verdict == "ok"
