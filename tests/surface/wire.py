"""The real server on real pipes: raw JSON-RPC for what an SDK client would hide, and the SDK's own client."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ERAS = ("2025-11-25", "2026-07-28")


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A private home and state folder; nothing of the machine's own settings."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "VETERAN_STATE_DIR": str(folder / "state"), **more}


class Wire:
    """One server process. Every line it writes is kept; a line that is no JSON-RPC message fails the test."""

    def __init__(
        self,
        folder: Path,
        era: str = ERAS[0],
        program: tuple[str, ...] = ("-m", "mcp_server"),
        *,
        capabilities: dict[str, Any] | None = None,
        **env: str,
    ) -> None:
        self.capabilities = capabilities or {}
        self.era, self._next, self._lines = era, 0, queue.Queue[bytes]()
        self.notes: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env=environment(folder, **env), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.stderr: list[bytes] = []
        self._threads = [
            threading.Thread(target=lambda: [self._lines.put(line) for line in self.process.stdout], daemon=True),
            threading.Thread(target=lambda: [self.stderr.append(line) for line in self.process.stderr], daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self.hello: dict[str, Any] = {}
        if era == ERAS[0]:
            client = {"name": "test", "version": "1"}
            self.hello = self.ask(
                "initialize", {"protocolVersion": era, "capabilities": self.capabilities, "clientInfo": client}
            )["result"]
            self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        else:
            self.hello = self.ask("server/discover", {})["result"]

    def send(self, message: dict[str, Any]) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def start(self, method: str, params: dict[str, Any], **meta: Any) -> int:
        """Send a request without waiting; its id."""
        self._next += 1
        if self.era != ERAS[0]:
            prefix = "io.modelcontextprotocol/"
            info = {"name": "test", "version": "1"}
            meta |= {
                f"{prefix}protocolVersion": self.era,
                f"{prefix}clientInfo": info,
                f"{prefix}clientCapabilities": self.capabilities,
            }
        params = params | ({"_meta": meta} if meta else {})
        self.send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next

    def answer(self, number: int, seconds: float = 20) -> dict[str, Any]:
        """The answer to a request; notifications on the way are kept in `notes`."""
        while True:
            message = json.loads(self._lines.get(timeout=seconds))
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == number:
                return message
            self.notes.append(message)

    def ask(self, method: str, params: dict[str, Any], seconds: float = 20, **meta: Any) -> dict[str, Any]:
        return self.answer(self.start(method, params, **meta), seconds)

    def call(self, tool: str, arguments: dict[str, Any] | None = None, seconds: float = 20, **meta: Any) -> dict[str, Any]:
        """The result of a tool call."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments or {}}, seconds, **meta)["result"]

    def text(self, tool: str, arguments: dict[str, Any] | None = None, seconds: float = 20) -> str:
        return self.call(tool, arguments, seconds)["content"][0]["text"]

    def refused(self, tool: str, arguments: dict[str, Any] | None = None, seconds: float = 20) -> str:
        """The sentence of a call that must fail."""
        result = self.call(tool, arguments, seconds)
        assert result["isError"], result
        return result["content"][0]["text"]

    def server(self) -> int:
        """Number of the server process itself, which stands behind the witness."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def close(self) -> int:
        """End as a client does: close the pipe, and expect the server to leave by itself."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        return self._reap()

    def kill(self) -> None:
        self.process.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self._reap()

    def _reap(self) -> int:
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for thread in self._threads:
                thread.join(5)
            self.process.stdout.close()
            self.process.stderr.close()
        assert self._lines.empty() or all(json.loads(line)["jsonrpc"] == "2.0" for line in list(self._lines.queue))
        return status


@contextlib.contextmanager
def server(folder: Path, era: str = ERAS[0], **more: Any) -> Iterator[Wire]:
    wire = Wire(folder, era, **more)
    try:
        yield wire
    finally:
        if wire.process.poll() is None:
            wire.close()
        else:
            wire.kill()
