"""Real listeners, in processes of their own."""

from pathlib import Path

from mcp_server.core.text import one_line
from tests.diagnostics.asking import asking, codes
from tests.diagnostics.listeners import listener
from tests.real_parts import free_port


def test_an_owner_as_expected_is_ok_and_named(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, pid), asking(tmp_path) as ask:
        outcome = ask("listening_ports", port=port, expect="serve_here")
    assert outcome.verdict == "ok"
    values = outcome.statements[0].values
    assert values["pid"] == pid
    assert "serve_here.py" in one_line(values["command"], 1_000)


def test_another_owner_is_named_with_its_folder(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, pid), asking(tmp_path) as ask:
        outcome = ask("listening_ports", port=port, expect="gunicorn")
    assert codes(outcome) == ["wrong_owner"]
    assert {f"port:{port}", f"pid:{pid}", f"path:{tmp_path}"} <= set(outcome.findings[0].clues)


def test_nobody(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        outcome = ask("listening_ports", port=free_port())
    assert codes(outcome) == ["nobody_listens"]


def test_all_ports_are_listed(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, pid), asking(tmp_path) as ask:
        outcome = ask("listening_ports", limit=500)
    assert any(item.values.get("address") == f"127.0.0.1:{port}" and item.values["pid"] == pid for item in outcome.statements)
