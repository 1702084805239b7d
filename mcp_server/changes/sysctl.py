"""Which files of kernel parameters were edited, and which parameters are not as the files say: changed by hand or a program?"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase

from mcp_server.core.calls import ListFolder, ReadHost
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import change_of, edits, since_boot
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.sysctl import FOLDERS, MAIN, Wish, differing, effective, running, wishes
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(
    question="Which files of kernel parameters were edited, and which parameters are not as the files say?",
    commands=("sysctl",),
)

EDITED = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", MAIN)
KEYS, SHOWN, SINGLE = 200, 20, 1
_WHY = "set by hand or by a program at some time since the boot, or the file was never applied"
_KEPT = ("secret", "stable_secret")


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Edits of the files, and the difference between files and kernel, whose time is only known to be since the boot."""
    count = 0
    for edit in edits(reader, window, EDITED):
        count += 1
        yield change_of(
            edit, "sysctl", edit.entry.path, ("configuration", "infrastructure"),
            add="; it counts once it is applied: at a boot, or by sysctl --system",
        )  # fmt: skip
    if not count:
        reader.empty("sysctl: no file of kernel parameters was edited in the window")
    with reader.part("kernel parameters against their files"):
        wanted, read = _wanted(reader)
        if wanted:
            yield from _drift(reader, window, wanted, read)
        else:
            reader.empty("sysctl: no file sets a kernel parameter")


def _wanted(reader: Reader) -> tuple[dict[str, Wish | None], tuple[str, ...]]:
    """What the files want, and the evidence of those read."""
    paths: list[str] = []
    for folder in FOLDERS:
        try:
            seen = reader.look(ListFolder(path=folder, pattern="*.conf"))
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
            continue
        paths += [f"{folder}/{entry.path.rpartition('/')[2]}" for entry in seen.value.entries]
    texts: list[tuple[str, str]] = []
    evidence: list[str] = []
    for path in (*effective(paths), MAIN):
        try:
            found = reader.file(path)
        except CouldNotLook as failure:  # gone since it was listed, or a link to nowhere
            if failure.reason != "missing":
                raise
            continue
        texts.append((path, found.value.text))
        evidence.append(found.evidence)
    return wishes(texts), tuple(evidence)


def _drift(reader: Reader, window: Window, wanted: Mapping[str, Wish | None], read: tuple[str, ...]) -> Iterator[Change]:
    keys = [key for key, wish in wanted.items() if wish and not key.endswith(_KEPT)]
    if len(keys) > KEYS:
        reader.cut(f"kernel parameters: {len(keys) - KEYS} of {len(keys)} that files set were not compared", "sysctl --all")
    seen = reader.run(("sysctl", "-e", "--", *keys[:KEYS]))
    now = running(seen.value.out)
    if not now:
        raise CouldNotLook("sysctl", "failed", f"it ended with {seen.value.exit} and showed no parameter", "sysctl --all")
    patterns = [key for key in keys[:KEYS] if "*" in key and not any(fnmatchcase(name, key) for name in now)]
    if patterns:
        reader.cut(f"kernel parameters: {amount(len(patterns), 'pattern')} could not be compared", "sysctl --all")
    closed = [line for line in seen.value.err.splitlines() if "permission denied" in line]
    if closed:
        reader.blind(f"{amount(len(closed), 'kernel parameter')}", "denied: may not be read", "run as root")
    booted = reader.look(ReadHost(sample_s=0))
    at, doubt_ms = since_boot(reader.now, booted.value.booted, window)
    found = differing(wanted, now)
    evidence = (seen.evidence, booted.evidence, *read)
    if len(found) <= SINGLE:
        for key, (wish, value) in found.items():
            text = "kernel parameter {key} is {now}, but {file} says {wanted}: " + _WHY
            values: dict[str, Value] = {"key": key, "now": value[:200], "wanted": wish.value[:200], "file": wish.path}
            yield _change(key, (f"path:{wish.path}",), text, values, at, doubt_ms, evidence)
    else:
        rows = [f"{key} = {value[:80]} ({wish.path}: {wish.value[:80]})" for key, (wish, value) in found.items()]
        files = dict.fromkeys(f"path:{wish.path}" for wish, _ in found.values())
        quote = ", ".join(rows[:SHOWN]) + (" …" if len(rows) > SHOWN else "")
        text = "{count} kernel parameters are not as their files say: " + _WHY
        yield _change("kernel parameters", tuple(files), text, {"count": len(found)}, at, doubt_ms, evidence, (quote,))
    if not found:
        reader.empty(f"sysctl: {amount(len(now), 'kernel parameter')} as the files say")


def _change(
    component: str, clues: tuple[str, ...], text: str, values: dict[str, Value], at: datetime, doubt_ms: int,
    evidence: tuple[str, ...], quotes: tuple[str, ...] = (),
) -> Change:  # fmt: skip
    return Change(
        source="sysctl", kind="drift", classes=("configuration", "infrastructure"), at=at, doubt_ms=doubt_ms, stamp=stamp(at),
        component=component, clues=clues,
        summary=Statement(text=text, values=values, evidence=evidence[:12], quotes=quotes, at=at),
    )  # fmt: skip
