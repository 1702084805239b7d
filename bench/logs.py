"""Windows, search, tail and merge of large logs, each beside the tool people use: `python -m bench.logs [GIGABYTES]`.

The logs are made for the run in a temporary folder and removed after it; `BENCH_LOG_GB` (default 2) sizes the large one.
Times are the best of several turns, ours and the peer's interleaved, with the file in the page cache.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp_server.core.source import Opened
from mcp_server.logs.merge import merged_text
from mcp_server.logs.search import compile_patterns, search
from mcp_server.logs.stamps import StampReader
from mcp_server.logs.tail import last_records
from mcp_server.logs.window import At, find_window, nanoseconds, pieces

Figure = tuple[str, str, str, str, str]
"""What, ours, peer, ratio, promise: a line of the table."""

BEGAN = datetime(2026, 11, 19, tzinfo=UTC)
SAID = [
    "INFO shop.views GET /checkout 200 38 ms user=4711",
    "ERROR shop.cart GET /api/cart?page=2 HTTP/1.1 502 157 upstream timed out",
    "INFO shop.auth session refreshed for account 1182 via oauth",
    "WARNING shop.db connection reset by peer while reading response header from 10.0.0.7",
    "DEBUG shop.cache miss for key product:99123 took 3 ms, filled from replica",
]
SEARCHES = [
    ("a string, absent", ["deadlock detected"], {}, ["-F", "deadlock detected"], "≤ 1.3"),
    ("a string, rare", ["needle in"], {}, ["-F", "needle in"], "≤ 1.3"),
    ("a string, any case", ["DeadLock Detected"], {"ignore_case": True}, ["-iF", "deadlock detected"], "≤ 1.3"),
    ("a string, 1 line of 5", ["upstream timed out"], {}, ["-F", "upstream timed out"], "≤ 1.3"),
    ("a short string, 1 line of 5", ["ERROR"], {}, ["-F", "ERROR"], "≤ 1.3"),
    ("a regex, absent", [r"(deadlock|panic): [a-z]+"], {"regex": True}, ["-E", r"(deadlock|panic): [a-z]+"], "≤ 2"),
    ("a regex, rare", [r"user=[0-9]+ id=ffff[0-9a-f]"], {"regex": True}, ["-E", r"user=[0-9]+ id=ffff[0-9a-f]"], "≤ 2"),
    ("a regex, 1 line of 5", [r"ERROR.*timed out"], {"regex": True}, ["-E", r"ERROR.*timed out"], "≤ 2"),
    ("its text in the middle, absent", [r"[0-9]+ timed out"], {"regex": True}, ["-E", r"[0-9]+ timed out"], "≤ 2"),
    ("its text in the middle, 1 of 5", [r"[0-9]+ upstream"], {"regex": True}, ["-E", r"[0-9]+ upstream"], "≤ 2"),
    ("its text in the middle, 2 of 5", [r"[0-9]+ ms"], {"regex": True}, ["-E", r"[0-9]+ ms"], "≤ 2"),
    ("any beginning, 1 of 5", [r".*timed out"], {"regex": True}, ["-E", r".*timed out"], "≤ 2"),
]  # fmt: skip

MERGES: list[tuple[str, str, str, list[str]]] = [
    ("ISO 8601", "%Y-%m-%dT%H:%M:%S", "@.{part:03d}Z {text}", ["-k1,1"]),
    ("syslog", "%b %e %H:%M:%S", "@ host app[12]: {text}", ["-k1,1M", "-k2,2n", "-k3,3"]),
    (
        "access log", "%d/%b/%Y:%H:%M:%S", '10.0.{part}.7 - - [@ +0000] "{text}"',
        ["-k4.10,4.13n", "-k4.6,4.8M", "-k4.3,4.4n", "-k4.15,4.22"],
    ),
    ("epoch", "%s", "@.{part:03d} {text}", ["-k1,1n"]),
    ("JSON", "%Y-%m-%dT%H:%M:%S", '{{"level":"{level}","ts":"@.{part:03d}Z","msg":"{text}"}}', ["-t,", "-k2,2"]),
]  # fmt: skip
"""How ten logs write their times, and the keys by which `sort -m` puts just these in order."""


def rows(gigabytes: float | None = None) -> Iterator[Figure]:
    """All figures of the logs."""
    size = gigabytes or float(os.environ.get("BENCH_LOG_GB", "2"))
    with tempfile.TemporaryDirectory(prefix="bench-logs-") as folder:
        path = Path(folder, "large.log")
        _write(path, int(size * 1e9))
        for part in (_window, _search, _memory):
            yield from part(path)
        path.unlink()
        yield from _tail(Path(folder, "sparse.log"))
        yield from _merge(Path(folder))


def _write(path: Path, size: int) -> None:
    """One day of log: the lines of a second come from a few models, only their clock is new."""
    rnd = random.Random(1)
    models = [b"".join(_line(rnd, part) for part in range(0, 1_000, 5)) for _ in range(50)]
    share = size / 86_400 / (sum(map(len, models)) / len(models))  # how much of a model a second takes
    models = [model[: model.rfind(b"\n", 0, int(len(model) * min(share, 1))) + 1] for model in models]
    with open(path, "wb", buffering=1 << 20) as file:
        second = 0
        while file.tell() < size:
            clock = (BEGAN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S").encode()
            if second % 5_000 == 77:
                file.write(clock + b".000Z INFO shop.needle needle in a haystack\n")
            file.write(models[second % 50].replace(b"@", clock))
            second += 1


def _line(rnd: random.Random, part: int) -> bytes:
    return f"@.{part:03d}Z {rnd.choice(SAID)} id={rnd.getrandbits(40):010x}\n".encode()


def _open(path: Path) -> Opened:
    handle = os.open(path, os.O_RDONLY)
    found = os.fstat(handle)
    return Opened(
        str(path), found.st_size, lambda offset, length: os.pread(handle, length, offset), inode=(found.st_dev, found.st_ino),
        close=lambda: os.close(handle),
    )  # fmt: skip


def _clock(source: Opened) -> At:
    reader = StampReader(reference=BEGAN + timedelta(days=2))
    reader.learn(source.read_at(0, 65_536).splitlines()[:200])

    def at(line: bytes) -> int | None:
        moment = reader.at(line)
        return None if moment is None else nanoseconds(moment)

    return at


def _window(path: Path) -> Iterator[Figure]:
    source = _open(path)
    at, middle = _clock(source), _seconds_of(source)
    since = BEGAN + timedelta(seconds=middle)
    low, high = nanoseconds(since), nanoseconds(since + timedelta(minutes=5))
    minutes = "|".join((since + timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M") for number in range(6))
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, check=True)  # into the page cache
    ours, grep = _best(lambda: find_window(source, at, low, high), lambda: _run("grep", "-cE", f"^({minutes})", str(path)), 3)
    yield "five minutes of the large log, found (grep)", _ms(ours), _ms(grep), f"1/{grep / ours:,.0f}", "≤ 30 ms, ≥ 100×"
    ranges = find_window(source, at, low, high)
    told = 0

    def tell() -> None:
        nonlocal told
        told = sum(1 for _ in pieces(source, at, low, high, ranges=ranges))

    ours = _seconds(tell)
    yield f"  and all its {told:,} records told", _ms(ours), _ms(grep), f"{ours / grep:.2f}", ""
    if shutil.which("lnav"):
        spent = _run("lnav", "-n", "-c", f":hide-lines-before {since:%Y-%m-%dT%H:%M:%S}", str(path), most=40, read=False)
        yield "  lnav, until its index is made", "", _ms(spent) if spent < 40 else "> 40 s", "", ""
    source.close()


def _seconds_of(source: Opened) -> int:
    """The middle of the log in seconds since it began."""
    text = source.read_at((source.size or 0) // 2, 4_096).split(b"\n")[1][:19].decode()
    return int((datetime.fromisoformat(text).replace(tzinfo=UTC) - BEGAN).total_seconds())


def _search(path: Path) -> Iterator[Figure]:
    source = _open(path)
    rg = shutil.which("rg")
    for what, patterns, options, grep, promise in SEARCHES:
        counted = 0

        def ours(patterns: list[str] = patterns, options: dict[str, bool] = options) -> None:
            nonlocal counted
            counted = search(source, compile_patterns(patterns, **options)).count

        mine, peer = _best(ours, lambda grep=grep: _run("grep", "-c", *grep, str(path)), 3)  # type: ignore[misc]
        yield f"search, {what} (grep)", _ms(mine), _ms(peer), f"{mine / peer:.2f}", promise
        if rg:
            flags = ["-c", "-i" if "i" in grep[0] else "-s", "-F" if "F" in grep[0] else "-e"]
            spent = min(_run("rg", *flags, grep[1], str(path)) for _ in range(2))
            yield f"  {counted:,} lines (rg, all processors)", _ms(mine), _ms(spent), f"{mine / spent:.2f}", ""
    many = compile_patterns([f"error code {number}" for number in range(19)] + ["needle in"])
    texts = [item for number in range(19) for item in ("-e", f"error code {number}")]
    mine, peer = _best(lambda: search(source, many), lambda: _run("grep", "-cF", *texts, "-e", "needle in", str(path)), 2)
    yield "search, 20 strings at once (grep)", _ms(mine), _ms(peer), f"{mine / peer:.2f}", ""
    source.close()


def _memory(path: Path) -> Iterator[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.logs", "--memory", str(path)], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    yield "memory of a search of the large log", f"{int(done.stdout) / 1024:.0f} MB", "", "", "≤ 150 MB"


def _tail(path: Path) -> Iterator[Figure]:
    with open(path, "wb") as file:
        file.seek(10 * 10**9)
        file.write(
            b"\n" + b"".join(f"2026-11-20T10:{n // 60:02d}:{n % 60:02d}Z INFO {SAID[n % 5]}\n".encode() for n in range(999))
        )
    source = _open(path)
    at = _clock(source)
    ours, peer = _best(lambda: last_records(source, 100, at=at), lambda: _run("tail", "-n", "100", str(path)), 10)
    yield "last 100 records of 10 GB, sparse (tail)", _ms(ours), _ms(peer), f"{ours / peer:.2f}", "≤ 5 ms"
    source.close()


def _merge(folder: Path) -> Iterator[Figure]:
    env = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    for what, clock, form, keys in MERGES:
        names = [_timed(folder / f"{number}.log", number, clock, form) for number in range(10)]
        sources = [_open(name) for name in names]

        def ours(sources: list[Opened] = sources) -> None:
            with open(folder / "ours", "wb") as file:
                file.writelines(merged_text(sources, [_clock(source) for source in sources]))

        sort = ["sort", "-m", "-s", *keys, "-o", str(folder / "peer"), *map(str, names)]
        mine, peer = _best(ours, lambda sort=sort: _run(*sort, env=env), 3)  # type: ignore[misc]
        same = "the same bytes" if (folder / "ours").read_bytes() == (folder / "peer").read_bytes() else "OTHER BYTES"
        how = " ".join(["sort -m", *keys])
        yield f"merge of ten files, {what}, {same}", _ms(mine), _ms(peer), f"{mine / peer:.2f}", "≤ 1.5"
        yield f"  its peer: {how}", "", "", "", ""
        for source in sources:
            source.close()
    yield from _merge_of_many_forms(folder, env)


def _timed(path: Path, number: int, clock: str, form: str) -> Path:
    """A log of 40,000 seconds, three lines each, whose times are written so."""
    rnd, models = random.Random(number), []
    for _ in range(50):
        parts, lines = sorted(rnd.randrange(1_000) for _ in range(3)), list[str]()
        for part in parts:
            text = f"{rnd.choice(SAID)} id={rnd.getrandbits(40):010x}"
            lines.append(form.format(part=part, text=text, level=rnd.choice(("info", "error"))) + "\n")
        models.append("".join(lines).encode())
    with open(path, "wb", buffering=1 << 20) as file:
        for second in range(40_000):
            moment = (BEGAN + timedelta(seconds=second)).strftime(clock).encode()
            file.write(models[(second + number) % 50].replace(b"@", moment))
    return path


def _merge_of_many_forms(folder: Path, env: dict[str, str]) -> Iterator[Figure]:
    """Each log writes its times otherwise: the peer writes a key before each line, merges by it, and takes it away."""
    keyed = {
        "ISO 8601": "{print substr($1, 12, 12) FS $0}", "syslog": '{print $3 ".000" FS $0}',
        "access log": '{print substr($4, 14, 8) ".000" FS $0}',
    }  # fmt: skip
    names, parts = [], []
    for number in range(10):
        what, clock, form, _ = MERGES[number % 3]
        names.append(_timed(folder / f"{number}.log", number, clock, form))
        parts.append(f"<(awk '{keyed[what]}' {names[-1]})")
    sources = [_open(name) for name in names]

    def ours() -> None:
        with open(folder / "ours", "wb") as file:
            file.writelines(merged_text(sources, [_clock(source) for source in sources]))

    pipe = f"sort -m -s -k1,1 {' '.join(parts)} | cut -d' ' -f2- > {folder}/peer"
    mine, peer = _best(ours, lambda: _run("bash", "-c", pipe, env=env), 2)
    same = "the same bytes" if (folder / "ours").read_bytes() == (folder / "peer").read_bytes() else "OTHER BYTES"
    yield f"merge of ten files of three forms, {same}", _ms(mine), _ms(peer), f"{mine / peer:.2f}", ""
    yield "  its peer: awk writes a key, sort -m, cut (on all processors)", "", "", "", ""
    for source in sources:
        source.close()


def _best(ours: Callable[[], object], peer: Callable[[], float], turns: int) -> tuple[float, float]:
    """The best times of both, in turns, so that load hits both alike."""
    times = [(_seconds(ours), peer()) for _ in range(turns)]
    return min(mine for mine, _ in times), min(other for _, other in times)


def _run(*argv: str, most: float = 60, env: dict[str, str] | None = None, read: bool = True) -> float:
    """Seconds a command took, `most` when it did not end in that time."""
    began = time.perf_counter()
    try:  # its output is read: grep stops at the first match when nobody reads
        out = subprocess.PIPE if read else subprocess.DEVNULL
        subprocess.run(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, timeout=most, env=env, check=False)
    except subprocess.TimeoutExpired:
        return most
    return time.perf_counter() - began


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ms(seconds: float) -> str:
    return f"{seconds * 1_000:,.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _peak() -> int:
    """Peak memory of this process in KiB. Where /proc tells it: getrusage also counts what the parent held before."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def main() -> None:
    """The table of the logs alone; `--memory PATH` is this program's own child, which tells its peak in KiB."""
    if sys.argv[1:2] == ["--memory"]:
        source = _open(Path(sys.argv[2]))
        search(source, compile_patterns([r"id=ff[0-9a-f]+"], regex=True), limit=1_000, before=5, after=5)
        print(_peak())
        return
    for what, ours, peer, ratio, promise in rows(float(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(f"{what:<60}{ours:>12}{peer:>12}{ratio:>9}  {promise}", flush=True)


if __name__ == "__main__":
    main()
