"""approve.py as people use it: at a terminal (a real one, by pty), and with signatures made by ssh-keygen."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput
from mcp_server.core.ledger import Ledger
from mcp_server.core.plan import Request
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.plan import make_plan
from mcp_server.engine.proposals import propose
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.signing import read_signed, text_of
from tests.gate_world import ROOT, World, result
from tests.keys import Keys, Stick
from tests.real_parts import need

SCRIPT = ROOT / "scripts" / "incident_response" / "approve.py"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


def signed_world(folder: Path, protection: str, *names: str) -> tuple[World, Keys]:
    need("ssh-keygen")
    keys = Keys(folder / "keys")
    for name in names:
        keys.make(name)
    keys.allow(*names)
    world = World(
        folder, protection, gate=f'[gate]\noperations = "{folder}/operations"\n',
        approvals=f'[approvals]\nallowed_signers = "{keys.allowed}"\nstanding = "{folder}/standing"\n',
    )  # fmt: skip
    (folder / "standing").mkdir()
    (folder / "operations").mkdir()
    shipped = (ROOT / "mcp_server" / "operations" / "restart_service.yaml").read_text()
    (folder / "operations" / "restart_at_will.yaml").write_text(shipped.replace("cooldown_s: 60", "cooldown_s: 0"))
    world.start()
    return world, keys


def run(world: World, *words: str, text: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, SCRIPT, *words], env=world.environment, input=text, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def at_terminal(world: World, plan: str, answer: str, early: str = "") -> tuple[int, str]:
    """What the person sees, who types `answer` when asked, and `early` before."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, str(SCRIPT), plan], world.environment)
    os.write(terminal, early.encode())
    seen = b""
    while not seen.endswith(b"characters of the digest: "):
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # it has ended
            break
        seen += part
    shown = seen.decode()
    digest = re.search(r"digest ([0-9a-f]{64})", shown)
    try:
        os.write(terminal, (answer.format(end=digest[1][-6:] if digest else "") + "\n").encode())
        while part := os.read(terminal, 65_536):
            shown += part.decode()
    except OSError:
        pass  # the terminal is closed at its end
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown


def test_at_a_terminal_the_whole_plan_is_shown_and_the_digest_typed(world: World) -> None:
    proposal = world.propose(world.plan())
    before = world.pid()
    status, shown = at_terminal(world, proposal.id, "{end}")
    assert status == 0, shown
    assert shown.splitlines()[0] == f"restart_service shop in test (dev) · plan {proposal.id}"
    for words in ("undo 1", "safety gate passed", "verified by", proposal.digest, "type the last 6 characters"):
        assert words in shown
    assert "by terminal, until" in shown
    assert f"enough: scripts/incident_response/execute_action.py {proposal.id}" in shown
    code, lines = world.execute(proposal.id)
    assert (code, result(lines)["state"]) == (0, "done")
    assert world.pid() != before
    approval = next(Ledger(world.settings.gate_dir, read_only=True).entries(kind="approval.given")).body
    assert approval["route"] == "terminal"
    assert "terminal /dev/pts/" in approval["proof"]


@pytest.mark.parametrize("answer", ["", "yes", "{end}x", "approve"])
def test_another_answer_is_no_approval(world: World, answer: str) -> None:
    proposal = world.propose(world.plan())
    status, shown = at_terminal(world, proposal.id, answer)
    assert status == 1
    assert "not approved" in shown
    assert result(world.execute(proposal.id)[1])["state"] == "refused"


def test_what_was_typed_before_the_question_does_not_count(world: World) -> None:
    proposal = world.propose(world.plan())
    status, _ = at_terminal(world, proposal.id, "", early=proposal.digest[-6:] + "\n")
    assert status == 1


def test_without_a_terminal_it_says_what_to_do(world: World) -> None:
    proposal = world.propose(world.plan())
    status, out, errors = run(world, proposal.id, text=proposal.digest[-6:] + "\n")
    assert (status, out) == (64, "")
    assert "this is no terminal" in errors
    assert "ssh-keygen -Y sign -n veteran-plan" in errors


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["P999"], "no plan P999"), (["p1"], "`plan` is `p1`"), (["P1\n"], "should be P<number>"), ([], "either a plan"),
        (["P1", "--yes"], "--yes"), (["P1", "--text", "--signature", "-"], "not allowed with"),
    ],
)  # fmt: skip
def test_bad_usage_gets_a_sentence(world: World, words: list[str], says: str) -> None:
    status, out, errors = run(world, *words, *(["--text"] if words and "--" not in " ".join(words) else []))
    assert (status, out) == (64, "")
    assert says in errors
    assert "Traceback" not in errors


def test_a_signature_approves_in_production_and_is_checked_again_when_it_is_used(tmp_path: Path) -> None:
    world, keys = signed_world(tmp_path, "production", "alice")
    try:
        proposal = world.propose(world.plan(told="#ops"))
        status, shown = at_terminal(world, proposal.id, "{end}")
        assert status == 64
        assert "a terminal is not enough here" in shown
        _, text, _ = run(world, proposal.id, "--text")
        assert text.startswith(
            f"veteran-plan 1\nplan {proposal.id}\ndigest {proposal.digest}\noperation restart_service\nenvironment test\n"
        )
        document = text + keys.sign("alice", text.encode()).decode()
        status, out, errors = run(world, proposal.id, "--signature", "-", text=document)
        assert (status, errors) == (0, "")
        assert "alice approved" in out
        status, out, errors = run(world, proposal.id, "--signature", "-", text=document)
        assert "approved" in errors and "already" in errors
        assert status == 64
        keys.make("mallory")
        keys.allow("mallory")  # alice may not approve any more
        code, lines = world.execute(proposal.id)
        assert code == 3
        assert "nobody has approved" in result(lines)["text"] or "needed: one signature" in result(lines)["text"]
        keys.allowed.chmod(0o666)
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (70, "refused")
        assert "can be written by its group or by everybody" in result(lines)["text"]
        keys.allow("alice")
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (0, "done")
    finally:
        world.stop()


def test_two_people_by_an_agent_and_by_a_fido_stick(tmp_path: Path) -> None:
    """What always needs two approvers: one key is held by ssh-agent alone, the other by a stick that must be touched."""
    need("ssh-agent", "ssh-add")
    world, keys = signed_world(tmp_path, "dev", "alice")
    stick = Stick()
    with keys.allowed.open("a") as file:
        file.write(f"bob {stick.public()}\n")
    path = tmp_path / "operations" / "restart_at_will.yaml"
    path.write_text(path.read_text().replace("risk: medium", "risk: medium\napprovers: 2"))
    gate = Gate(world.settings, write=True)
    try:
        plan = world.plan("restart_at_will", service="shop")
        proposal, expires = world.propose(plan), now() + timedelta(minutes=9)
        text = text_of(proposal.id, plan, expires)

        def given(signature: bytes) -> str:
            approval = read_signed(world.settings, proposal.id, plan, text + signature.decode(), now())
            return gate.approve(approval).approver

        with keys.agent("alice") as env:
            assert given(keys.sign("alice", text.encode(), key="alice.pub", env=env)) == "alice"
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (3, "refused")
        assert "given: signature by alice; missing: a signature by somebody other than alice" in result(lines)["text"]
        with pytest.raises(BadInput, match="a FIDO device must be touched"):
            given(stick.sign(text.encode(), touched=False))
        assert given(stick.sign(text.encode())) == "bob"
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (0, "done"), lines
    finally:
        gate.close()
        world.stop()


def test_signed_texts_that_approve_nothing(tmp_path: Path) -> None:
    world, keys = signed_world(tmp_path, "production", "alice", "bob")
    try:
        plan = world.plan(told="#ops")
        first, second = world.propose(plan), world.propose(plan)
        text = run(world, first.id, "--text")[1]
        later = re.sub(r"expires (\d{4})", lambda found: f"expires {int(found[1]) + 1}", text)
        earlier = re.sub(r"expires (\d{4})", lambda found: f"expires {int(found[1]) - 1}", text)

        def refused(document: str, plan: str, words: str) -> None:
            status, out, errors = run(world, plan, "--signature", "-", text=document)
            assert (status, out) == (64, ""), errors
            assert words in errors

        def signed(text: str, name: str = "alice", namespace: str = "veteran-plan") -> str:
            return text + keys.sign(name, text.encode(), namespace).decode()

        keys.make("mallory")
        refused(signed(text), second.id, "line 2 is")
        refused(signed(text.replace(first.id, second.id)), first.id, "line 2 is")
        refused(text + keys.sign("alice", later.encode()).decode(), first.id, "not by a key that may approve")
        refused(signed(text, "mallory"), first.id, "not by a key that may approve")
        refused(signed(text, namespace="file"), first.id, "not by a key that may approve")
        refused(signed(later), first.id, "valid for more than")
        refused(signed(earlier), first.id, "expired at")
        refused(signed(text.replace("restart_service", "stop_service")), first.id, "line 4 is")
        refused(signed(text + "\n"), first.id, "it has other lines")
        refused(text, first.id, "no SSH signature")
        refused("", first.id, "no SSH signature")
        refused("x" * 5_000, first.id, "more than 4,096 bytes")
        assert result(world.execute(first.id)[1])["state"] == "refused"
    finally:
        world.stop()


def test_a_line_written_into_the_record_is_no_signature(tmp_path: Path) -> None:
    """Somebody who may write in the gate's folder (a shell of the same account) still cannot sign."""
    world, _ = signed_world(tmp_path, "production", "alice")
    try:
        proposal = world.propose(world.plan(told="#ops"))
        for proof in ("", "ssh", "veteran-plan 1\n-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"):
            world.approve(proposal, "signature", "alice", proof=proof)
        world.approve(proposal, "standing", "alice", proof="x sha256 0")
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (3, "refused")
    finally:
        world.stop()


POLICY = """\
operation: restart_at_will
environment: test
parameters: {service: shop}
severities: [SEV1]
at_most_per_hour: 2
expires: 2099-01-01T00:00:00Z
reason: it hangs on its cache until the fix is released
"""


def carried_out(world: World, operation: str = "restart_at_will", **more: object) -> tuple[int, str]:
    """Plan it, propose it, have it executed without asking anybody: status and text."""
    session = Session(world.settings, program="test")
    wish = Request(operation=operation, environment="test", parameters={"service": "shop"}, told="#ops", **more)
    try:
        proposal = propose(session, make_plan(session, None, wish, Asking()))
    finally:
        session.close()
    code, lines = world.execute(proposal.id)
    return code, result(lines)["text"]


def sign_policy(world: World, keys: Keys, text: str, name: str = "alice", namespace: str = "veteran-standing") -> Path:
    path = world.folder / "standing" / "restart_shop.yaml"
    path.write_text(text)
    path.with_name(path.name + ".sig").write_bytes(keys.sign(name, text.encode(), namespace))
    return path


def test_a_standing_approval_counts_and_ends(tmp_path: Path) -> None:
    world, keys = signed_world(tmp_path, "staging", "alice")
    try:
        sign_policy(world, keys, POLICY)

        assert "it is for SEV1; this is SEV3" in carried_out(world, severity="SEV3")[1]
        assert "it is for SEV1; this is no incident" in carried_out(world)[1]
        assert "a person must look" in carried_out(world, severity="SEV1", suspicious=True)[1]
        assert "it is for another operation" in carried_out(world, operation="restart_service", severity="SEV1")[1]
        assert carried_out(world, severity="SEV1") == (0, "carried out and verified")
        assert carried_out(world, severity="SEV1")[0] == 0
        assert "it was used 2 times in the last hour; at most 2" in carried_out(world, severity="SEV1")[1]
    finally:
        world.stop()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text.replace("at_most_per_hour: 2", "at_most_per_hour: 20"), "not signed as it stands"),
        (lambda text: text + "# harmless\n", "not signed as it stands"),
    ],
)
def test_a_standing_approval_that_was_edited_after_signing_is_none(tmp_path: Path, edit: object, words: str) -> None:
    world, keys = signed_world(tmp_path, "staging", "alice")
    try:
        path = sign_policy(world, keys, POLICY)
        path.write_text(edit(POLICY))
        code, said = carried_out(world, severity="SEV1")
        assert code == 3
        assert words in said
    finally:
        world.stop()


@pytest.mark.parametrize(
    ("text", "namespace", "words"),
    [
        (POLICY, "veteran-plan", "not signed as it stands"),
        (POLICY.replace("2099", "2020"), "veteran-standing", "it expired at 2020-01-01"),
        (POLICY.replace("at_most_per_hour: 2", "at_most_per_hour: 1000"), "veteran-standing", "at_most_per_hour: "),
        (POLICY + "forever: true\n", "veteran-standing", "forever: "),
        (POLICY.replace("parameters: {service: shop}", "parameters: {}"), "veteran-standing", "for another service"),
        (POLICY.replace("environment: test", "environment: prod"), "veteran-standing", "for another environment"),
        ("a: [", "veteran-standing", "restart_shop: "),
    ],
    ids=range(7),
)
def test_policies_that_fit_nothing_say_why(tmp_path: Path, text: str, namespace: str, words: str) -> None:
    world, keys = signed_world(tmp_path, "staging", "alice")
    try:
        sign_policy(world, keys, text, namespace=namespace)
        code, said = carried_out(world, severity="SEV1")
        assert code == 3
        assert words in said
    finally:
        world.stop()


def test_two_approvers_are_two_people_with_two_keys(tmp_path: Path) -> None:
    world, keys = signed_world(tmp_path, "dev", "alice", "bob")
    try:
        at_will = (tmp_path / "operations" / "restart_at_will.yaml").read_text()
        (tmp_path / "operations" / "restart_by_two.yaml").write_text("approvers: 2\n" + at_will)
        keys.make("second")  # of alice's, and bob's own a second time, under another name
        keys.allowed.write_text(
            keys.allowed.read_text() + f"alice {keys.public('second')}\n" + f"carol {keys.public('bob')}\n", encoding="utf8"
        )
        proposal, before = world.propose(world.plan("restart_by_two")), world.pid()

        def sign(name: str) -> str:
            _, text, _ = run(world, proposal.id, "--text")
            document = text + keys.sign(name, text.encode()).decode()
            _, out, errors = run(world, proposal.id, "--signature", "-", text=document)
            return out + errors

        world.approve(proposal, "terminal", "root")
        world.approve(proposal, "dialog", "root")
        assert "needed: signatures of two different approvers" in result(world.execute(proposal.id)[1])["text"]
        assert "not enough yet; needed: signatures of two different approvers" in sign("alice")
        assert "alice has approved" in sign("second")
        assert result(world.execute(proposal.id)[1])["state"] == "refused"
        assert world.pid() == before
        assert f"enough: scripts/incident_response/execute_action.py {proposal.id}" in sign("bob")
        code, lines = world.execute(proposal.id)
        assert (code, result(lines)["state"]) == (0, "done")
        assert world.pid() != before
    finally:
        world.stop()


def test_a_protected_target_is_allowed_by_two_people(tmp_path: Path) -> None:
    world, keys = signed_world(tmp_path, "production", "alice", "bob")
    try:
        names = ["--allow", "unit:prometheus.service", "--allow", "path:/etc/x"]
        status, out, errors = run(world, *names)
        assert (status, out) == (64, "")
        assert "ssh-keygen -Y sign -n veteran-authority" in errors
        _, text, _ = run(world, *names, "--text")
        assert text.splitlines()[:3] == ["veteran-authority 1", "allow path:/etc/x", "allow unit:prometheus.service"]

        def give(name: str, text: str, namespace: str = "veteran-authority", allow: list[str] = names) -> tuple[int, str]:
            document = text + keys.sign(name, text.encode(), namespace).decode()
            status, out, errors = run(world, *allow, "--signature", "-", text=document)
            return status, out + errors

        keys.make("mallory")
        assert "not by a key that may approve" in give("mallory", text)[1]
        assert "not by a key that may approve" in give("alice", text, "veteran-plan")[1]
        assert "does not allow anything as it stands" in give("alice", text.replace("allow unit", "allow  unit"))[1]
        assert "which is not what --allow names" in give("alice", text, allow=["--allow", "unit:loki.service"])[1]
        assert "a second person must allow it too" in give("alice", text)[1]
        assert "a second person must allow it too" in give("alice", text)[1], "the same person twice is one person"
        assert "two people have: plan it now" in give("bob", text)[1]
        keys.allow("bob")  # and no longer once one of them may not
        assert "a second person must allow it too" in give("bob", text)[1]
    finally:
        world.stop()
