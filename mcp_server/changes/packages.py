"""Which packages did the host's package managers install, upgrade or remove?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mcp_server.core.calls import StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.package_calls import ReadTransactions
from mcp_server.core.reader import Reader
from mcp_server.core.rotation import is_packed
from mcp_server.logs import apk_log, dpkg_log, pacman_log, rpm_history, rpm_log, zypp_log
from mcp_server.logs.newest import newest_lines
from mcp_server.logs.package_files import MOST_MEMBERS, members, read_log
from mcp_server.logs.package_log import DATABASES, Row, Rows, Zone

CHANGE_SOURCE = ChangeSource(
    question="Which host packages were installed, upgraded or removed? (dpkg and apt, rpm with dnf or zypper, apk, pacman)",
    commands=("rpm",), optional=("rpm",),
)  # fmt: skip

HISTORY = "/var/log/apt/history.log"
ANY_ZONE = timedelta(hours=14)
Run = tuple[datetime, datetime, str, str]
"""Start, end, command line, evidence."""


@dataclass(frozen=True)
class Manager:
    """A package manager: logs with how to read each, of which the first that is there counts; what to do where none is."""

    name: str
    logs: tuple[tuple[str, Rows], ...]
    by_hand: str
    histories: tuple[str, ...] = ()
    """Databases of transactions: the newest manager's, which writes no log, and its predecessor's, which knows more
    than its log does."""


MANAGERS = (
    Manager("dpkg", (("/var/log/dpkg.log", dpkg_log.rows),), "see /var/lib/dpkg/info/*.list for times"),
    Manager(
        "rpm",
        (("/var/log/dnf.rpm.log", rpm_log.rows), ("/var/log/zypp/history", zypp_log.rows)),
        "rpm -qa --last",
        ("/usr/lib/sysimage/libdnf5/transaction_history.sqlite", "/var/lib/dnf/history.sqlite"),
    ),
    Manager(
        "apk",
        (("/var/log/apk.log", apk_log.rows),),
        "compare the image: apk's database tells when packages were built, not when they came",
    ),
    Manager("pacman", (("/var/log/pacman.log", pacman_log.rows),), "less /var/log/pacman.log"),
)
_SHOWN = {
    "install": "{package} {new} was installed", "upgrade": "{package} was upgraded from {old} to {new}",
    "downgrade": "{package} was downgraded from {old} to {new}", "reinstall": "{package} {new} was installed again",
    "remove": "{package} {old} was removed", "purge": "{package} was removed with its configuration",
}  # fmt: skip


_UNFINISHED = {
    "failed": ", says a transaction that failed: not all of it was done",
    "open": ", says a transaction without an end: it is under way, or was interrupted",
}


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """What each manager that is here wrote about the window, with the command that caused it where that is known."""
    here = [(manager, database) for manager in MANAGERS if (database := _database(reader, manager))]
    if not here:
        known = ", ".join(manager.name for manager in MANAGERS)
        reader.blind("host packages", f"no package database that is known here ({known})", "compare the image")
    zone = _zone(reader) if here else Zone(UTC)
    for manager, database in here:
        with reader.part(f"packages of {manager.name}"):
            found = _read(reader, manager, database, window, zone)
            rows = [(row, cited) for row, cited in found if row.action and _inside(row, window)]
            if not rows:
                reader.empty(f"packages: {manager.name} did nothing in the window")
                continue
            commands = _apt_commands(reader, zone, rows[0][0].at) if manager.name == "dpkg" else []
            for row, cited in rows:
                yield _change(row, cited, commands)


def _inside(row: Row, window: Window) -> bool:
    return row.at + row.doubt >= window.since and row.at - row.doubt <= window.until


def _database(reader: Reader, manager: Manager) -> str | None:
    """The file that shows this manager to be here. Raises CouldNotLook when that cannot be told."""
    return next((path for path in DATABASES[manager.name] if _exists(reader, path)), None)


def _exists(reader: Reader, path: str) -> bool:
    try:
        reader.look(StatFile(path=path))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return False
        raise
    return True


def _zone(reader: Reader) -> Zone:
    """The host's zone: where /etc/localtime points. Some managers write local time without saying which."""
    try:
        link = reader.look(StatFile(path="/etc/localtime")).value.link or ""
        name = link.rpartition("zoneinfo/")[2] or reader.file("/etc/timezone").value.text.strip()
        return Zone(info=ZoneInfo(name))
    except CouldNotLook as failure:
        if failure.reason == "missing" and failure.what == "/etc/localtime":
            return Zone(info=UTC)  # without the file the C library means UTC
    except (ValueError, OSError, KeyError):  # no name of a zone, or one that is not known here
        pass
    return Zone(info=UTC, doubt=ANY_ZONE)


def _read(reader: Reader, manager: Manager, database: str, window: Window, zone: Zone) -> list[tuple[Row, str]]:
    """Rows of the manager's log and, where the window needs it, of those before; with the evidence of each."""
    new = _history(reader, manager, 0, window)
    for log, rows in manager.logs:
        if there := members(reader, log):  # what was done before there was a history stands in it
            logged = read_log(reader, log, rows, there, window, zone)
            old = _history(reader, manager, 1, window)
            return sorted([*logged, *_unlogged(logged, new, old)], key=_when)
    whole = new is not None and new.read and new.begins is None
    kept = [item for item in (None if whole else _history(reader, manager, 1, window), new) if item]
    if not kept:
        return _without_log(reader, manager, database, window)
    if all(item.begins for item in kept):
        reader.blind(f"packages before the beginning of {kept[0].path}", f"it begins at {kept[0].begins}", manager.by_hand)
    return [found for item in kept for found in item.rows]


def _unlogged(logged: Sequence[tuple[Row, str]], *kept: "History | None") -> Iterator[tuple[Row, str]]:
    """What the databases know and the log does not: PackageKit and microdnf write no log."""
    times: dict[str, list[Row]] = {}
    for row, _ in logged:
        times.setdefault(row.package, []).append(row)
    for row, cited in (found for item in kept if item for found in item.rows):
        if not any(abs(row.at - other.at) <= row.doubt + other.doubt for other in times.get(row.package, ())):
            yield row, cited


def _when(found: tuple[Row, str]) -> datetime:
    return found[0].at


@dataclass(frozen=True)
class History:
    """What a database of transactions told. `begins` says where it begins, None where that is before the window."""

    path: str
    rows: list[tuple[Row, str]]
    begins: str | None
    read: bool = True


def _history(reader: Reader, manager: Manager, place: int, window: Window) -> History | None:
    """The manager's first or second database of transactions; None where it is not here. What it does not tell is noted."""
    path = next(iter(manager.histories[place : place + 1]), None)
    if path is None:
        return None
    with reader.part(f"packages in {path}"):
        if not _exists(reader, path):
            return None
        seen = reader.look(ReadTransactions(path=path, since=window.since, until=window.until))
        told = seen.value
        if told.doubt:
            reader.blind(f"the newest transactions in {path}", told.doubt, "dnf history list")
        if told.cut:
            reader.cut(f"transactions in {path}: {told.cut}", "narrow the window with since=… and until=…")
        begins = stamp(told.reaches) if told.reaches else "its end: it holds no transaction"
        rows = [(row, seen.evidence) for run in told.transactions for row in rpm_history.rows(run)]
        return History(path, rows, None if told.reaches and told.reaches <= window.since else begins)
    return History(path, [], None, read=False)  # what was noted says more than where it begins


def _without_log(reader: Reader, manager: Manager, database: str, window: Window) -> list[tuple[Row, str]]:
    """A manager that is here and keeps no log. A database not written since the window began says that nothing happened."""
    seen = reader.look(StatFile(path=database)).value
    if max(seen.modified, seen.changed) < window.since:
        return []
    if manager.name != "rpm":
        raise CouldNotLook(manager.logs[0][0], "missing", f"{manager.name} is here but its log is not", manager.by_hand)
    listed = reader.run(("rpm", "-qa", "--last"))
    rows = list(rpm_log.installed([line for line in listed.value.out.splitlines() if line.strip()]))
    if listed.value.exit or listed.value.cut or None in rows:
        reader.blind("packages that rpm lists", listed.value.cut or "failed: rpm ended with an error, or its list is damaged",
                     manager.by_hand)  # fmt: skip
    reader.blind(
        "packages that were removed", "dnf keeps no log here, and rpm lists only what is installed", "dnf history list"
    )
    return [(row, listed.evidence) for row in rows if row]


def _apt_commands(reader: Reader, zone: Zone, earliest: datetime) -> list[Run]:
    """apt's runs back to `earliest`; without the history only the commands are not known."""
    runs: list[Run] = []
    with reader.part("command lines of apt"):
        there = members(reader, HISTORY)
        if not there:
            reader.empty("apt keeps no history here: command lines are not known")
        for member in there[:MOST_MEMBERS]:
            if member.modified < earliest:
                break
            newest = newest_lines(
                reader, member.path, lambda lines: any(run[0] <= earliest for run in dpkg_log.apt_runs(lines, zone)),
                packed=is_packed(member.path),
            )  # fmt: skip
            read = [
                (start, end, text, newest.lines[line][1]) for start, end, text, line in dpkg_log.apt_runs(newest.texts(), zone)
            ]
            runs += read
            if newest.stopped:
                reader.blind(f"command lines at the end of {member.path}", f"damaged: {newest.stopped}")
            if any(run[0] <= earliest for run in read):
                break
            if not newest.whole:
                reader.cut(f"command lines at the beginning of {member.path}", f"narrow the window, or less {member.path}")
    return runs


def _change(row: Row, cited: str, commands: Sequence[Run]) -> Change:
    by_apt = next(((text, extra) for start, end, text, extra in commands if start <= row.at <= end), None)
    command, extra = by_apt or (row.command, None)
    assert row.action is not None
    text = _SHOWN[row.action] + (" by {command}" if command else "") + _UNFINISHED.get(row.unfinished or "", "")
    values: dict[str, Value] = {"package": row.package, "old": row.old or "?", "new": row.new or "?"}
    values |= {"command": command} if command else {}
    return Change(
        source="packages", kind=row.action, classes=("dependency",), at=row.at,
        doubt_ms=int(row.doubt.total_seconds() * 1000), stamp=row.stamp, component=row.package,
        reference=row.new or row.old or "", clues=(f"package:{row.package}",),
        summary=Statement(
            text=text, values=values, at=row.at, evidence=(cited, *([extra] if extra else [])),
        ),
    )  # fmt: skip
