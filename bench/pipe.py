"""A server on raw pipes, so that only the server is measured and no client."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class Piped:
    """One server process, from spawn to end; `marks` are seconds since the spawn."""

    def __init__(self, program: tuple[str, ...], state: str) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": state, "VETERAN_STATE_DIR": f"{state}/state"}
        self._spawned, self._id = time.perf_counter(), 0
        self.process = subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        client = {"name": "bench", "version": "1"}
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        self.marks = [self._since()]
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _since(self) -> float:
        return time.perf_counter() - self._spawned

    def mark(self) -> None:
        """Note the time since the spawn."""
        self.marks.append(self._since())

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of one request."""
        assert self.process.stdout is not None
        self._id += 1
        self._send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        while True:
            message: dict[str, Any] = json.loads(self.process.stdout.readline())
            if message.get("id") == self._id:
                result: dict[str, Any] = message["result"]
                return result

    def call(self, tool: str, arguments: dict[str, Any]) -> str:
        """The text of one tool call; a refused call ends the run."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        text: str = result["content"][0]["text"]
        if result.get("isError"):
            raise SystemExit(f"{tool} was refused: {text}")
        return text

    def close(self) -> None:
        """Close the pipe and wait for the end."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
