"""Which crontabs were edited, and which jobs of cron ran near the onset?"""

import re
from collections.abc import Iterator, Sequence

from mcp_server.core.calls import StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.command_clues import clues_of, program_of
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import Edit, change_of, edits
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal import Journal
from mcp_server.core.log_calls import SearchLog
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import Occurrence, folded, nearest

CHANGE_SOURCE = ChangeSource(question="Which crontabs were edited, and which jobs of cron ran?")

PLACES = (
    "/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly",
    "/etc/cron.monthly", "/etc/cron.allow", "/etc/cron.deny", "/var/spool/cron",
)  # fmt: skip
_WITH_ACCOUNT = ("/etc/crontab", "/etc/cron.d/")
MATCHES = tuple((f"_COMM={name}",) for name in ("cron", "crond", "anacron", "fcron"))
_RAN = r"\bCMD \(|^Job .* started"
LOGS = ("/var/log/cron", "/var/log/cron.log", "/var/log/syslog", "/var/log/messages")
_COMMAND = re.compile(r"\(\S+\) CMD \((?P<command>.*)\)\s*$|Job .(?P<job>cron\.\w+|[\w.-]{1,80}). started", re.DOTALL)
_LINE = re.compile(r"\s*(?:@\w+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(?P<command>.+)")
JOBS = 12
READ_LIMIT, LINES, CLUES = 65_536, 200, 40


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Edits with what the crontab runs, and jobs that ran: the nearest to the onset one by one."""
    count = 0
    for edit in edits(reader, window, PLACES, depth=2):
        count += 1
        yield change_of(edit, "cron", edit.entry.path, ("configuration",), _runs(reader, edit))
    if not count:
        reader.empty("cron: no crontab was edited in the window")
    with reader.part("journal"):  # where syslog writes no log either
        found, evidence = _ran(reader, window, scope)
        rows: dict[str, list[Occurrence[str]]] = {}
        for item in found:
            rows.setdefault(item.what, []).append(item)
        near, rest = nearest([item for row in rows.values() for item in folded(row, scope.onset)], scope.onset, JOBS)
        yield from (_job(item, evidence) for item in near)
        if rest:
            yield _rest(rest, evidence)
        if not found:
            reader.empty("cron: no job ran in the window")


def _runs(reader: Reader, edit: Edit) -> tuple[str, ...]:
    """What the commands of a crontab touch; losing them loses clues, not the change."""
    entry = edit.entry
    if entry.type != "file" or entry.size > READ_LIMIT:
        return ()
    if not any(word in entry.path for word in ("/cron.d/", "crontab", "/spool/")):
        return ()  # a script of cron.daily is the job itself
    with reader.part(f"commands in {entry.path}"):
        try:
            lines = reader.file(entry.path, length=READ_LIMIT).value.text.splitlines()[:LINES]
        except CouldNotLook as failure:
            if failure.reason in ("missing", "refused"):
                return ()
            raise
        found: list[str] = []
        for line in lines:
            match = _LINE.fullmatch(line)
            if match and not line.lstrip().startswith("#"):
                command = match["command"]
                found += clues_of(command.partition(" ")[2] if entry.path.startswith(_WITH_ACCOUNT) else command)
        return tuple(dict.fromkeys(found))[:CLUES]
    return ()


def _ran(reader: Reader, window: Window, scope: Scope) -> tuple[list[Occurrence[str]], str]:
    """Commands that cron ran, from the journal, else from the log that syslog writes. Raises the journal's CouldNotLook."""
    try:
        journal = Journal(reader, window, scope.journal)
    except CouldNotLook as failure:
        logs = [path for path in LOGS if _there(reader, path)] if failure.reason == "missing" else []
        if not logs:
            raise CouldNotLook("journal", failure.reason, failure.detail, failure.remedy) from None
        return _from_logs(reader, window, logs)
    seen = journal.entries(MATCHES, fields=("MESSAGE",), what="jobs of cron", grep=_RAN)
    return [
        Occurrence(at=entry.at, stamp=entry.stamp, what=command)
        for entry in seen.value.entries
        if (command := _command(entry.get("MESSAGE")))
    ], seen.evidence


def _from_logs(reader: Reader, window: Window, logs: Sequence[str]) -> tuple[list[Occurrence[str]], str]:
    call = SearchLog(
        sources=tuple(logs[:1]), since=window.since, until=window.until, patterns=(") CMD (",), limit=2_000, chars=60_000
    )
    seen = reader.look(call)
    for doubt in seen.value.seen.doubts:
        reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
    if seen.value.cursor:
        reader.cut(f"jobs of cron in {logs[0]}: only the first of the window were read", "ask for a shorter window")
    found = []
    for record in seen.value.records:
        said = record.text[max(0, record.text.find("(")) :]
        if record.at and (command := _command(said)):
            found.append(Occurrence(at=record.at, stamp=record.text[:15], what=command))
    return found, seen.evidence


def _there(reader: Reader, path: str) -> bool:
    try:
        return reader.look(StatFile(path=path)).value.type == "file"
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        return False


def _command(said: str) -> str | None:
    match = _COMMAND.match(said)
    return (match["command"] or match["job"]).strip() if match else None


def _job(item: Occurrence[str], evidence: str) -> Change:
    text, more = item.again("cron ran {command}")
    return Change(
        source="cron", kind="run", classes=("runtime",), at=item.at, stamp=item.stamp, doubt_ms=1_000,
        component=program_of(item.what) or "cron", clues=clues_of(item.what),
        summary=Statement(text=text, values={"command": item.what[:300], **more}, evidence=(evidence,), at=item.at),
    )  # fmt: skip


def _rest(rest: Sequence[Occurrence[str]], evidence: str) -> Change:
    last = rest[-1]
    clues = dict.fromkeys(clue for item in rest for clue in clues_of(item.what))
    values: dict[str, Value] = {"jobs": len(rest), "count": sum(item.count for item in rest)}
    names = dict.fromkeys(program_of(item.what) for item in rest)
    return Change(
        source="cron", kind="run", classes=("runtime",), at=last.at, stamp=last.stamp, component=f"{len(rest)} jobs of cron",
        clues=tuple(clues)[:CLUES],
        summary=Statement(
            text="{jobs} further jobs of cron ran, {count} times in all", values=values, evidence=(evidence,), at=last.at,
            quotes=(", ".join(names)[:1_000],),
        ),
    )  # fmt: skip
