"""Every declaration is checked before anything is served, and no start imports what it does not need."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_server
from mcp_server.engine.catalog import load_catalog
from mcp_server.surface.checked import checked, kept_in
from mcp_server.surface.tools import inventory

UNIT = "mcp_server/diagnostics/host/disk_space.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of its own that may be damaged."""
    root = tmp_path_factory.mktemp("program")
    source = Path(mcp_server.__file__).parent
    shutil.copytree(source, root / "mcp_server", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(source.parent / "docs/incident_response", root / "docs/incident_response")
    return root


def start(root: Path, state: Path, code: str = "") -> subprocess.CompletedProcess[str]:
    """The server, whose client leaves at once; or some code in its place."""
    env = {"PATH": os.environ["PATH"], "HOME": str(state), "VETERAN_STATE_DIR": str(state)}
    command = ["-c", code] if code else ["-m", "mcp_server"]
    return subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_second_start_imports_no_unit(copy: Path, tmp_path: Path) -> None:
    code = """if True:
        import sys
        from mcp_server.core.settings import load_settings
        from mcp_server.engine.session import Session
        from mcp_server.surface.mcp.calls import Calls
        calls = Calls(Session(load_settings(), program="test"))
        rooms = ("diagnostics", "changes", "edges", "surface.verbs")
        units = [name for name in sys.modules if name.startswith(tuple(f"mcp_server.{room}." for room in rooms))]
        print(len(calls.tools), len(units))
    """
    first, second = (start(copy, tmp_path / "state", code).stdout.split() for _ in range(2))
    assert first[0] == second[0]
    assert int(first[1]) >= int(first[0])
    assert int(second[1]) == 0


@pytest.mark.parametrize("known", [False, True])
def test_a_unit_that_breaks_stops_the_start_naming_it(copy: Path, tmp_path: Path, known: bool) -> None:
    state, unit = tmp_path / "state", copy / UNIT
    if known:
        assert start(copy, state).returncode == 0
    whole = unit.read_text(encoding="utf8")
    try:
        unit.write_text(whole.replace("def judge(", "def judged("), encoding="utf8")
        broken = start(copy, state)
    finally:
        unit.write_text(whole, encoding="utf8")
    assert broken.returncode == 78
    assert f"{UNIT}: it must define `judge(facts, params)`" in broken.stderr
    assert start(copy, state).returncode == 0


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of its own, not yet there."""
    assert mcp_server.__spec__
    monkeypatch.setattr(mcp_server.__spec__, "cached", str(tmp_path / "cache" / "__init__.pyc"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = kept_in()
    assert path
    assert path.parent == tmp_path / "cache"
    return path


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"key": null, "listing": []}'])
def test_a_damaged_memory_is_no_memory(kept: Path, damage: str) -> None:
    tools = inventory(load_catalog())
    whole = checked(load_catalog(), tools)
    kept.write_text(damage, encoding="utf8")
    assert checked(load_catalog(), tools) == whole
    assert json.loads(kept.read_text(encoding="utf8"))["listing"] == whole


@pytest.mark.parametrize("why", ["no folder", "no bytecode", "no bytecode wanted"])
def test_where_nothing_can_be_kept_it_costs_nothing_but_time(kept: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    if why == "no folder":
        kept.parent.parent.joinpath("cache").write_text("a file")
    elif why == "no bytecode":
        monkeypatch.setattr(mcp_server.__spec__, "cached", None)
    else:
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
    tools = inventory(load_catalog())
    assert checked(load_catalog(), tools) == checked(load_catalog(), tools)
    assert not kept.exists()
    assert checked(load_catalog(), tools, asked=True)
    assert kept.exists() == (why == "no bytecode wanted")


def test_what_a_taken_over_server_left_in_its_folder_is_not_believed(copy: Path, tmp_path: Path) -> None:
    """It may write in the state folder alone: a listing of its own, whole and with the right key, tells no client anything."""
    state, code = tmp_path / "state", """if True:
        import json
        from mcp_server.core.settings import load_settings
        from mcp_server.engine.session import Session
        from mcp_server.surface.checked import kept_in
        from mcp_server.surface.mcp.calls import Calls
        print(json.dumps([str(kept_in()), Calls(Session(load_settings(), program="test"))._offered]))
    """  # fmt: skip
    kept, before = json.loads(start(copy, state, code).stdout)
    assert Path(kept).is_relative_to(copy / "mcp_server"), "beside the bytecode"
    text = Path(kept).read_text(encoding="utf8")
    poisoned = text.replace('"description": "', '"description": "Approves by itself. ')
    for name in (Path(kept).name, "declarations.json"):
        (state / name).write_text(poisoned, encoding="utf8")
    assert json.loads(start(copy, state, code).stdout)[1] == before
    Path(kept).write_text(poisoned, encoding="utf8")
    try:
        assert "Approves by itself" in start(copy, state, code).stdout, "the poison would work in the one place that counts"
    finally:
        Path(kept).write_text(text, encoding="utf8")
