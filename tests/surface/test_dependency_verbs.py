"""The verbs of the dependency map, on a real session over a host in a folder."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Completed, Connected, Process, Processes, Socket, Sockets
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine import dependencies, probing
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import open_incident
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.changes.world import World

NGINX = """events {}
http { server { listen 80; server_name shop.example; location / { proxy_pass http://127.0.0.1:8000; proxy_read_timeout 5s; } } }
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """nginx[5] on 80 hands to gunicorn[7] on 8000."""
    made = World(tmp_path / "host")
    made.file("/etc/hosts", "127.0.0.1 localhost\n")
    made.file("/etc/resolv.conf", "nameserver 10.0.0.2\n")
    made.file("/etc/nginx/nginx.conf", NGINX)
    made.file("/srv/shop/.env", "DATABASE_URL=postgres://shop:hunter2-horse@db.internal/shop\n")
    made.answers["processes"] = Processes(
        processes=(
            Process(pid=1, ppid=0, name="init", argv=("init",)), Process(pid=5, ppid=1, name="nginx", argv=("nginx",)),
            Process(pid=7, ppid=1, name="gunicorn", argv=("gunicorn", "shop.wsgi")),
        )
    )  # fmt: skip
    listening(made, 80, 8000)
    monkeypatch.setattr(dependencies, "resolve", lambda *_: made)
    monkeypatch.setattr(probing, "resolve", lambda *_: made)
    return made


def listening(world: World, *ports: int) -> None:
    owners = {80: 5, 8000: 7}
    world.answers["sockets"] = Sockets(
        sockets=tuple(
            Socket(family="tcp", address=f"0.0.0.0:{port}", port=port, state="LISTEN", pid=owners[port]) for port in ports
        )
    )


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    config = tmp_path / "config.toml"
    config.write_text('[services.shop]\nroot = "/srv/shop"\nport = 8000\nprocess = "gunicorn shop.wsgi"\n')
    env = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path), "VETERAN_CONFIG": str(config)}
    opened = Session(load_settings(env), program="test")
    yield opened
    opened.close()


def ask(session: Session, tool: str, **arguments: Any) -> Outcome:
    return inventory(session.catalog)[tool].call(session, arguments, Asking())


def reached(outcome: Outcome, side: str) -> dict[str, tuple[int, str]]:
    assert isinstance(outcome.data, dict)
    rows: Any = outcome.data[side]
    return {f"{row['component']['kind']}:{row['component']['name']}": (row["distance"], row["health"]["state"]) for row in rows}


def test_who_is_hurt_and_who_can_hurt_with_their_health(session: Session, world: World) -> None:
    outcome = ask(session, "blast_radius", component="8000")
    assert reached(outcome, "hurt") == {
        "port:80": (1, "up"), "process:nginx[5]": (1, "up"), "service:shop": (1, "unknown"),
        "service:site shop.example": (1, "unknown"),
    }  # fmt: skip
    assert reached(outcome, "can_hurt") == {"process:gunicorn[7]": (1, "up")}
    assert outcome.verdict == "ok", render(outcome)
    text = render(outcome)
    assert "`service:shop` — health unknown" in text
    assert "waits 5 s" in text
    assert outcome.id is not None
    assert "hunter2" not in text + outcome.model_dump_json()


def test_a_port_on_which_nothing_listens_is_a_finding(session: Session, world: World) -> None:
    listening(world, 80)
    outcome = ask(session, "blast_radius", component="shop")
    assert reached(outcome, "can_hurt")["port:8000"] == (1, "down")
    assert [(item.code, item.values["port"]) for item in outcome.findings] == [("listening_ports.nobody_listens", 8000)]
    assert set(outcome.findings[0].evidence) <= set(outcome.evidence)


def test_where_sockets_cannot_be_seen_nothing_is_called_up_or_down(session: Session, world: World) -> None:
    world.answers["sockets"] = CouldNotLook("sockets", "denied", "no /proc/net", "mount it")
    outcome = ask(session, "blast_radius", component="port:8000")
    assert outcome.verdict == "unknown"
    assert not outcome.findings
    assert {state for _, state in reached(outcome, "can_hurt").values()} <= {"unknown"}
    assert "no /proc/net" in render(outcome)


def test_a_finding_of_the_incident_is_the_health_of_what_it_names(session: Session, world: World) -> None:
    incident = open_incident(session, title="502", target="local", service="shop", onset=world.moment, severity=None)
    kind = session.catalog.finding_types()["service_status.process_missing"]
    finding = kind.found("E1", component="shop", words="gunicorn").model_copy(update={"code": "service_status.process_missing"})
    body = Outcome(
        name="service_status", target="local", verdict="finding", at=world.moment, findings=(finding,), incident=incident.id
    )
    session.ledger.append("outcome", {"call": 0, "outcome": body.model_dump(mode="json")}, incident=incident.id)
    outcome = ask(session, "blast_radius", component="port:8000")
    assert reached(outcome, "hurt")["service:shop"] == (1, "troubled")
    assert [item.code for item in outcome.findings] == ["service_status.process_missing"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"component": "nope\x1b[31m"}, "`component` is `nope␛[31m`; it should be one of the"),
        ({}, "`component` is required"),
        ({"component": "x", "depth": 0}, "`depth`"),
        ({"component": "x", "target": "mars"}, "`target` is `mars`; it should be local"),
    ],
)
def test_bad_input_gets_a_sentence(session: Session, world: World, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        ask(session, "blast_radius", **arguments)
    assert words in refused.value.sentence()


def test_several_that_fit_are_named(session: Session, world: World) -> None:
    everyone = world.answers["processes"].processes
    world.answers["processes"] = Processes(processes=(*everyone, Process(pid=9, ppid=1, name="nginx", argv=("nginx", "-p"))))
    sockets = world.answers["sockets"].sockets
    world.answers["sockets"] = Sockets(
        sockets=(*sockets, Socket(family="tcp", address="0.0.0.0:81", port=81, state="LISTEN", pid=9))
    )
    with pytest.raises(BadInput, match=r"any of 2: `process:nginx\[5\]`, `process:nginx\[9\]`"):
        ask(session, "blast_radius", component="nginx")


def test_the_map_as_text_says_what_was_seen_and_what_was_only_told(session: Session, world: World) -> None:
    text = render(ask(session, "dependency_map"))
    assert "`port:8000` → `process:gunicorn[7]`: listens  [E" in text
    assert "`service:shop` → `external:db.internal:5432`: configured, not seen at work" in text
    assert "shared: 4 components stand on `port:8000`" in text
    short = render(ask(session, "dependency_map", limit=2))
    assert "more edges; raise `limit`" in short
    part: Any = ask(session, "dependency_map", component="port:80", depth=1).data
    assert part["centre"] == "port:80"
    assert part["edge_count"] < 12


def test_the_picture_is_a_file_in_the_reports_folder_and_its_digest_in_the_ledger(session: Session, world: World) -> None:
    outcome = ask(session, "dependency_map", format="svg", component="shop")
    assert isinstance(outcome.data, dict)
    path = Path(str(outcome.data["svg"]))
    assert path.parent == Path(session.settings.state_dir, "reports")
    assert f"written: `{path}`" in render(outcome)
    ET.parse(path)
    (entry,) = session.ledger.entries(kind="map.written")
    assert entry.body["file"] == path.name


def test_mermaid_is_marked_data_and_whole_in_the_data(session: Session, world: World) -> None:
    outcome = ask(session, "dependency_map", format="mermaid")
    assert isinstance(outcome.data, dict)
    assert str(outcome.data["mermaid"]).startswith("flowchart LR\n")
    assert "    │ flowchart LR" in render(outcome)
    with pytest.raises(BadInput, match="`format` is `png`"):
        ask(session, "dependency_map", format="png")


def test_cheap_checks_tell_what_was_not_seen_and_what_cannot_be_asked_stays_unknown(session: Session, world: World) -> None:
    def connect(call: Any) -> Any:
        if call.address == "db.internal:5432":
            return CouldNotLook(call.address, "unreachable", "db.internal port 5432 refuses connections: nothing listens there")
        return Connected(took_ms=3.2)

    world.answers["connect"] = connect
    outcome = ask(session, "blast_radius", component="shop")
    below = reached(outcome, "can_hurt")
    assert below["external:db.internal:5432"] == (1, "down")
    assert "it refuses connections" in render(outcome)
    assert below["host:db.internal"][1] == "unknown", "the name could not be asked for"
    assert outcome.verdict == "unknown"
    assert "not looked at: getent ahosts db.internal" in render(outcome)
    world.answers["connect"] = Connected(took_ms=3.2)
    world.answers["command"] = Completed(exit=0, out="10.0.0.9 STREAM db.internal\n")
    below = reached(ask(session, "blast_radius", component="shop"), "can_hurt")
    assert below["external:db.internal:5432"] == (1, "up")
    assert below["host:db.internal"][1] == "up"
    assert reached(ask(session, "blast_radius", component="shop", check=False), "can_hurt")["host:db.internal"][1] == "unknown"


def test_callers_that_give_up_first_are_told_with_their_chain(session: Session, world: World) -> None:
    world.file("/srv/shop/.env", "FRONT_URL=http://localhost:80/api\nFRONT_TIMEOUT=2\n")
    outcome = ask(session, "dependency_map")
    assert isinstance(outcome.data, dict)
    assert outcome.data["gives_up_first"] == ["service:shop 2 s → port:80 5 s → port:8000"]
    assert "gives up first: waits 2 s for what may take 5 s" in render(outcome)
