"""The gate's own record: what is written once, counted once, and read by those who may not write."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.plan import Approval, Authority, Proposal
from mcp_server.core.settings import Settings
from mcp_server.engine.gate_store import Gate
from tests.gate_world import World

DIGEST = "a" * 64


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(Settings(state_dir=str(tmp_path / "state")), write=True)
    yield made
    made.close()


def approval(plan: str = "P1", digest: str = DIGEST, minutes: float = 10, **more: Any) -> Approval:
    fields = {"approver": "ada", "route": "terminal", "at": now(), "expires": now() + timedelta(minutes=minutes)} | more
    return Approval(plan=plan, digest=digest, **fields)


def test_an_approval_is_of_one_plan_one_digest_and_its_time(gate: Gate) -> None:
    given = gate.approve(approval())
    assert gate.approvals("P1", DIGEST) == (given,)
    assert gate.approvals("P2", DIGEST) == ()
    assert gate.approvals("P1", "b" * 64) == ()
    assert gate.approvals("P1", DIGEST, now() + timedelta(minutes=11)) == ()
    assert "it is another plan now" in gate.why_not_approved("P1", "b" * 64)
    assert "nobody has approved P2" in gate.why_not_approved("P2", DIGEST)


def test_what_is_protected_needs_the_word_of_two_different_people(gate: Gate) -> None:
    def word(approver: str, *names: str, route: Any = "signature", minutes: float = 10) -> None:
        moment = now()
        gate.grant(
            Authority(names=names, approver=approver, route=route, at=moment, expires=moment + timedelta(minutes=minutes))
        )

    word("ada", "unit:prometheus.service")
    word("ada", "unit:prometheus.service")
    assert not gate.authorised(["unit:prometheus.service"], lambda word: True), "the same person twice is one person"
    word("bob", "unit:prometheus.service", route="dialog")
    assert not gate.authorised(["unit:prometheus.service"], lambda word: True), "a dialog is no signature"
    word("bob", "unit:prometheus.service", minutes=-1)
    assert not gate.authorised(["unit:prometheus.service"], lambda word: True), "an expired word is none"
    word("bob", "unit:prometheus.service")
    assert gate.authorised(["unit:prometheus.service"], lambda word: True)
    assert not gate.authorised(["unit:prometheus.service", "unit:loki.service"], lambda word: True)
    assert not gate.authorised([], lambda word: True)


def test_a_gate_that_is_not_there_is_a_blind_spot_and_not_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(CouldNotLook, match="nothing was ever approved"):
        Gate(Settings(state_dir=str(tmp_path / "state")))


def test_a_gate_that_may_not_be_read_is_a_blind_spot_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(CouldNotLook, match="let the server's account read that folder"):
        Gate(Settings(state_dir=str(tmp_path / "state")))


def test_the_claim_is_taken_once_and_by_nobody_when_its_check_fails(tmp_path: Path) -> None:
    world = World(tmp_path)
    plan = world.plan()
    proposal = world.propose(plan)
    given = world.approve(proposal)
    gate = Gate(world.settings, write=True)

    def refused() -> None:
        raise BadInput("changes are switched off")

    with pytest.raises(BadInput, match="switched off"):
        gate.claim(proposal, plan, [given], times_ms={}, check=refused)
    assert gate.executions() == ()
    assert gate.approvals(proposal.id, proposal.digest) == (given,), "a refused claim uses nothing up"
    gate.claim(proposal, plan, [given], times_ms={}, check=lambda: None)
    assert gate.approvals(proposal.id, proposal.digest) == ()
    with pytest.raises(BadInput, match="nothing runs twice"):
        gate.claim(proposal, plan, [given], times_ms={}, check=lambda: None)
    other = Proposal.model_validate(proposal.model_dump() | {"id": "P99"})
    with pytest.raises(BadInput, match="was used already"):
        gate.claim(other, plan, [given], times_ms={}, check=lambda: None)
    assert gate.ledger.verify().intact
    gate.close()


def test_a_plan_is_worked_on_by_one_process_and_a_dead_one_is_seen(gate: Gate) -> None:
    code = (
        "import sys\nfrom mcp_server.core.settings import Settings\nfrom mcp_server.engine.gate_store import Gate\n"
        "gate = Gate(Settings(state_dir=sys.argv[1]), write=True)\n"
        "with gate.working_on('P7'):\n    print('holds', flush=True)\n    sys.stdin.read()\n"
    )
    state = str(gate.folder).removesuffix("-gate")
    child = subprocess.Popen([sys.executable, "-c", code, state], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "holds\n"
    assert gate.alive("P7")
    with pytest.raises(BadInput, match="is being carried out by another process"), gate.working_on("P7"):
        pass
    child.kill()
    child.communicate()
    assert not gate.alive("P7")
    with gate.working_on("P7", "environment-test"):
        assert gate.alive("P7")
        with (
            pytest.raises(BadInput, match="another change is under way in environment-test"),
            gate.working_on("P8", "environment-test"),
        ):
            pass
    assert not list((gate.folder / "running").glob("P7*"))


LOCKED = """
import sys
from mcp_server.core.errors import Broken, CouldNotLook
from mcp_server.core.settings import Settings
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.lock import lock_writes
settings = Settings(state_dir=sys.argv[1])
report = lock_writes([settings.state_dir])
if not report.enforced:
    print("no landlock")
    sys.exit()
print(len(tuple(Gate(settings).all_approvals())))
try:
    gate = Gate(settings, write=True)
    gate.approve(next(gate.all_approvals()).model_copy(update={"plan": "P2"}))
    print("WROTE")
except (Broken, CouldNotLook, OSError) as error:
    print("refused")
"""


def test_the_locked_server_reads_it_and_cannot_write_it(tmp_path: Path) -> None:
    settings = Settings(state_dir=str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    gate = Gate(settings, write=True)
    gate.approve(approval())
    gate.close()
    done = subprocess.run([sys.executable, "-c", LOCKED, settings.state_dir], capture_output=True, text=True, check=True)
    if done.stdout.strip() == "no landlock":
        pytest.skip("this kernel has no Landlock")
    assert done.stdout.split() == ["1", "refused"]
    left = {item.name for item in Path(settings.gate_dir).iterdir()} - {"ledger.sqlite3-journal"}
    assert left == {"ledger.sqlite3", "running"}


def test_folders_that_lie_in_each_other_are_refused(tmp_path: Path) -> None:
    for state, gate in (("a", "a/gate"), ("a/b", "a"), ("a", "a"), ("a", "./a/../a")):
        with pytest.raises(ValueError, match="beside state_dir"):
            Settings(state_dir=str(tmp_path / state), gate_dir=f"{tmp_path}/{gate}")
    os.symlink(tmp_path, tmp_path / "link")
    with pytest.raises(ValueError, match="beside state_dir"):
        Settings(state_dir=str(tmp_path / "a"), gate_dir=str(tmp_path / "link/a/gate"))
