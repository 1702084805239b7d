"""A small world for gate tests: a settings file, a service without a service manager, and the real executor process.

Planning and approving are done here in the test's process; carrying out only ever by `python -m mcp_server.executor`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from mcp_server.core.clock import now
from mcp_server.core.plan import Approval, Execution, Plan, Proposal, Request, Route
from mcp_server.core.settings import load_settings
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.plan import make_plan
from mcp_server.engine.proposals import propose
from mcp_server.engine.session import Asking, Session
from tests.real_parts import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent
SERVICE = """
import os, signal, socket, sys
port, mode = int(sys.argv[1]), open(sys.argv[2]).read().strip()
with open(sys.argv[2] + ".starts", "a") as file:
    print(os.getpid(), file=file)
if mode == "broken":
    sys.exit(3)
if mode == "deaf":
    signal.pause()
listener = socket.create_server(("127.0.0.1", port))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    connection, _ = listener.accept()
    connection.close()
"""


def never_verified(folder: Path, *names: str) -> None:
    """Shipped operations as `NAME_undone`, each as it is but for its verification, which asks once and is never content."""
    for name in names:
        data = yaml.safe_load((ROOT / "mcp_server" / "operations" / f"{name}.yaml").read_text(encoding="utf8"))
        for spec in data["kinds"].values():
            spec["verify"] |= {"expect": "not_applicable", "deadline_s": 0.1, "steady_s": 0}
        (folder / f"{name}_undone.yaml").write_text(json.dumps(data | {"cooldown_s": 0}), encoding="utf8")


class World:
    """One state folder, one gate folder, one service `shop` on a port of its own."""

    def __init__(self, folder: Path, protection: str = "dev", **more: str) -> None:
        self.folder, self.port = folder, free_port()
        self.script, self.pid_file = folder / "shopd.py", folder / "shop.pid"
        self.files = folder / "files"
        self.files.mkdir()
        self.mode = self.files / "mode"
        self.script.write_text(SERVICE, encoding="utf8")
        self.mode.write_text("well", encoding="utf8")

        text = f"""
state_dir = "{folder}/state"
[environments.test]
kind = "process"
protection = "{protection}"
files = ["{folder}/files"]
[services.shop]
start = ["{sys.executable}", "{self.script}", "{self.port}", "{self.mode}"]
pid_file = "{self.pid_file}"
process = "{self.script}"
port = {self.port}
stop_s = 5
"""
        (folder / "veteran.toml").write_text(text + "\n".join(more.values()), encoding="utf8")
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "VETERAN_CONFIG": str(folder / "veteran.toml")}
        self.settings = load_settings(self.environment)

    def start(self) -> int:
        """Start the service as nobody's child; its pid."""
        argv = [sys.executable, str(self.script), str(self.port), str(self.mode)]
        with suppress(FileNotFoundError):
            self.pid_file.unlink()
        code = (
            "import os, sys\nos.setsid()\npid = os.fork()\n"
            "if pid: open(sys.argv[1], 'w').write(str(pid)); os._exit(0)\nos.execv(sys.argv[2], sys.argv[2:])\n"
        )
        subprocess.run([sys.executable, "-c", code, str(self.pid_file), *argv], check=True, stdout=subprocess.DEVNULL)
        wait_until(self.listens, "the service listens")
        return self.pid() or 0

    def starts(self) -> int:
        """How often the service was ever started."""
        path = Path(f"{self.mode}.starts")
        return len(path.read_text(encoding="ascii").splitlines()) if path.exists() else 0

    def listens(self) -> bool:
        table = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
        return any(f":{self.port:04X} 00000000:0000 0A" in line for line in table)

    def pid(self) -> int | None:
        with suppress(FileNotFoundError, ValueError):
            return int(self.pid_file.read_text())
        return None

    def stop(self) -> None:
        pid = self.pid()
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not self.listens(), "the service is gone")

    def plan(self, operation: str = "restart_service", told: str = "", environment: str = "test", **parameters: Any) -> Plan:
        """A plan on the facts as they are, made by a server's session."""
        session = Session(self.settings, program="test")
        try:
            wish = Request(
                operation=operation, environment=environment, parameters=parameters or {"service": "shop"}, told=told
            )
            gate = Gate(self.settings) if (self.settings_gate() / "ledger.sqlite3").exists() else None
            plan = make_plan(session, gate, wish, Asking())
            if gate:
                gate.close()
            return plan
        finally:
            session.close()

    def settings_gate(self) -> Path:
        return Path(self.settings.gate_dir)

    def propose(self, plan: Plan) -> Proposal:
        session = Session(self.settings, program="test")
        try:
            return propose(session, plan)
        finally:
            session.close()

    def approve(self, proposal: Proposal, route: Route = "terminal", approver: str = "ada", **more: Any) -> Approval:
        """A yes, as a route of approval records it."""
        gate = Gate(self.settings, write=True)
        try:
            fields = {"at": now(), "expires": now() + timedelta(minutes=10)} | more
            return gate.approve(Approval(plan=proposal.id, digest=proposal.digest, approver=approver, route=route, **fields))
        finally:
            gate.close()

    def approve_digest(self, plan: str, digest: str, route: Route = "terminal", **more: Any) -> Approval:
        """A yes to this digest of this plan, whatever it is."""
        gate = Gate(self.settings, write=True)
        try:
            fields = {"at": now(), "expires": now() + timedelta(minutes=10)} | more
            return gate.approve(Approval(plan=plan, digest=digest, approver="ada", route=route, **fields))
        finally:
            gate.close()

    def approved(self, operation: str = "restart_service", told: str = "", **parameters: Any) -> Proposal:
        """Planned, proposed, approved."""
        proposal = self.propose(self.plan(operation, told, **parameters))
        self.approve(proposal)
        return proposal

    def launch(
        self, plan: str, program: tuple[str, ...] = ("-m", "mcp_server.executor"), **env: str
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *program, plan], cwd=ROOT, env=self.environment | env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def execute(self, plan: str, **more: Any) -> tuple[int, list[dict[str, Any]]]:
        """The executor's status and lines; the last line is the result."""
        child = self.launch(plan, **more)
        out, err = child.communicate(timeout=120)
        assert err == "", err
        return child.returncode, [json.loads(line) for line in out.splitlines()]

    def executions(self) -> tuple[Execution, ...]:
        gate = Gate(self.settings)
        try:
            return gate.executions()
        finally:
            gate.close()


def result(lines: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    assert lines[-1]["event"] == "result", lines
    return lines[-1]
