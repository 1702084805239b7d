"""Sources of change on long histories: `python -m bench.sources`. What counts is that a day costs the same in all of them.

200,000 commits, 100,000 dpkg lines, a feed of a million lines; each asked for one day, and, where that differs, for all.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp_server.core.calls import ReadHistory
from mcp_server.core.change import Window
from mcp_server.core.clock import now
from mcp_server.core.declare import Scope
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings, load_settings
from mcp_server.engine.places import Local
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from mcp_server.logs.newest import newest_lines
from mcp_server.targets import git

COMMITS, DPKG_LINES, FEED_LINES = 200_000, 100_000, 1_000_000
DAY = timedelta(hours=24)
TIMES = 5


def main() -> None:
    """Measure, printing each line as it comes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        session = Session(load_settings({"VETERAN_STATE_DIR": f"{folder}/state", "HOME": folder}), program="bench")
        try:
            for what, seconds, remark in (*_git(Path(folder)), *_feed(session, Path(folder)), *_lines(session, Path(folder))):
                print(f"{what:<52}{seconds * 1000:>10.1f} ms   {remark}", flush=True)
        finally:
            session.close()


def _git(folder: Path) -> Iterator[tuple[str, float, str]]:
    """One commit a minute; a day of them is 1,440."""
    where = folder / "repository"
    subprocess.run(["git", "init", "-q", "-b", "main", str(where)], check=True)
    with subprocess.Popen(["git", "-C", str(where), "fast-import", "--quiet"], stdin=subprocess.PIPE) as importing:
        assert importing.stdin
        begin = int(time.time()) - COMMITS * 60
        for number in range(COMMITS):
            data = f"x = {number}\n"
            importing.stdin.write(
                f"commit refs/heads/main\ncommitter A <a@example.org> {begin + number * 60} +0000\ndata 5\nwork\n\n"
                f"M 100644 inline f{number % 50}.py\ndata {len(data)}\n{data}\n".encode()
            )
    end = now()
    call = ReadHistory(path=str(where), since=end - DAY, until=end, limit=2_000)
    log = ["git", "-C", str(where), "log", "--since=24 hours ago", "--raw", "-p", "-U0", "--format=%H %P %an %at %ct %cI %s"]
    ours: list[float] = []
    peer: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        subprocess.run(log, check=True, stdout=subprocess.DEVNULL)
        peer.append(time.perf_counter() - began)
        began = time.perf_counter()
        git.look(call, Limits(), ReadSettings())
        ours.append(time.perf_counter() - began)
    yield f"git: a day of {COMMITS:,} commits", min(ours), f"git log -p of the same: {min(peer) * 1000:.1f} ms"


def _feed(session: Session, folder: Path) -> Iterator[tuple[str, float, str]]:
    path, end = folder / "feed.jsonl", now()
    with path.open("w", encoding="utf8") as file:
        for number in range(FEED_LINES):
            at = end - timedelta(seconds=(FEED_LINES - number) * 60)
            file.write(
                json.dumps({"at": at.isoformat(), "kind": "deploy", "component": "shop", "reference": str(number)}) + "\n"
            )
    unit = session.catalog.changes["feed"]
    took, count = _best(lambda: len(list(unit.collect(
        door(session, Local(ReadSettings()), unit, Asking()), Window(since=end - DAY, until=end), Scope(feeds=(str(path),))
    ))))  # fmt: skip
    yield f"feed: a day of {FEED_LINES:,} lines", took, f"{count} changes; the file has {path.stat().st_size / 1e6:.0f} MB"


def _lines(session: Session, folder: Path) -> Iterator[tuple[str, float, str]]:
    """What reading dpkg's log costs; the log itself is read by the same function wherever it lies."""
    from mcp_server.logs.dpkg_log import rows
    from mcp_server.logs.package_log import Zone

    path, end = folder / "dpkg.log", datetime.now(UTC).replace(microsecond=0)
    with path.open("w", encoding="utf8") as file:
        for number in range(DPKG_LINES):
            at = end - timedelta(seconds=(DPKG_LINES - number) * 20)
            what = "upgrade p:amd64 1.0-1 1.1-1" if number % 8 == 0 else "status unpacked p:amd64 1.1-1"
            file.write(f"{at:%Y-%m-%d %H:%M:%S} {what}\n")
    unit, zone = session.catalog.changes["packages"], Zone(UTC)
    for name, since in (("a day", end - DAY), ("all", end - timedelta(days=90))):

        def reached(lines: Sequence[str], since: datetime = since) -> bool:
            first = next(filter(None, rows(lines, zone)), None)
            return first is not None and first.at <= since

        def read(since: datetime = since) -> int:
            found = newest_lines(door(session, Local(ReadSettings()), unit, Asking()), str(path), reached)
            return sum(row is not None and row.at >= since for row in rows(found.texts(), zone))

        took, count = _best(read)
        yield f"dpkg: {name} of {DPKG_LINES:,} lines", took, f"{count:,} lines of the window"


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
