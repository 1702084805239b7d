"""What `what_changed` costs on a host with a long history: `python -m bench.changes`. Its cost must grow with the window.

A private root holds dpkg's log and the files; the journal is made of real files, a tenth of it for comparison; the rest
(processes, commands) is this machine's. The repository is made with `git fast-import`. BENCH_JOURNAL and BENCH_COMMITS size
them.
"""

import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mcp_server.core.calls import Call, ReadHistory
from mcp_server.core.change import Window
from mcp_server.core.declare import Scope
from mcp_server.core.errors import NotApplicable
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings, load_settings
from mcp_server.engine import what_changed as engine
from mcp_server.engine.places import Local
from mcp_server.engine.session import Asking, Session
from mcp_server.targets import git
from mcp_server.targets.command import NICE
from tests.changes.world import World, collect
from tests.journal_files import REMOTE, entry, export

RECORDS, LINES, COMMITS = (
    int(os.environ.get("BENCH_JOURNAL", "1000000")),
    100_000,
    int(os.environ.get("BENCH_COMMITS", "200000")),
)
DAY = timedelta(hours=24)
ROUNDS = 15
"""Of each the best counts: other work on the machine only ever adds."""
STARTED, FAILED = "39f53479d3a045ac8e11786248231fbf", "d9b373ed55a64feb8242e02dbe79a49c"


class _Host(World):
    """A host in a folder, whose other answers are those of this machine."""

    def look(self, call: Call[Any], limits: Limits) -> Any:
        if getattr(call, "kind", "") in (
            "command",
            "processes",
            "sockets",
            "host",
            "journal",
            "history",
            "http",
            "connect",
            "which",
        ):
            return Local(ReadSettings()).look(call, limits)
        return super().look(call, limits)


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise)."""
    if shutil.which("journalctl") and os.path.exists(REMOTE):
        yield from _host()
    else:
        yield "a long journal", "not measured: no systemd-journal-remote", ""
    yield from _repository()


# --- a host ---------------------------------------------------------------------------------------------------------


def _host() -> Iterator[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, host = Path(name), _Host(Path(name, "root"))
        host.root.mkdir()
        _dpkg(host, LINES)
        took = {}
        for records in (RECORDS // 10, RECORDS):
            journal = folder / f"j{records}"
            _journal(journal, records, host.moment)
            took[records] = _asked(folder, host, str(journal))
        small, large = took[RECORDS // 10], took[RECORDS]
        what = f"what_changed, 24 h, {RECORDS:,} journal records, {LINES:,} dpkg lines"
        yield what, f"{large[0]:.2f} s", "≤ 2 s"
        yield f"  the same with {RECORDS // 10:,} records of the same rate", f"{small[0]:.2f} s", ""
        yield "  changes told · sources that could not see all", f"{large[1]} · {large[2]}", ""
        parts = _by_source(folder, host, str(folder / f"j{RECORDS}"))
        for source, seconds in sorted(parts.items(), key=lambda item: -item[1])[:5]:
            yield f"  of it {source}", f"{seconds * 1000:.0f} ms", ""


def _asked(folder: Path, host: World, journal: str) -> tuple[float, int, int]:
    """Seconds of the best of three, changes told, blind spots."""
    session = _session(folder)
    window = Window(since=host.moment - DAY, until=host.moment)
    known = engine.resolve
    engine.resolve = lambda *_: host  # type: ignore[assignment]
    try:
        best, outcome = 99.0, None
        for _ in range(3):
            began = time.perf_counter()
            scope = Scope(folders=(), journal=journal)
            outcome = engine.what_changed(session, "local", window, scope, host.moment - timedelta(hours=1), Asking())
            best = min(best, time.perf_counter() - began)
    finally:
        engine.resolve = known
        session.close()
    assert outcome is not None
    assert isinstance(outcome.data, dict)
    return best, int(str(outcome.data["seen"])), len((*outcome.coverage.blind, *outcome.coverage.cut))


def _by_source(folder: Path, host: World, journal: str) -> dict[str, float]:
    session = _session(folder)
    window, took = Window(since=host.moment - DAY, until=host.moment), {}
    for name in session.catalog.changes:
        began = time.perf_counter()
        with suppress(NotApplicable):
            collect(session, host, name, window, journal=journal)
        took[name] = time.perf_counter() - began
    session.close()
    return took


def _session(folder: Path) -> Session:
    return Session(load_settings({"VETERAN_STATE_DIR": f"{folder}/state", "HOME": str(folder)}), program="bench")


def _dpkg(host: World, count: int) -> None:
    """dpkg's log of some years, its last entries today."""
    host.file("/var/lib/dpkg/status", "")
    begin = host.moment - timedelta(days=900)
    step = timedelta(days=900) / count
    verbs = ("status unpacked", "status half-configured", "upgrade", "status installed", "configure")
    lines = []
    for number in range(count):
        at, verb = begin + step * number, verbs[number % len(verbs)]
        old = " 1.0" if verb in ("upgrade", "configure") else ""
        lines.append(f"{at:%Y-%m-%d %H:%M:%S} {verb} package{number % 900}:amd64{old} 1.{number}\n")
    host.file("/var/log/dpkg.log", "".join(lines))


def _journal(folder: Path, count: int, until: datetime) -> None:
    """One record a second up to now: an application's, and among them what systemd, cron, sudo and the kernel say."""
    folder.mkdir()
    argv = [REMOTE, f"--output={folder}/system.journal", "-"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
        assert made.stdin
        begin = until - timedelta(seconds=count)
        export((_record(begin + timedelta(seconds=number), number) for number in range(count)), made.stdin)  # type: ignore[arg-type]
        made.stdin.close()


def _record(at: datetime, number: int) -> dict[str, object]:
    if number % 300 == 0:
        job = f"job{number // 300 % 20}.service"
        return entry(at, f"Finished {job}", _PID=1, _UID=0, MESSAGE_ID=STARTED, UNIT=job, SYSLOG_IDENTIFIER="systemd")
    if number % 60 == 1:
        return entry(at, "(root) CMD (/srv/shop/bin/tick)", _COMM="cron", SYSLOG_IDENTIFIER="CRON", _PID=number)
    if number % 3_600 == 2:
        told = f"deploy : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/vi /etc/shop/{number % 7}.conf"
        return entry(at, told, _COMM="sudo", SYSLOG_IDENTIFIER="sudo", _PID=number)
    if number % 20 == 3:
        told = f"Failed password for root from 203.0.113.{number % 250} port {number % 60_000} ssh2"
        return entry(at, told, _COMM="sshd", SYSLOG_IDENTIFIER="sshd", _PID=number)
    if number % 100 == 4:
        return entry(at, f"nf: IN=eth0 OUT= SRC=203.0.113.{number % 250} DST=10.0.0.1", _TRANSPORT="kernel", PRIORITY=4)
    if number % 40_000 == 5:
        return entry(at, "shop.service: Failed", _PID=1, MESSAGE_ID=FAILED, UNIT="shop.service", UNIT_RESULT="exit-code")
    return entry(at, f"GET /cart/{number % 5_000} 200 {number % 90} ms", _SYSTEMD_UNIT="shop.service", PRIORITY=6, _PID=77,
                 SYSLOG_IDENTIFIER="gunicorn", _COMM="gunicorn")  # fmt: skip


# --- a repository ---------------------------------------------------------------------------------------------------


def _repository() -> Iterator[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        top = Path(name, "shop")
        until = datetime.fromtimestamp(int(time.time()), tz=None).astimezone()
        _commits(top, COMMITS, until)
        since = until - DAY
        call = ReadHistory(path=str(top), since=since, until=until)
        plain = (
            "nice", "-n", str(NICE), "git", "-C",
            str(top), "log", f"--since=@{int(since.timestamp())}", "--raw", "--patch", "--unified=0",
            "--format=%H%x00%P%x00%an%x00%at%x00%ct%x00%cI%x00%s", "--no-renames", "--diff-merges=first-parent",
        )  # fmt: skip
        session = _session(Path(name))
        host = _Host(Path(name, "root"))
        peer, look, whole, told = [], [], [], 0
        for _ in range(ROUNDS):
            peer.append(_seconds(lambda: subprocess.run(plain, check=True, capture_output=True)))
            look.append(_seconds(lambda: git.look(call, Limits(), ReadSettings())))
            began = time.perf_counter()
            changes, _coverage = collect(session, host, "git", Window(since=since, until=until), folders=(str(top),))
            whole.append(time.perf_counter() - began)
            told = len(changes)
        session.close()
        base = min(peer)
        yield f"{COMMITS:,} commits, {told} in the last 24 h: git log, as nice as we are", f"{base * 1000:.0f} ms", ""
        yield "  our look, with arrival by the reflog", f"{min(look) * 1000:.0f} ms = {min(look) / base:.2f}×", "≤ 1.3×"
        yield "  source git: clues, redaction and evidence too", f"{min(whole) * 1000:.0f} ms = {min(whole) / base:.2f}×", ""


def _commits(top: Path, count: int, until: datetime) -> None:
    """Commits over years, one in ten a merge, pulled every hour of the last day."""
    top.mkdir()
    run = ("git", "-C", str(top))
    subprocess.run([*run, "init", "-q", "-b", "main"], check=True)
    chance, end = random.Random(1), int(until.timestamp())
    step = 5 * 365 * 86_400 / count
    with subprocess.Popen([*run, "fast-import", "--quiet"], stdin=subprocess.PIPE) as made:
        assert made.stdin
        for number in range(1, count + 1):
            at = int(end - (count - number) * step)
            body = "".join(f"line {chance.randrange(10**9)} of {number}\n" for _ in range(12)).encode()
            subject = f"change {number}: part {number % 97}".encode()
            made.stdin.write(b"commit refs/heads/main\nmark :%d\ncommitter Dev <d@example.org> %d +0000\n" % (number, at))
            made.stdin.write(b"data %d\n%s\n" % (len(subject), subject))
            made.stdin.write(b"M 100644 inline src/p%d/f%d.py\ndata %d\n%s\n" % (number % 50, number % 997, len(body), body))
        made.stdin.close()
    hours = [end - hour * 3_600 for hour in range(30, -1, -1)]
    heads = [_head(run, at) for at in hours]
    log, old = top / ".git/logs/HEAD", "0" * 40
    log.parent.mkdir(exist_ok=True)
    text = ""
    for at, new in zip(hours, heads, strict=True):
        if new != old:
            verb = "clone: from example.org" if set(old) == {"0"} else "pull: Fast-forward"
            text += f"{old} {new} Dev <d@example.org> {at} +0000\t{verb}\n"
            old = new
    log.write_text(text, encoding="ascii")


def _head(run: tuple[str, ...], at: int) -> str:
    found = subprocess.run([*run, "rev-list", "-1", f"--before=@{at}", "main"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Print the figures."""
    print("changes")
    for what, figure, promise in rows():
        print(f"{what:<72}{figure:>22}  {promise}", flush=True)


if __name__ == "__main__":
    main()
