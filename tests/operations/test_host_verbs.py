"""Acts on a host: each planned, approved, carried out by the executor, looked at; and those that must not happen."""

import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from tests.gate_world import World, never_verified, result
from tests.real_parts import wait_until

# the shipped operations verify by the health of the whole host, which no test can promise
OWN = {
    "clear_quick": """
summary: Clear rotated files, verified by nothing but themselves
risk: low
parameters:
  folder: {type: path, description: Folder of logs}
gates: {rollback: {accept_loss: old copies}}
kinds:
  process:
    steps: [{verb: clear_files, arguments: {consumer: rotated_logs, folder: "{folder}"}}]
    verify: {diagnostic: service_status, arguments: {process: "no such service anywhere"}, expect: finding, deadline_s: 2}
""",
    "end_quick": """
summary: End a process, verified by its being gone
risk: low
parameters:
  pid: {type: integer, least: 2, most: 4194304, description: Number of the process}
  program: {type: name, description: What it runs}
gates: {rollback: {accept_loss: out of control}}
kinds:
  process:
    steps: [{verb: end_process, arguments: {pid: "{pid}", program: "{program}"}}]
    verify: {diagnostic: service_status, arguments: {process: "{program} 98765"}, expect: finding, deadline_s: 2}
""",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    own = tmp_path / "own"
    own.mkdir()
    for name, text in OWN.items():
        (own / f"{name}.yaml").write_text(text, encoding="utf8")
    made = World(tmp_path, gate=f'[gate]\noperations = "{own}"\n')
    yield made
    made.stop()


# --- a file from its known good copy ----------------------------------------------------------------------------------


def test_a_configuration_is_renewed_and_the_service_runs_with_it(world: World) -> None:
    world.mode.write_text("broken")
    copy = world.folder / "good"
    copy.write_text("well\n")
    proposal = world.approved("renew_configuration", service="shop", path=str(world.mode), known_good=str(copy))
    status, lines = world.execute(proposal.id)
    assert status == 0, lines
    assert world.mode.read_text() == "well\n"
    assert world.listens()
    assert list(world.files.glob(".*")) == [], "no draft stays behind"


def test_a_copy_that_is_no_better_is_taken_back_byte_for_byte(world: World) -> None:
    world.mode.write_text("well # ours")
    world.mode.chmod(0o640)
    before = world.mode.stat()
    world.mode.write_text("well")
    os.utime(world.mode, ns=(before.st_mtime_ns, before.st_mtime_ns))
    world.start()
    copy = world.folder / "bad"
    copy.write_text("broken")
    proposal = world.approved("renew_configuration", service="shop", path=str(world.mode), known_good=str(copy))
    status, lines = world.execute(proposal.id)
    assert status == 1, lines
    assert "proven equal" in result(lines)["text"]
    after = world.mode.stat()
    assert (world.mode.read_text(), after.st_mode, after.st_mtime_ns) == ("well", before.st_mode, before.st_mtime_ns)
    assert world.listens(), "it ran before, so it runs again"
    states = [(line["number"], line["state"]) for line in lines if line["event"] == "step"]
    assert states[-3:] == [(3, "undone"), (2, "undone"), (1, "undone")]


def test_a_copy_that_changed_after_the_approval_is_another_plan(world: World) -> None:
    world.mode.write_text("broken")
    copy = world.folder / "good"
    copy.write_text("well")
    proposal = world.approved("renew_configuration", service="shop", path=str(world.mode), known_good=str(copy))
    copy.write_text("evil")
    assert world.execute(proposal.id)[0] == 3
    assert world.mode.read_text() == "broken"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/etc/passwd", "files may be changed below"),
        ("{files}/../secret", r"`\.\.` has no place"),
        ("{files}//mode", "without `.`, `..` or doubled slashes"),
        ("{files}/./mode", "without `.`, `..` or doubled slashes"),
        ("files/mode", "should match pattern"),
        ("{files}/a\nb", "should match pattern"),
        ("{files}x/mode", "files may be changed below"),
    ],
)
def test_a_path_outside_the_declared_folders_is_refused(world: World, path: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        world.plan("renew_configuration", service="shop", path=path.format(files=world.files), known_good=str(world.mode))


def test_what_a_link_names_is_not_replaced(world: World) -> None:
    (world.folder / "outside").write_text("x")
    (world.files / "link").symlink_to(world.folder / "outside")
    with pytest.raises(NotApplicable, match="is a link"):
        world.plan("renew_configuration", service="shop", path=str(world.files / "link"), known_good=str(world.mode))


def test_a_folder_that_is_a_link_does_not_lead_out_of_the_declared_ones(world: World) -> None:
    outside = world.folder / "outside"
    outside.mkdir()
    (outside / "x").write_text("theirs")
    (outside / "x.log.1").write_text("theirs")
    (world.files / "way").symlink_to(outside)
    with pytest.raises(NotApplicable, match="way is a link"):
        world.plan("renew_configuration", service="shop", path=f"{world.files}/way/x", known_good=str(world.mode))
    with pytest.raises(NotApplicable, match="way is a link"):
        world.plan("clear_quick", folder=f"{world.files}/way")


def test_a_copy_changed_behind_its_size_and_time_is_noticed(world: World) -> None:
    world.mode.write_text("broken")
    copy = world.folder / "good"
    copy.write_text("well")
    stamp = copy.stat()
    proposal = world.approved("renew_configuration", service="shop", path=str(world.mode), known_good=str(copy))
    copy.write_text("evil")
    os.utime(copy, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    status, lines = world.execute(proposal.id)
    assert status == 3, lines
    assert any("sha256" in item for item in result(lines)["moved"])


def test_the_configuration_of_this_program_is_never_replaced(tmp_path: Path) -> None:
    world = World(tmp_path)
    text = (tmp_path / "veteran.toml").read_text().replace(f'"{tmp_path}/files"', f'"{tmp_path}"')
    (tmp_path / "veteran.toml").write_text(text)
    from mcp_server.core.settings import load_settings

    world.settings = load_settings(world.environment)
    Path(world.settings.gate_dir).mkdir()
    for name in ("state/ledger.sqlite3", "state-gate/STOP", ".mcp.json"):
        with pytest.raises((BadInput, NotApplicable), match=r"is protected|is no text"):
            world.plan("renew_configuration", service="shop", path=f"{tmp_path}/{name}", known_good=str(world.mode))


# --- disk space -------------------------------------------------------------------------------------------------------


def logs(world: World) -> Path:
    folder = world.files / "log"
    folder.mkdir()
    old = (now() - timedelta(days=9)).timestamp()
    for name in ("shop.log", "shop.log.1", "shop.log.2.gz", "shop.log-20261101", "notes.txt", "data.db"):
        (folder / name).write_bytes(b"x" * 5_000)
        os.utime(folder / name, (old, old))
    (folder / "shop.log.0").write_bytes(b"young")
    (folder / "link.log.1").symlink_to("/etc/hostname")
    return folder


def test_rotated_files_are_cleared_with_a_record_of_what_was_found_out(world: World) -> None:
    folder = logs(world)
    plan = world.plan("clear_quick", folder=str(folder))
    assert [item[0] for item in plan.steps[0].before["files"]] == ["shop.log-20261101", "shop.log.1", "shop.log.2.gz"]  # type: ignore[union-attr,index]
    told = " ".join(item.text for item in plan.steps[0].record)
    assert all(word in told for word in ("usage:", "history:", "dependencies:"))
    assert plan.steps[0].undo is None
    proposal = world.propose(plan)
    world.approve(proposal)
    status, lines = world.execute(proposal.id)
    assert status == 0, lines
    left = sorted(item.name for item in folder.iterdir())
    assert left == ["data.db", "link.log.1", "notes.txt", "shop.log", "shop.log.0"]
    with pytest.raises(NotApplicable, match="nothing in"):
        world.plan("clear_quick", folder=str(folder))


def test_a_rotated_file_that_somebody_has_open_is_left_alone(world: World) -> None:
    folder = logs(world)
    with open(folder / "shop.log.1"):
        plan = world.plan("clear_quick", folder=str(folder))
    assert [item[0] for item in plan.steps[0].before["files"]] == ["shop.log-20261101", "shop.log.2.gz"]  # type: ignore[union-attr,index]
    assert "shop.log.1" in str(plan.steps[0].record[0].values["used"])


def test_a_file_that_came_meanwhile_moves_the_world(world: World) -> None:
    folder = logs(world)
    proposal = world.approved("clear_quick", folder=str(folder))
    (folder / "shop.log.3").write_bytes(b"new")
    old = (now() - timedelta(days=3)).timestamp()
    os.utime(folder / "shop.log.3", (old, old))
    assert world.execute(proposal.id)[0] == 3
    assert (folder / "shop.log.1").exists()


def test_who_cannot_see_what_is_open_removes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = logs(world)

    def refused(pid: int) -> None:
        raise PermissionError

    monkeypatch.setattr("mcp_server.targets.holders.open_files", refused)
    with pytest.raises(CouldNotLook, match="cannot be seen"):
        world.plan("clear_quick", folder=str(folder))


# --- a runaway process ------------------------------------------------------------------------------------------------


def runaway(folder: Path) -> int:
    """A process that is nobody's child; its pid."""
    kept = folder / "runaway.pid"
    code = f"""
import os
os.setsid()
pid = os.fork()
if pid:
    open({str(kept)!r}, "w").write(str(pid))
    os._exit(0)
os.execv("/bin/sleep", ["sleep", "98765"])
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid = int(kept.read_text())
    wait_until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "it sleeps")
    return pid


def test_a_runaway_process_is_ended_and_no_other(world: World) -> None:
    first, second = runaway(world.folder), runaway(world.folder)
    try:
        with pytest.raises(BadInput, match=f"process {first} runs `sleep`"):
            world.plan("end_quick", pid=first, program="nginx")
        proposal = world.approved("end_quick", pid=first, program="sleep")
        os.kill(second, 9)
        status, lines = world.execute(proposal.id)
        assert status == 0, lines
        wait_until(lambda: not Path(f"/proc/{first}/exe").exists(), "it is gone")
    finally:
        for pid in (first, second):
            with suppress(ProcessLookupError):
                os.kill(pid, 9)


def test_nobody_ends_what_this_program_stands_on(world: World) -> None:
    for pid in (os.getpid(), os.getppid()):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        with pytest.raises(BadInput, match="is protected: this program, or what it runs in; nobody can allow that"):
            world.plan("end_quick", pid=pid, program=name)


def test_a_process_that_is_gone_cannot_be_ended(world: World) -> None:
    pid = runaway(world.folder)
    os.kill(pid, 9)
    wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "it is gone")
    with pytest.raises(NotApplicable, match="there is no process"):
        world.plan("end_quick", pid=pid, program="sleep")


# --- packages ---------------------------------------------------------------------------------------------------------


def wheel(folder: Path) -> str:
    """A tiny package as a wheel; its sha256."""
    path = folder / "tinypart-1.2-py3-none-any.whl"
    files = {
        "tinypart.py": b"VALUE = 1\n",
        "tinypart-1.2.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tinypart\nVersion: 1.2\n",
        "tinypart-1.2.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for name, data in files.items()
    ]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr("tinypart-1.2.dist-info/RECORD", "\n".join([*rows, "tinypart-1.2.dist-info/RECORD,,", ""]))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def packaged(tmp_path: Path, digest: str) -> World:
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("import tinypart\n")
    lock = app / "requirements.lock"
    lock.write_text(f"--no-index\n--find-links {tmp_path}\ntinypart==1.2 \\\n    --hash=sha256:{digest}\nloose==2\n")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, capture_output=True)
    more = f'[services.app]\nroot = "{app}"\npython = "{tmp_path}/venv"\nrequirements = "{lock}"\nentry = "main"\n'
    (tmp_path / "own").mkdir()
    never_verified(tmp_path / "own", "install_package")
    return World(tmp_path, app=more, gate=f'[gate]\noperations = "{tmp_path}/own"\n')


def test_a_missing_package_is_installed_as_the_lock_pins_it(tmp_path: Path) -> None:
    world = packaged(tmp_path, wheel(tmp_path))
    files = sorted((tmp_path / "venv").rglob("*"))
    status, lines = world.execute(world.approved("install_package_undone", service="app", packages="TinyPart").id)
    assert (status, result(lines)["state"]) == (1, "undone"), lines
    assert sorted((tmp_path / "venv").rglob("*")) == files
    proposal = world.approved("install_package", service="app", packages="TinyPart")
    status, lines = world.execute(proposal.id)
    assert status == 0, lines
    subprocess.run([str(tmp_path / "venv/bin/python"), "-c", "import tinypart"], check=True)
    back = world.approved("take_back", execution=world.executions()[-1].id)
    status, lines = world.execute(back.id)
    assert status == 0, lines
    assert subprocess.run(
        [str(tmp_path / "venv/bin/python"), "-c", "import tinypart"], check=False, capture_output=True
    ).returncode


def test_another_hash_than_the_lock_says_is_not_installed(tmp_path: Path) -> None:
    wheel(tmp_path)
    world = packaged(tmp_path, "0" * 64)
    status, lines = world.execute(world.approved("install_package", service="app", packages="tinypart").id)
    assert status == 1, lines
    assert "DO NOT MATCH" in result(lines)["text"] or "status 1" in result(lines)["text"]
    for name, says in (("loose", "pinned without a hash"), ("absent", "is not pinned")):
        with pytest.raises(NotApplicable, match=says):
            world.plan("install_package", service="app", packages=name)
    with pytest.raises(BadInput, match="names of packages"):
        world.plan("install_package", service="app", packages="--index-url http://evil tinypart")
