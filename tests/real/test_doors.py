"""One diagnosis through every door: MCP over stdio in both protocol eras, a script, and a recording of the looks."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from scripts.demo import breaks
from scripts.demo.client import server
from scripts.demo.world import World

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


def essence(outcome: dict[str, Any]) -> Any:
    """What must not depend on the door: the verdict and every finding's code, component, clues and values."""
    findings = [(f["code"], f.get("component"), f.get("clues", []), f.get("values", {})) for f in outcome.get("findings", [])]
    return outcome["verdict"], sorted(findings, key=str)


async def over_mcp(world: World, mode: str, calls: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    answers = []
    async with Client(server(world), mode=mode) as client:  # type: ignore[arg-type]
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            assert not result.is_error, result.content
            answers.append(dict(result.meta or {})["veteran/outcome"])
    return answers


def by_script(world: World, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    words = [str(next((ROOT / "scripts").glob(f"*/{name}.py"))), "--json"]
    for key, value in arguments.items():
        for item in value if isinstance(value, list) else [value]:
            words += ["--" + key.replace("_", "-"), str(item)]
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder), "VETERAN_CONFIG": str(world.folder / "veteran.toml")}
    done = subprocess.run([sys.executable, *words], env=env, check=False, capture_output=True, text=True, timeout=60)
    outcome: dict[str, Any] = json.loads(done.stdout or "null") or pytest.fail(done.stderr)
    return outcome


def questions(world: World) -> list[tuple[str, dict[str, Any]]]:
    return [
        ("nginx_upstreams", {"conf": str(world.config)}),
        ("recent_errors", {"paths": [str(world.log / "gunicorn.log")]}),
        ("python_environment", {"python": str(world.env / "bin/python"), "root": str(world.root), "entry": "shop.wsgi"}),
    ]


def test_one_diagnosis_through_every_door(world: World) -> None:
    world.start()
    world.traffic(5)
    breaks.missing_module(world)
    asked = questions(world)
    modern = asyncio.run(over_mcp(world, "auto", asked))
    assert [outcome["verdict"] for outcome in modern] == ["finding"] * len(asked)
    assert [essence(item) for item in asyncio.run(over_mcp(world, "legacy", asked))] == [essence(item) for item in modern]
    for (name, arguments), outcome in zip(asked, modern, strict=True):
        assert essence(by_script(world, name, arguments)) == essence(outcome), name
        kept = by_script(world, "save_recording", {"id": outcome["id"]})["data"]["path"]
        again = by_script(world, name, {**arguments, "target": f"recorded:{kept}"})
        assert essence(again) == essence(outcome), name
        assert again["target"] == f"recorded:{kept}"


def test_a_recorded_incident_is_diagnosed_again_when_the_service_is_gone(world: World) -> None:
    world.start()
    world.traffic(5)
    commit = breaks.missing_module(world)
    onset = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    first = by_script(world, "open_incident", {"title": "shop answers 502", "service": "shop", "onset": onset})
    incident = first["incident"]
    by_script(world, "triage", {"incident": incident})
    cause = by_script(world, "probable_cause", {"incident": incident})["data"]["hypotheses"][0]
    kept = by_script(world, "save_recording", {"id": incident})["data"]["path"]
    for name in ("nginx", "gunicorn"):
        world.end(name)

    arguments = {"title": "shop answers 502", "service": "shop", "onset": onset, "target": f"recorded:{kept}"}
    second = by_script(world, "open_incident", arguments)["incident"]
    by_script(world, "triage", {"incident": second})
    again = by_script(world, "probable_cause", {"incident": second})["data"]["hypotheses"][0]
    assert again["root"]["code"] == cause["root"]["code"]
    assert again["root"]["clues"] == cause["root"]["clues"]
    assert again["trigger"]["change"]["reference"] == cause["trigger"]["change"]["reference"]
    assert commit.startswith(again["trigger"]["change"]["reference"])
