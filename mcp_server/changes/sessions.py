"""Which logins were there, and which commands were run with sudo? Accounts are left out: reports are blameless."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from mcp_server.core.change import Change, Window
from mcp_server.core.command_clues import class_of_command, clues_of, only_reads, program_of
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.journal import Journal
from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import Occurrence, folded, nearest
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(question="Which logins were there, and which commands were run with sudo, su or pkexec?")

_SESSION = "8d45620c1a4348dbb17410da57c60c66"
MATCHES = (
    ("_UID=0", f"MESSAGE_ID={_SESSION}"),
    *((f"_COMM={name}",) for name in ("sudo", "su", "pkexec", "doas")),
)
SSH = (("_COMM=sshd",), ("_COMM=sshd-session",))
_SUDO = re.compile(
    r"\s*\S+ : (?:(?P<refused>[^;=]{3,80}) ; )?(?:TTY=(?P<tty>\S+) ; )?PWD=(?P<folder>.*?) ; USER=\S+ ; "
    r"(?:GROUP=\S+ ; )?(?:TSID=\S+ ; )?(?:ENV=.*? ; )?COMMAND=(?P<command>.+)", re.DOTALL
)  # fmt: skip
_SU = re.compile(r"\(to (?P<to>\S+)\) \S+ on (?P<tty>\S+)")
_ACCEPTED = re.compile(r"Accepted (?P<how>\S+) for (?P<user>\S+) from (?P<address>[0-9A-Fa-f.:%]+) port")
_OPENED = re.compile(r"New session \S+ of user (?P<user>\S+?)\.")
TOGETHER = timedelta(seconds=10)
COMMANDS, LOGINS = 25, 8


class Command(NamedTuple):
    """A command run with the rights of another account. `refused` is sudo's reason where it did not run."""

    text: str
    folder: str
    refused: str = ""
    by_hand: bool = True


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Logins and commands of the window, the nearest to the onset one by one."""
    with reader.part("journal"):
        journal = Journal(reader, window, scope.journal)
        seen = journal.entries(MATCHES, fields=("MESSAGE", "MESSAGE_ID", "_COMM"), what="logins and sudo")
        found = [(entry, _command(entry)) for entry in seen.value.entries]
        with reader.part("logins over ssh"):
            ssh = journal.entries(SSH, fields=("MESSAGE",), what="logins over ssh", grep="^Accepted ", limit=1_000)
            yield from _logins(seen.value.entries, ssh.value.entries, scope, (seen.evidence, ssh.evidence))
        commands = [(entry, command) for entry, command in found if command]
        told = [(entry, command) for entry, command in commands if not only_reads(command.text)]
        if looks := len(commands) - len(told):
            reader.empty(f"sudo: {amount(looks, 'command')} that only read left out")
        if not told:
            reader.empty("sudo: no command that changes anything in the window")
        yield from _commands(told, scope, seen.evidence)


def _command(entry: JournalEntry) -> Command | None:
    said = entry.get("MESSAGE")
    if match := _SUDO.match(said):
        by_hand = (match["tty"] or "unknown") != "unknown"
        return Command(match["command"].strip(), match["folder"], match["refused"] or "", by_hand)
    if entry.get("_COMM") == "su" and (match := _SU.match(said)):
        return Command(f"su {match['to']}", "")
    if entry.get("_COMM") == "pkexec" and "COMMAND=" in said:
        return Command(said.partition("COMMAND=")[2].rstrip("]"), "")
    return None


def _commands(found: Sequence[tuple[JournalEntry, Command]], scope: Scope, evidence: str) -> Iterator[Change]:
    """Commands one by one while they are few; one that an agent repeats all day is told by one that stands for all."""
    rows: dict[tuple[str, str], list[Occurrence[Command]]] = {}
    for entry, command in found:
        shape = re.sub(r"\d+", "#", command.text)
        rows.setdefault((shape, command.refused), []).append(Occurrence(at=entry.at, stamp=entry.stamp, what=command))
    near, rest = nearest([item for row in rows.values() for item in folded(row, scope.onset)], scope.onset, COMMANDS)
    for item in near:
        command = item.what
        clues = clues_of(command.text, command.folder)
        text = "sudo ran {command}" if command.by_hand else "a program ran {command} with sudo"
        values: dict[str, Value] = {"command": command.text[:300]}
        if command.refused:
            text, values = "sudo refused to run {command}: {why}", values | {"why": command.refused}
        text, more = item.again(text)
        yield Change(
            source="sessions", kind="refused" if command.refused else "command",
            classes=(class_of_command(command.text, clues),), at=item.at, stamp=item.stamp,
            component=program_of(command.text) or "sudo", clues=clues,
            summary=Statement(text=text, values=values | more, evidence=(evidence,), at=item.at),
        )  # fmt: skip
    if rest:
        yield _rest("command", "{count} further commands were run with sudo", rest, evidence)


def _logins(
    entries: Sequence[JournalEntry], ssh: Sequence[JournalEntry], scope: Scope, evidence: tuple[str, ...]
) -> Iterator[Change]:  # fmt: skip
    """A login over ssh is noted twice: by sshd with the address, by logind as a session. It is told once."""
    found: list[Occurrence[tuple[str, str]]] = []
    for entry in ssh:
        if match := _ACCEPTED.match(entry.get("MESSAGE")):
            who = "root" if match["user"] == "root" else "an account of this host"
            found.append(Occurrence(at=entry.at, stamp=entry.stamp, what=(who, match["address"])))
    known = [item.at for item in found]
    for entry in entries:
        if entry.get("MESSAGE_ID") == _SESSION and not any(abs(at - entry.at) <= TOGETHER for at in known):
            opened = _OPENED.match(entry.get("MESSAGE"))
            who = "root" if opened and opened["user"] == "root" else "an account of this host"
            found.append(Occurrence(at=entry.at, stamp=entry.stamp, what=(who, "")))
    rows: dict[tuple[str, str], list[Occurrence[tuple[str, str]]]] = {}
    for item in sorted(found, key=lambda item: item.at):
        rows.setdefault(item.what, []).append(item)
    near, rest = nearest([item for row in rows.values() for item in folded(row, scope.onset)], scope.onset, LOGINS)
    for item in near:
        who, address = item.what
        text = "a session of {account} began" + (" from {address} over ssh" if address else "")
        values: dict[str, Value] = {"account": who, **({"address": address} if address else {})}
        text, more = item.again(text)
        yield Change(
            source="sessions", kind="login", classes=("runtime",), at=item.at, stamp=item.stamp, component="login",
            reference=address, summary=Statement(text=text, values=values | more, evidence=evidence, at=item.at),
        )  # fmt: skip
    if rest:
        yield _rest("login", "{count} further sessions began", rest, evidence[0])


def _rest(kind: str, text: str, rest: Sequence[Occurrence[object]], evidence: str) -> Change:
    last = rest[-1]
    values: dict[str, Value] = {"count": sum(item.count for item in rest)}
    return Change(
        source="sessions", kind=kind, classes=("other",) if kind == "command" else ("runtime",), at=last.at, stamp=last.stamp,
        component=f"further {kind}s", summary=Statement(text=text, values=values, evidence=(evidence,), at=last.at),
    )  # fmt: skip
