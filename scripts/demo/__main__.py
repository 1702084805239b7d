"""The main job, shown: a real service breaks, and a real MCP client has it diagnosed. `make demo`, or ARGS=--keep."""

import argparse
import asyncio
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from scripts.demo import breaks
from scripts.demo.client import Diagnosis, diagnose
from scripts.demo.show import Terminal, conclusion
from scripts.demo.world import World

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "demo"


def main() -> int:
    """Build, break, diagnose, show. 130 after Ctrl-C; then too nothing is left behind."""
    options = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    options.add_argument("--keep", action="store_true", help="keep the service's folder")
    options.add_argument("--no-nginx", action="store_true", help="as if nginx were not installed")
    chosen = options.parse_args()
    # asked to end politely, it goes the way of Ctrl-C, which also unwinds what runs in the event loop
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    terminal = Terminal(sys.stdout)
    try:
        with World(nginx=False if chosen.no_nginx else None, keep=chosen.keep) as world:
            diagnosis = _play(world, terminal)
            reports = _keep_reports(world, diagnosis)
    except (KeyboardInterrupt, asyncio.CancelledError):  # the latter where a library counts the loop's cancellation as its own
        terminal.done()
        sys.stderr.write("interrupted; everything that was started is ended and removed\n")
        return 130
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        terminal.done()
        sys.stderr.write(f"the demonstration could not go on: {error}\n")
        return 70
    terminal.done()
    sys.stdout.write(conclusion(diagnosis, world.folder, reports))
    if chosen.keep:
        sys.stdout.write(f"kept: {world.folder} (settings: VETERAN_CONFIG={world.folder}/veteran.toml)\n")
    return 0 if diagnosis.found(breaks.MISSING) else 1


def _play(world: World, terminal: Terminal) -> Diagnosis:
    front = "nginx" if world.nginx else "no nginx here, so users ask gunicorn directly"
    terminal.step(f"building a small web service: git history, environment, gunicorn, {front}")
    world.build()
    world.start()
    terminal.step(f"healthy traffic: {_counted(world.traffic(40))}")
    world.plant_instruction()
    terminal.step("deploying: two harmless edits, an unrelated package, and one commit that imports what is not installed")
    breaks.missing_module(world)
    began = time.time()
    with asyncio.Runner() as runner:
        runner.get_loop()  # made before anything is said, so that whoever interrupts from here on has it closed
        terminal.step(f"broken: {_counted(world.traffic(10))}")
        return runner.run(diagnose(world, terminal, began))


def _counted(seen: dict[int | None, int]) -> str:
    return ", ".join(f"{count} × {'no answer' if status is None else status}" for status, count in seen.items())


def _keep_reports(world: World, diagnosis: Diagnosis) -> list[Path]:
    """Copies outside the service's folder, which is about to go."""
    OUT.mkdir(parents=True, exist_ok=True)
    kept = []
    for path in diagnosis.reports:
        shutil.copyfile(path, OUT / path.name)
        kept.append((OUT / path.name).relative_to(ROOT))
    return kept


if __name__ == "__main__":
    sys.exit(main())
