"""Are there signs of a break-in? It looks, keeps evidence and touches nothing: the next call belongs to security.

None of these signs proves an intrusion, and their absence proves nothing: it says what it looked for.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from pydantic import Field

from mcp_server.core.calls import FileStat, ListFolder, Process, ReadProcesses, ReadSockets, StatFile
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

PLACES = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/")  # noqa: S108 -- places to look at, not to write to
KEPT = (
    "/etc/passwd", "/etc/shadow", "/etc/sudoers", "/etc/ld.so.preload", "/root/.ssh/authorized_keys", "/etc/ssh/sshd_config",
    "/etc/pam.d", "/etc/cron.d", "/etc/crontab", "/etc/rc.local",
)  # fmt: skip
MINERS = re.compile(r"(?i)\b(xmrig|minerd|cpuminer|kdevtmpfsi|kinsing|stratum\+tcp|cryptonight)\b")


class Params(Parameters):
    """How far back a change of a guarded file counts."""

    hours: int = Field(24, ge=1, le=24 * 90, description="Changes of guarded files within so many hours are named")


class IntrusionFacts(Facts):
    """What was seen. Texts are data."""

    now: Moment
    hidden: tuple[str, ...] = Field((), description="processes whose program file was deleted or lies in a temporary folder")
    miners: tuple[str, ...] = ()
    roots: tuple[str, ...] = Field((), description="accounts with user number 0 besides root")
    preload: bool = False
    changed: tuple[str, ...] = Field((), description="guarded files that changed: `path at stamp`")
    listeners: tuple[str, ...] = Field((), description="ports held by such processes")
    evidence: dict[str, str] = {}


HIDDEN = FindingType(
    code="hidden_program",
    text="{count} processes run from a deleted file or a temporary folder: {names}",
    severity="warning",
    meaning="Upgrades leave deleted programs behind; so does malware that removes its own file.",
    advice="Keep the evidence, change nothing, and ask security before anything is stopped.",
)
MINER = FindingType(
    code="miner",
    text="{count} processes look like miners: {names}",
    severity="critical",
    meaning="Somebody else uses this machine; how they came in is open until it is known.",
    advice="Page security at once; cut the network rather than kill, if they say so.",
)
SECOND_ROOT = FindingType(
    code="second_root",
    text="accounts besides root have user number 0: {names}",
    severity="critical",
    meaning="They are root under another name.",
    advice="Page security at once.",
)
PRELOAD = FindingType(
    code="preload",
    text="/etc/ld.so.preload exists: every program loads what it names",
    severity="critical",
    meaning="A few monitoring agents use it; rootkits do as well, to hide.",
    advice="Ask who put it there; compare with the image. What this host shows may be what it is made to show.",
)
GUARDED = FindingType(
    code="guarded_changed",
    text="{count} guarded files changed in the last {hours} h: {names}",
    severity="info",
    meaning="Accounts, keys, jobs or the way in were changed; most often by an administrator.",
    advice="Match each with a change that somebody knows of (what_changed).",
)

DIAGNOSTIC = Diagnostic(
    question="Are there signs of a break-in: hidden programs, miners, second roots, preloaded code, changed guarded files?",
    area="security",
    facts=IntrusionFacts,
    tool=False,
    timeout_s=20,
    next=("what_changed", "process_list"),
)


def collect(reader: Reader, params: Params) -> IntrusionFacts:
    """Processes, accounts, guarded files; each part may fail alone, and is then a blind spot."""
    facts = IntrusionFacts(now=reader.now)
    with reader.part("processes"):
        seen = reader.look(ReadProcesses())
        facts.evidence["processes"] = seen.evidence
        others = [item for item in seen.value.processes if not item.ours]
        denied = sum("exe" in " ".join(item.denied) for item in others)
        if denied:
            reader.blind(f"program files of {denied} processes", "denied", "run it as root")
        odd = [item for item in others if _is_hidden(item)]
        facts.hidden = tuple(_named(item) for item in odd)
        facts.miners = tuple(_named(item) for item in others if MINERS.search(" ".join((item.name, *item.argv))))
        with reader.part("listening ports"):
            pids = {item.pid for item in odd}
            sockets = reader.look(ReadSockets()).value.sockets
            facts.listeners = tuple(f"{item.address} ({item.process} {item.pid})" for item in sockets if item.pid in pids)
    with reader.part("/etc/passwd"):
        passwd = reader.file("/etc/passwd")
        facts.evidence["passwd"] = passwd.evidence
        rows = [line.split(":") for line in passwd.value.text.splitlines()]
        facts.roots = tuple(row[0] for row in rows if len(row) > 3 and row[2] == "0" and row[0] != "root")
    since = reader.now - timedelta(hours=params.hours)
    for path in KEPT:
        for found in _stats(reader, path):
            facts.evidence.setdefault("guarded", found[1])
            if path == "/etc/ld.so.preload":
                facts.preload = True
                facts.evidence["preload"] = found[1]
            latest = max(found[0].modified, found[0].changed)
            if latest >= since:
                facts.changed = (*facts.changed, f"{found[0].path} at {latest:%Y-%m-%dT%H:%M:%SZ}")
    return facts


def _stats(reader: Reader, path: str) -> Iterator[tuple[FileStat, str]]:
    """The file, or the files of the folder; nothing where it does not exist."""
    try:
        seen = reader.look(StatFile(path=path))
        if seen.value.type == "folder":
            inside = reader.look(ListFolder(path=path))
            yield from ((item, inside.evidence) for item in inside.value.entries)
        else:
            yield seen.value, seen.evidence
    except CouldNotLook as failure:
        if failure.reason != "missing":
            reader.blind(path, f"{failure.reason}: {failure.detail}", failure.remedy or "run it as root")


def _is_hidden(process: Process) -> bool:
    exe = process.exe or ""
    return exe.endswith(" (deleted)") or exe.startswith(PLACES)


def _named(process: Process) -> str:
    return f"{process.name} ({process.pid}) {process.exe or ''}".strip()


def judge(facts: IntrusionFacts, params: Params) -> Iterator[Finding]:
    """The gravest first."""
    if facts.miners:
        yield MINER.found(
            facts.evidence["processes"], component=facts.miners[0], count=len(facts.miners), names=_few(facts.miners)
        )
    if facts.roots:
        yield SECOND_ROOT.found(
            facts.evidence["passwd"], component="/etc/passwd", clues=("path:/etc/passwd",), names=_few(facts.roots)
        )
    if facts.preload:
        clue = "path:/etc/ld.so.preload"
        yield PRELOAD.found(facts.evidence["preload"], component="/etc/ld.so.preload", clues=(clue,))
    if facts.hidden:
        yield HIDDEN.found(
            facts.evidence["processes"], component=facts.hidden[0], quotes=facts.listeners[:6], count=len(facts.hidden),
            names=_few(facts.hidden),
        )  # fmt: skip
    if facts.changed:
        clues = tuple(f"path:{item.partition(' at ')[0]}" for item in facts.changed[:20])
        yield GUARDED.found(
            facts.evidence["guarded"], component="guarded files", clues=clues, count=len(facts.changed), hours=params.hours,
            names=_few(facts.changed),
        )  # fmt: skip


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def show(facts: IntrusionFacts, params: Params) -> Iterator[Statement]:
    """What was looked for, so that `ok` is not read as more than it is."""
    cited = tuple(dict.fromkeys(facts.evidence.values()))
    yield Statement(
        text="looked for: programs from deleted files or temporary folders, miners, second roots, preloaded code, changes of "
        "accounts, keys and jobs in {hours} h; nothing else",
        values={"hours": params.hours}, evidence=cited[:6],
    )  # fmt: skip
