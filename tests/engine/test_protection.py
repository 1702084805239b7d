"""Protected targets: under every name that leads to them; and what is not protected stays reachable."""

import os
from pathlib import Path

import pytest

from mcp_server.core.calls import Process
from mcp_server.core.settings import GateSettings, Settings
from mcp_server.engine.protection import protected

SETTINGS = Settings(state_dir="/var/lib/veteran-test", gate=GateSettings(protected=("unit:billing", "path:/srv/crown")))


def process(pid: int, *argv: str, ppid: int = 1, unit: str | None = None, ours: bool = False) -> Process:
    return Process(pid=pid, ppid=ppid, name=argv[0].rpartition("/")[2], argv=argv, unit=unit, ours=ours)


WORLD = (
    process(1, "systemd", ppid=0),
    Process(pid=2, ppid=0, name="kthreadd"),
    Process(pid=77, ppid=2, name="kworker/0:1"),
    process(900, "/usr/bin/claude", ppid=1, unit="session-3.scope"),
    process(910, "/opt/v/bin/python", "-m", "mcp_server", ppid=900, unit="session-3.scope"),
    process(911, "/usr/bin/journalctl", "-u", "x", ppid=910, unit="session-3.scope"),
    process(920, "node", "/opt/mcp-server-github/index.js", ppid=900),
    process(930, "/usr/bin/prometheus", "--config.file=x", unit="metrics.service"),
    process(940, "/usr/bin/nginx", unit="nginx.service"),
    process(950, "/usr/bin/prometheus-node-exporter"),
)


def why(*touches: str) -> dict[str, str]:
    return {item.name: ("own: " if item.own else "") + item.why for item in protected(touches, WORLD, SETTINGS)}


@pytest.mark.parametrize(
    ("clue", "says"),
    [
        ("pid:1", "own: process 1"), ("pid:0", "own: process 1"), ("pid:910", "own: this program"),
        ("pid:900", "own: this program"), ("pid:911", "own: this program"), ("pid:OURS", "own: this program"),
        ("pid:77", "own: a part of the kernel"), ("unit:session-3.scope", "own: it runs this program"),
        ("pid:920", "an MCP server"), ("program:mcp_server", "an MCP server"), ("program:mcp-server-git", "an MCP server"),
        ("service:github-mcp", "an MCP server"), ("container:mcp.proxy", "an MCP server"), ("program:claude", "an MCP client"),
        ("pid:930", "a part of the monitoring"), ("unit:metrics.service", "it runs a part of the monitoring"),
        ("unit:prometheus.service", "a part of the monitoring"), ("unit:grafana-server.service", "a part of the monitoring"),
        ("unit:prometheus-node-exporter.service", "a part of the monitoring"), ("pid:950", "a part of the monitoring"),
        ("container:alertmanager", "a part of the monitoring"), ("image:registry.local/prom/prometheus:v3", "monitoring"),
        ("workload:datadog-agent", "a part of the monitoring"), ("unit:zabbix-agent2.service", "a part of the monitoring"),
        ("unit:otelcol@edge.service", "a part of the monitoring"),
        ("unit:billing.service", "the settings protect it"), ("path:/srv/crown", "the settings protect it"),
        ("path:/var/lib/veteran-test/ledger.sqlite3", "own: this program"), ("path:/var/lib/veteran-test-gate", "own: this"),
        ("path:/var/lib", "own: this program"), ("path:/", "own:"), ("path:/etc/passwd", "own: who may do what"),
        ("path:/etc/ssh/sshd_config", "own: who may do what"), ("path:/home/x/.claude/x.json", "configuration of an MCP"),
        ("path:/srv/app/.mcp.json", "configuration of an MCP"), ("path:/etc/prometheus/rules.yml", "configuration of an MCP"),
        ("path:/home/x/keys/allowed_signers", "configuration of an MCP"),
    ],
)  # fmt: skip
def test_protected(clue: str, says: str) -> None:
    clue = clue.replace("OURS", str(os.getpid()))  # here, not above: the names of cases are the same in every process
    assert says in why(clue).get(clue, "not protected")


@pytest.mark.parametrize(
    "clue",
    ["pid:940", "unit:nginx.service", "service:shop", "program:python3", "container:shop", "path:/etc/nginx/nginx.conf",
     "path:/var/log/nginx", "unit:mcpherson.service", "port:80", "unit:vectors.service", "program:promote"],
)  # fmt: skip
def test_not_protected(clue: str) -> None:
    assert why(clue) == {}


def test_a_link_to_what_is_protected_is_protected(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert "who may do what" in why(f"path:{tmp_path}/link").get(f"path:{tmp_path}/link", "")
    settings = Settings(state_dir=str(tmp_path / "state"))
    (tmp_path / "alias").symlink_to(tmp_path / "state-gate")
    found = protected([f"path:{tmp_path}/alias/ledger.sqlite3"], WORLD, settings)
    assert found[0].own


def test_what_nobody_can_allow_comes_first() -> None:
    found = protected(["unit:prometheus.service", "pid:910", "unit:loki.service"], WORLD, SETTINGS)
    assert [item.own for item in found] == [True, False, False]
