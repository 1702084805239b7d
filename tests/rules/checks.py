"""One check for each of the twenty rules, and how its mechanism is switched off. A check raises AssertionError when it fails.

`RULES[n]` is (check, off): `check(folder, patch)` uses the product's own functions in a folder of its own; `off(patch)` takes
the mechanism away. `test_twenty.py` runs each check with it, and without it.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import VeteranError
from mcp_server.core.ledger import Ledger
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.plan import reader_of
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.communication import Draft
from mcp_server.incident.escalation import clock
from mcp_server.incident.happening import Happening
from mcp_server.incident.playbooks import library
from mcp_server.incident.record import close_incident, find
from mcp_server.incident.same import merged
from mcp_server.logs.summary import summarise
from mcp_server.surface import cli
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.gate_world import World
from tests.incident.story import Story, at, session_in
from tests.incident.test_playbooks import books
from tests.packaging.test_deploy import Machine
from tests.test_cases import FOLDER, recorded_answer

CATALOG = load_catalog()
TOOLS = inventory(CATALOG)
Check = Callable[[Path, pytest.MonkeyPatch], None]
Off = Callable[[pytest.MonkeyPatch], None]


def call(session: Session, tool: str, **arguments: Any) -> Outcome:
    return TOOLS[tool].call(session, arguments, Asking())


def sentence(work: Callable[[], object]) -> str:
    """What it refuses with; empty when it does not refuse."""
    try:
        work()
    except VeteranError as error:
        return error.sentence()
    return ""


def gone(name: str, instead: Callable[..., Any]) -> Off:
    """The function of this name is replaced by one that does nothing."""
    return lambda patch: patch.setattr(name, instead)


def judges_nothing(diagnostic: str) -> Off:
    """The diagnostic still looks, and finds nothing."""

    def off(patch: pytest.MonkeyPatch) -> None:
        blunt = replace(CATALOG.diagnostics[diagnostic], judge=lambda facts, params: iter(()))
        patch.setitem(CATALOG.diagnostics._made, diagnostic, blunt)

    return off


def finds(diagnostic: str, case: str) -> Check:
    """A recorded place with something wrong is a finding."""

    def check(folder: Path, patch: pytest.MonkeyPatch) -> None:
        told = json.loads((FOLDER / diagnostic / f"{case}.json").read_text(encoding="utf8"))
        outcome = recorded_answer(diagnostic, told, folder)
        assert outcome.verdict == "finding", outcome.verdict
        assert all(finding.evidence for finding in outcome.findings)

    return check


# --- 1 to 5 ---------------------------------------------------------------------------------------------------------


def real_only(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PATH", str(folder))
    patch.setattr("mcp_server.targets.command._STANDARD", ())
    wanting = [name for name, unit in CATALOG.diagnostics.items() if unit.spec.commands and "local" in unit.spec.places]
    with session_in(folder) as session:
        outcome = call(session, "preflight", only=wanting[0])
    assert wanting[0] in {**outcome.data["in_part"], **outcome.data["impossible"]}
    assert any("not installed" in spot.reason and spot.remedy for spot in outcome.coverage.blind)


def never_break(folder: Path, patch: pytest.MonkeyPatch) -> None:
    victim = folder / "victim"
    victim.write_text("precious", encoding="utf8")
    with session_in(folder) as session:
        reader = reader_of(session, "local", Asking(), ("find",))
        said = sentence(lambda: reader.run(["find", str(victim), "-delete"]))
    assert victim.exists()
    assert "it removes, runs or writes" in said


def whole_system(folder: Path, patch: pytest.MonkeyPatch) -> None:
    hurt: list[Any] = []

    def ask() -> None:
        with session_in(folder, '[services.shop]\ndepends_on = ["db"]\n[services.db]\nport = 65431\n') as session:
            hurt.extend(call(session, "blast_radius", component="db", check=False).data["hurt"])

    assert not sentence(ask)
    assert "shop" in [item["component"]["name"] for item in hurt]


def undeclared(patch: pytest.MonkeyPatch) -> None:
    blind = replace(CATALOG.edges["declared"], collect=lambda reader, scope: iter(()))
    patch.setitem(CATALOG.edges._made, "declared", blind)


def search_first(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with session_in(folder) as session:
        first = Story(session, title="checkout answers 502")
        close_incident(session, first.incident, "a module was missing", ())
        told = render(call(session, "open_incident", title="502 at checkout since noon"))
    assert f"similar: `{first.incident.id}`" in told


def professional_response(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with session_in(folder) as session:
        Story(session)
        level = call(session, "assess_severity")
        draft = call(session, "draft_update", audience="support")
    assert level.data["level"] == "SEV2"
    assert level.verdict == "unknown", "nobody said how many users are hurt"
    assert not [item for item in draft.statements if re.search(r"\d", item.text)], "every number is a value of the record"
    assert "the cause" in draft.data["not_known"]


def promising(patch: pytest.MonkeyPatch) -> None:
    naive = Draft(audience="support", subject=Statement(text="all well"), lines=(Statement(text="Repaired by 14:00."),))
    patch.setattr("mcp_server.incident.communication.draft", lambda *_: naive)


# --- 6 to 10 --------------------------------------------------------------------------------------------------------


def central_documentation(folder: Path, patch: pytest.MonkeyPatch) -> None:
    assert "`name` is `disk_spice`" in sentence(lambda: library(CATALOG, books(folder, "  - ask: disk_spice")))


def script_discipline(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cli, "lock_writes", lambda paths, policy: None)  # it cannot be undone in this process
    patch.setenv("HOME", str(folder))
    patch.setenv("VETERAN_STATE_DIR", str(folder / "state"))
    cli.main("scripts/diagnostics/disk_space.py", ["--json"])
    ledger = Ledger(folder / "state")
    kinds = {entry.kind: entry.body for entry in ledger.entries()}
    ledger.close()
    assert {"session.started", "call.started", "evidence", "outcome", "session.ended"} <= kinds.keys()
    assert kinds["session.started"]["program"] == "script disk_space"
    assert kinds["outcome"]["outcome"]["name"] == "disk_space"


def python_quality(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with session_in(folder) as session:
        assert "did you mean `warn_percent`" in sentence(lambda: call(session, "disk_space", warn_procent=5))


def unchecked(patch: pytest.MonkeyPatch) -> None:
    for place in ("mcp_server.surface.tools", "mcp_server.core.parameters"):
        patch.setattr(f"{place}.refuse_unknown", lambda arguments, valid: None)


def one_truth(folder: Path, patch: pytest.MonkeyPatch) -> None:
    seen = [
        Happening(
            at=at(second), kind="change", source=source, statement=Statement(text="restarted", evidence=(f"E-{source}",)),
            identity=("start unit:shop",),
        )
        for second, source in ((0.0, "journal"), (0.6, "processes"))
    ]  # fmt: skip
    told = merged(seen)
    assert len(told) == 1
    assert set(told[0].cites()) == {"E-journal", "E-processes"}


def understand_first(folder: Path, patch: pytest.MonkeyPatch) -> None:
    world = World(folder)
    old, used = world.files / "app.log.2", world.files / "app.log.1"
    for path in (old, used):
        path.write_text("x" * 100, encoding="utf8")
        os.utime(path, (time.time() - 1_000_000,) * 2)
    code = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, used], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # fmt: skip
    try:
        assert holder.stdout and holder.stdout.readline()
        plan = world.plan("clear_disk", consumer="rotated_logs", folder=str(world.files))
    finally:
        holder.communicate()
    (step,) = plan.steps
    told = [item.text for item in step.record]
    assert [text for text in told if text.startswith("usage: ")]
    assert [text for text in told if text.startswith("history: ")]
    assert [name for name, *_ in step.before["files"]] == ["app.log.2"], "what is open is left alone"


# --- 11 to 15 -------------------------------------------------------------------------------------------------------


def delivered(script: str) -> str:
    """deploy.sh as it is shipped."""
    return script


def one_deployment(folder: Path, patch: pytest.MonkeyPatch) -> None:
    machine = Machine(folder)
    script = machine.checkout / "deploy.sh"
    script.write_text(delivered(script.read_text(encoding="utf8")), encoding="utf8")
    (machine.checkout / "mcp_server/__main__.py").write_text("raise SystemExit('out of tune')\n", encoding="utf8")
    done = subprocess.run(
        ["./deploy.sh", "install"], cwd=machine.checkout, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(machine.home)},
    )  # fmt: skip
    assert done.returncode != 0, done.stdout + done.stderr
    assert "out of tune" in done.stdout + done.stderr
    assert not (machine.home / ".local/bin/veteran").is_symlink()


def unasked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        sys.modules[__name__], "delivered", lambda text: re.sub(r"^answers\(\).*$", "answers() { :; }", text, flags=re.M)
    )


def specialists(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with session_in(folder) as session:
        incident = find(session.ledger, Story(session, "database is slow").incident.id)
        stalled = clock(session, incident, "database is slow", now() + timedelta(minutes=11))
    assert [row.area for row in stalled.bring] == ["database"]


def under_pressure(folder: Path, patch: pytest.MonkeyPatch) -> None:
    with session_in(folder) as session:
        assert "names no zone" in sentence(lambda: call(session, "what_changed", onset="2026-11-20T10:00:00"))
        found = call(session, "search_knowledge", text="gatewai timeot", source="playbook")
    assert [hit["name"] for hit in found.data["hits"]][:1] == ["502_504"]


# --- 16 to 20 -------------------------------------------------------------------------------------------------------


class Line:
    """A record of a log."""

    at = None
    level = "error"

    def __init__(self, number: int) -> None:
        self.text = f"error {number} of part {number % 97}: connection {number} refused"


def fails_gracefully(folder: Path, patch: pytest.MonkeyPatch) -> None:
    told = summarise(map(Line, range(3_000)), 2_000, memory=1_000_000)
    assert told.mode == "basic"
    assert "memory" in told.why
    assert told.text


def changelog_receipt(folder: Path, patch: pytest.MonkeyPatch) -> None:
    (folder / "IMPORTANT").mkdir()
    (folder / "IMPORTANT" / "rules.md").write_text("# Rules\n\nNever deploy on Fridays.\n", encoding="utf8")
    patch.chdir(folder)
    with session_in(folder) as session:
        outcome = call(session, "open_incident", title="shop answers 502")
    assert "rules read: 1 files" in render(outcome)
    states = {Path(item["folder"]).name: item["problem"] for item in outcome.data["receipts"]["changelogs"]}
    assert "No such file" in states.get("IMPORTANT", "")


def change_tracking(folder: Path, patch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(folder / "state")
    for number in range(3):
        ledger.append("note", {"n": number})
    with sqlite3.connect(ledger.path) as stranger:
        stranger.execute("DROP TRIGGER entry_fixed")
        stranger.execute("UPDATE entry SET body = ? WHERE seq = 2", ('{"n":9}',))
    stranger.close()
    check = ledger.verify()
    ledger.close()
    assert check.broken_at == 2


def protect_watchers(folder: Path, patch: pytest.MonkeyPatch) -> None:
    world = World(folder, more=f'[services.prometheus]\nstart = ["/bin/true"]\npid_file = "{folder}/p.pid"\nprocess = "pr-x"\n')
    said = sentence(lambda: world.plan("restart_service", service="prometheus"))
    assert "is protected: a part of the monitoring" in said


def _nothing(*_: object, **__: object) -> Iterator[Any]:
    return iter(())


RULES: dict[int, tuple[Check, Off]] = {
    1: (real_only, gone("mcp_server.engine.readiness.unmet", lambda reader, need: None)),
    2: (never_break, gone("mcp_server.targets.command.why_not", lambda argv: None)),
    3: (whole_system, undeclared),
    4: (search_first, gone("mcp_server.incident.validation.similar", _nothing)),
    5: (professional_response, promising),
    6: (central_documentation, gone("mcp_server.incident.playbooks._check_step", lambda *_: None)),
    7: (script_discipline, gone("mcp_server.engine.run.record", lambda session, outcome, call: outcome)),
    8: (python_quality, unchecked),
    9: (one_truth, gone("mcp_server.incident.same._one_event", lambda *_: False)),
    10: (understand_first, gone("mcp_server.operations.verbs.host_space._open", lambda *_: set())),
    11: (finds("container_review", "careless"), judges_nothing("container_review")),
    12: (one_deployment, unasked),
    13: (finds("log_waste", "finding"), judges_nothing("log_waste")),
    14: (specialists, gone("mcp_server.incident.escalation.fitting", lambda *_: ())),
    15: (under_pressure, gone("mcp_server.incident.knowledge_index.Index._nearest", lambda *_: None)),
    16: (fails_gracefully, gone("mcp_server.logs.summary._PER_SHAPE", 1)),
    17: (finds("policy_conflicts", "finding"), judges_nothing("policy_conflicts")),
    18: (changelog_receipt, gone("mcp_server.incident.validation.changelogs", lambda session: ())),
    19: (change_tracking, gone("mcp_server.core.ledger.chain_hash", lambda *_: "0" * 64)),
    20: (protect_watchers, gone("mcp_server.engine.plan.protected", lambda *_: ())),
}
