"""Which packages did the host's package manager install, upgrade or remove?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from mcp_server.core.calls import FileStat, ListFolder, ReadFile, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp, to_utc
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(question="Which host packages were installed, upgraded or removed? (dpkg and apt)")

LOG, HISTORY = "/var/log/dpkg.log", "/var/log/apt/history.log"
TAILS = (262_144, 4 * 1024 * 1024)
"""How much of the end of a log is read: first little, and more only where the window asks for it."""
OTHERS = {"rpm": ("/var/lib/rpm", "/usr/lib/sysimage/rpm"), "apk": ("/lib/apk/db",), "pacman": ("/var/lib/pacman",)}
REMEDY = {"rpm": "rpm -qa --last", "apk": "cat /var/log/apk.log", "pacman": "less /var/log/pacman.log"}
RESOLUTION = timedelta(seconds=1)
ANY_ZONE = timedelta(hours=14)
_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([a-z-]+)(?: (\S+))?(?: (\S+))?(?: (\S+))?.*")
CHANGING = {"install", "upgrade", "remove", "purge"}
WORDS = CHANGING | {"status", "startup", "configure", "trigproc", "conffile", "disappear"}
_SHOWN = {"install": "{package} {new} was installed", "upgrade": "{package} was upgraded from {old} to {new}",
          "downgrade": "{package} was downgraded from {old} to {new}", "remove": "{package} {old} was removed",
          "purge": "{package} was removed with its configuration"}  # fmt: skip


@dataclass(frozen=True)
class Zone:
    """The zone in which the host writes local times, and how far off it may be."""

    info: tzinfo
    doubt: timedelta = RESOLUTION

    def moment(self, text: str) -> tuple[datetime, timedelta]:
        """A local stamp as UTC, with its doubt: an hour that comes twice in autumn is in doubt by that hour."""
        local = datetime.fromisoformat(text).replace(tzinfo=self.info)
        twice = abs((local.replace(fold=1).utcoffset() or timedelta()) - (local.utcoffset() or timedelta()))
        return to_utc(local), self.doubt + twice


@dataclass(frozen=True)
class Line:
    """One line of dpkg's log: its words, when, how far off that may be, and the evidence."""

    words: re.Match[str]
    at: datetime
    doubt: timedelta
    evidence: str


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Entries of dpkg's log inside the window, each with the apt command that caused it where apt did."""
    if not _exists(reader, "/var/lib/dpkg/status"):
        _say_other(reader)
        return
    zone = _zone(reader)
    entries = list(_entries(reader, window, zone))
    if not entries:
        reader.empty("packages: dpkg did nothing in the window")
        return
    commands = _apt_commands(reader, zone)
    removed: set[str] = set()
    for line in entries:
        at, (action, package, old, new) = line.at, line.words.group(2, 3, 4, 5)
        if action == "purge" and package in removed:
            continue  # dpkg writes both lines for one removal
        if action == "remove":
            removed.add(package)
        if action == "upgrade" and _older(new, old):
            action = "downgrade"
        command = next(((text, extra) for start, end, text, extra in commands if start <= at <= end), None)
        name = package.split(":")[0]
        values = {"package": name, "old": old, "new": new} | ({"command": command[0]} if command else {})
        yield Change(
            source="packages", kind=action, classes=("dependency",), at=at, doubt_ms=int(line.doubt.total_seconds() * 1000),
            stamp=line.words[1], component=name, reference=old if new == "<none>" else new, clues=(f"package:{name}",),
            summary=Statement(
                text=_SHOWN[action] + (" by {command}" if command else ""), values=values, at=at,
                evidence=(line.evidence, *([command[1]] if command else [])),
            ),
        )  # fmt: skip


def _exists(reader: Reader, path: str) -> bool:
    """Whether the name is there. Raises CouldNotLook when that cannot be told."""
    try:
        reader.look(StatFile(path=path))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return False
        raise
    return True


def _say_other(reader: Reader) -> None:
    """No dpkg here: that is no news about packages, it is a blind spot."""
    for name, places in OTHERS.items():
        if any(_exists(reader, place) for place in places):
            reader.blind("host packages", f"{name} keeps them here; only dpkg's log is read", f"look by hand: {REMEDY[name]}")
            return
    reader.blind("host packages", "no package database that is known here (dpkg, rpm, apk, pacman)", "compare the image")


def _zone(reader: Reader) -> Zone:
    """The host's zone: where /etc/localtime points. dpkg writes local time without saying which."""
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


def _entries(reader: Reader, window: Window, zone: Zone) -> Iterator[Line]:
    """What dpkg did in the window, oldest first."""
    there = {entry.path: entry for entry in reader.look(ListFolder(path="/var/log", pattern="dpkg.log*")).value.entries}
    if LOG not in there and LOG + ".1" not in there:
        raise CouldNotLook(LOG, "missing", "dpkg is here but its log is not", "see /var/lib/dpkg/info/*.list for times")
    found: list[Line] = []
    for path in (LOG, LOG + ".1"):
        if path in there and not _reaches(found, window):
            lines, whole = _read(reader, there[path], zone, window)
            found = [*lines, *found]
            if not whole and not _reaches(found, window):
                reader.cut(f"{path}: only its last {TAILS[-1]} bytes", f"read its beginning: less {path}")
                break
    if not _reaches(found, window):
        older = sorted(path for path in there if path.endswith(".gz"))[:1]
        reason = f"what was read begins at {stamp(found[0].at)}" if found else "it holds no entry"
        remedy = f"zcat {older[0]}" if older else "there is no older log"
        reader.blind(f"packages before the beginning of {LOG}", reason, remedy)
    for line in found:
        in_window = line.at + line.doubt >= window.since and line.at - line.doubt <= window.until
        if line.words[2] in CHANGING and in_window:
            yield line


def _reaches(found: list[Line], window: Window) -> bool:
    """Whether the lines go back to the beginning of the window."""
    return bool(found) and found[0].at <= window.since


def _read(reader: Reader, file: FileStat, zone: Zone, window: Window) -> tuple[list[Line], bool]:
    """Lines of a log, as far back as the window asks for, and whether that is all of it. Damage in it is counted."""
    lines: list[Line] = []
    start = damaged = 0
    for tail in TAILS:
        start = max(0, file.size - tail)
        seen = reader.look(ReadFile(path=file.path, start=start, length=tail))
        lines, damaged = [], 0
        for text in seen.value.text.splitlines()[1 if start else 0 :]:
            if (words := _LINE.fullmatch(text)) and _sound(words):
                lines.append(Line(words, *zone.moment(words[1]), seen.evidence))
                damaged = 0 if lines[-1].at < window.since else damaged  # damage before the window hides nothing
            else:
                damaged += bool(text.strip())
        if not start or _reaches(lines, window):
            break
    if damaged:
        reader.blind(f"{amount(damaged, 'line')} of {file.path}", "damaged: not lines as dpkg writes them", f"less {file.path}")
    return lines, not start


def _sound(words: re.Match[str]) -> bool:
    try:
        datetime.fromisoformat(words[1])
    except ValueError:
        return False
    return words[2] in WORDS and (words[2] not in CHANGING or words[5] is not None)


def _apt_commands(reader: Reader, zone: Zone) -> list[tuple[datetime, datetime, str, str]]:
    """(start, end, command line, evidence) of apt's runs; without the history only the commands are not known."""
    runs: list[tuple[datetime, datetime, str, str]] = []
    with reader.part("command lines of apt"):
        if not _exists(reader, HISTORY):
            reader.empty("apt keeps no history here: command lines are not known")
            return runs
        seen = reader.file(HISTORY, start=-1_048_576, length=1_048_576)
        for block in seen.value.text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            try:
                start = zone.moment(" ".join(fields["Start-Date"].split()))[0]
                end = zone.moment(" ".join(fields.get("End-Date", fields["Start-Date"]).split()))[0]
                runs.append((start - RESOLUTION, end + RESOLUTION, fields["Commandline"], seen.evidence))
            except (KeyError, ValueError):  # a run without command line, or the half block at the beginning
                continue
    return runs


def _older(new: str, old: str) -> bool:
    """Whether the version went down, by its numbers: enough to name a downgrade, unclear cases are upgrades."""
    numbers = [tuple(int(part) for part in re.findall(r"\d{1,9}", version.split("-")[0])) for version in (new, old)]
    return numbers[0] < numbers[1]
