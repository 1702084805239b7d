"""The main job on real nginx and gunicorn: six ways to break, each found with its component and its triggering change."""

import asyncio
import io
import json
import time
from typing import Any

import pytest

from scripts.demo import breaks
from scripts.demo.client import Diagnosis, diagnose
from scripts.demo.show import Terminal
from scripts.demo.world import World
from tests.real.watching import leaks, snapshot, unmarked
from tests.real_parts import need

pytestmark = pytest.mark.real


def examined(world: World) -> Diagnosis:
    """The whole loop over MCP."""
    return asyncio.run(diagnose(world, Terminal(io.StringIO()), time.time()))


def expected_clue(world: World, scenario: str) -> str:
    return {
        "missing_module": "module:recotools",
        "wrong_upstream_port": f"port:{world.spare_port}",
        "upstream_hangs": f"path:{world.root}/shop/prices.py",
        "port_taken": f"port:{world.app_port}",
        "disk_full": f"filesystem:{world.data}",
        "nginx_syntax_error": f"path:{world.config}",
    }[scenario]


ROOTS = {
    "missing_module": {"python_environment.module_missing", "recent_errors.import_failed"},
    "wrong_upstream_port": {"nginx_upstreams.upstream_refused"},
    "upstream_hangs": {"nginx_upstreams.upstream_hangs"},
    "port_taken": {"service_status.port_taken_by_other"},
    "disk_full": {"disk_space.full", "disk_space.nearly_full"},
    "nginx_syntax_error": {"nginx_config.syntax_error"},
}
"""The finding that reads best to a person: what is wrong, not its trace in a log."""


@pytest.mark.parametrize("scenario", list(breaks.SCENARIOS))
def test_the_component_and_the_triggering_change_are_found(scenario: str, world: World) -> None:
    if scenario == "disk_full":
        need("mount", root=True)
        breaks.small_disk(world)
    world.start()
    world.traffic(20)
    world.plant_instruction()
    trigger = breaks.SCENARIOS[scenario](world)
    before = snapshot(world)

    diagnosis = examined(world)

    best: dict[str, Any] = diagnosis.data["probable_cause"]["data"]["hypotheses"][0]
    told = diagnosis.texts["probable_cause"]
    clues = [clue for finding in (best["root"], *best["agreeing"], *best["symptoms"]) for clue in finding["clues"]]
    assert best["root"]["code"] in ROOTS[scenario], told
    assert expected_clue(world, scenario) in clues, told
    assert best["trigger"], told
    change = best["trigger"]["change"]
    named = [change["component"], *(clue.removeprefix("path:") for clue in change["clues"])]
    assert trigger in named or (change["reference"] and trigger.startswith(change["reference"])), told
    assert diagnosis.data["triage"]["verdict"] == "finding"

    texts = (*diagnosis.texts.values(), *map(json.dumps, diagnosis.data.values()))
    assert leaks(world, *texts) == []
    assert all("\x1b" not in text for text in diagnosis.texts.values())
    assert [line for text in diagnosis.texts.values() for line in unmarked(text)] == []
    assert snapshot(world) == before
    assert all(path.is_file() and path.stat().st_size > 1000 for path in diagnosis.reports)


ABOUT_THE_SERVICE = {"http_check", "nginx_config", "nginx_upstreams", "service_status", "recent_errors", "python_environment"}


def test_a_healthy_service_is_ok(world: World) -> None:
    world.start()
    world.traffic(20)
    diagnosis = examined(world)
    verdicts = {part["name"]: part["verdict"] for part in diagnosis.data["triage"]["parts"]}
    about = {name: verdict for name, verdict in verdicts.items() if name in ABOUT_THE_SERVICE}
    assert set(about.values()) == {"ok"}, diagnosis.texts["triage"]
    assert len(about) >= 4, diagnosis.texts["triage"]
    assert not [
        item for item in diagnosis.data["probable_cause"]["data"]["hypotheses"] if item["root"]["code"].split(".")[0] in about
    ]
