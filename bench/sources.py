"""A day of a long feed, and a snapshot of this host with its comparison: `python -m bench.sources`.

What counts of the feed is that a day costs the same however long it is. (Commits, packages, journal: `bench/changes.py`.)
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from mcp_server.core.change import Window
from mcp_server.core.clock import now
from mcp_server.core.declare import Scope
from mcp_server.core.settings import ReadSettings, load_settings
from mcp_server.engine.places import Local
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot import keep, load, take
from mcp_server.engine.snapshot_data import differences

LENGTHS = (2_000, 1_000_000)
DAY = timedelta(hours=24)
TIMES = 5


def main() -> None:
    """Measure, printing each line as it comes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        session = Session(load_settings({"VETERAN_STATE_DIR": f"{folder}/state", "HOME": folder}), program="bench")
        try:
            for what, seconds, remark in (*_feed(session, Path(folder)), *_snapshot(session)):
                print(f"{what:<40}{seconds * 1000:>10.1f} ms   {remark}", flush=True)
        finally:
            session.close()


def _feed(session: Session, folder: Path) -> Iterator[tuple[str, float, str]]:
    """One line a minute; a day of them is 1,440."""
    unit = session.catalog.changes["feed"]
    for length in LENGTHS:
        path, end = folder / f"{length}.jsonl", now()
        with path.open("w", encoding="utf8") as file:
            for number in range(length):
                at = (end - timedelta(minutes=length - number)).isoformat()
                file.write(json.dumps({"at": at, "kind": "deploy", "component": "shop", "reference": str(number)}) + "\n")

        def read(path: Path = path) -> int:
            reader = door(session, Local(ReadSettings()), unit, Asking())
            window = Window(since=now() - DAY, until=now())
            return len(list(unit.collect(reader, window, Scope(feeds=(str(path),)))))

        took, count = _best(read)
        yield f"feed: a day of {length:,} lines", took, f"{count} changes; the file has {path.stat().st_size / 1e6:.1f} MB"


def _snapshot(session: Session) -> Iterator[tuple[str, float, str]]:
    place = Local(ReadSettings())
    took, count = _best(lambda: sum(len(part.items) for part in take(session, place, Scope(), Asking())[0].parts.values()))
    yield "snapshot of this host", took, f"{count:,} things"
    taken = take(session, place, Scope(), Asking())[0]
    path, size = keep(session, taken, "bench")
    took, count = _best(lambda: len(differences(load(session, path.stem), taken)[0]))
    yield "two snapshots compared", took, f"{size / 1e6:.1f} MB; {count} differences"


def _best(work: Callable[[], int]) -> tuple[float, int]:
    """The shortest of several runs, and what it returned."""
    times, result = [], 0
    for _ in range(TIMES):
        began = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - began)
    return min(times), result


if __name__ == "__main__":
    main()
