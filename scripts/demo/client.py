"""The client's side of the demonstration: the protocol's own client, the real server as its child, the usual loop."""

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

from scripts.demo.show import Terminal
from scripts.demo.world import World

ROOT = Path(__file__).parents[2]
LOOP = ("triage", "what_changed", "timeline", "probable_cause", "report")


@dataclass
class Diagnosis:
    """What the server answered: text as a model sees it, and the same as data."""

    texts: dict[str, str] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def reports(self) -> list[Path]:
        """The report files that the server wrote."""
        written = self.data["report"]["data"]
        return [Path(written["markdown"]), Path(written["html"])]

    def found(self, word: str) -> bool:
        """Whether the probable cause names this."""
        hypotheses = self.data["probable_cause"]["data"]["hypotheses"]
        return bool(hypotheses) and word in json.dumps(hypotheses[0]["root"]) and hypotheses[0]["trigger"] is not None


def server(world: World) -> StdioServerParameters:
    """How a client starts the server for this service."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(world.folder)}
    env |= {"VETERAN_CONFIG": str(world.folder / "veteran.toml"), "VETERAN_STATE_DIR": str(world.folder / "state")}
    return StdioServerParameters(command=sys.executable, args=["-m", "mcp_server"], env=env, cwd=str(ROOT))


async def diagnose(world: World, terminal: Terminal, began: float) -> Diagnosis:
    """Open an incident and go round the loop. Raises RuntimeError with the server's sentence when a call is refused."""
    diagnosis = Diagnosis()
    title = "shop answers 502 Bad Gateway" if world.nginx else "shop refuses connections"
    onset = datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    terminal.step("an MCP client starts the server")
    async with Client(server(world)) as client:
        await call(client, diagnosis, terminal, "open_incident", {"title": title, "service": "shop", "onset": onset})
        for name in LOOP:
            await call(client, diagnosis, terminal, name, {})
    return diagnosis


async def call(client: Client, diagnosis: Diagnosis, terminal: Terminal, name: str, arguments: dict[str, Any]) -> None:
    """One tool call, with its progress on the terminal."""
    terminal.step(name)

    async def show(progress: float, total: float | None, message: str | None) -> None:
        terminal.detail(message or "")

    result = await client.call_tool(name, arguments, progress_callback=show)
    text = "\n".join(getattr(part, "text", "") for part in result.content)
    if result.is_error:
        raise RuntimeError(f"{name}: {text}")
    diagnosis.texts[name] = text
    meta = dict(result.meta or {})
    if "veteran/outcome" not in meta:  # too large to travel beside the text: it is a resource
        identifier = text.split("\n", 1)[0].split()
        address = next(word for word in identifier if word.startswith("R") and word[1:].isdigit())
        contents = (await client.read_resource(f"outcome://{address}")).contents
        diagnosis.data[name] = json.loads(getattr(contents[0], "text", ""))
        return
    diagnosis.data[name] = meta["veteran/outcome"]
