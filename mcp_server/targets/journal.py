"""journald through `journalctl -o json`: entries of a window as lines of text with exact times, newest kept when cut.

Addresses: `journal` (everything), `journal:UNIT`, `journal:kernel`, `journal:/FOLDER` or `journal:/FILE.journal` for
journals from elsewhere, with `:UNIT` behind them where wanted. `journal@-1…` is one boot: 0 the last, -1 the one before, or
its id.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp_server.core.calls import Command
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.source import Entries
from mcp_server.core.text import amount, bytes_text, one_line
from mcp_server.targets import command

MAX_BYTES = 50_331_648
"""What is read of journalctl's answer; some 100,000 entries."""
_ADDRESS = re.compile(
    r"journal(?:@(?P<boot>0|[+-]?[1-9]\d{0,4}|[0-9a-f]{32}))?(?::(?P<path>/[^:]*))?"
    r"(?::(?P<unit>[A-Za-z0-9@_.\\*?][A-Za-z0-9@_.\\:*?-]{0,254}))?", re.ASCII,
)  # fmt: skip
_FIELDS = "MESSAGE,PRIORITY,_HOSTNAME,SYSLOG_IDENTIFIER,_COMM,_PID,SYSLOG_PID,_SYSTEMD_UNIT"
_NOBODY = "add the account to group systemd-journal (or adm)"
_HIDDEN = re.compile(r"not seeing messages from other users|insufficient permissions|Permission denied", re.I)
_DAMAGED = re.compile(r"(?:truncated|corrupted|Bad message|No data available|Invalid argument|ignoring file)[^\n]*", re.I)


class JournalText(Entries):
    """Entries as text: `<3>2026-11-20T10:31:07.412345Z host name[pid]: message`, further lines indented."""


def is_journal(address: str) -> bool:
    """Whether a source's name means the journal and not a file."""
    return address == "journal" or address.startswith(("journal:", "journal@"))


def parse(address: str) -> tuple[str | None, str | None, str | None]:
    """Path, unit and boot of an address. Raises BadInput."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise BadInput(
            f"`{one_line(address, 80)}` is no journal; use journal, journal:UNIT, journal:kernel, journal:/FOLDER, "
            "journal:/FILE.journal or journal:/FOLDER:UNIT; journal@0, journal@-1 or journal@BOOT_ID for one boot"
        )
    return match["path"], match["unit"], match["boot"]


def read(
    address: str, limits: Limits, policy: ReadSettings, *, since: int | None = None, until: int | None = None,
    priority: str | None = None, count: int | None = None, cursor: str | None = None,
) -> JournalText:  # fmt: skip
    """Entries of a window (nanoseconds, both ends included), or the last `count` of them, going back from `cursor`.

    Raises CouldNotLook: missing (no journalctl, no journal here), denied (with the group that helps), damaged, timed_out.
    """
    argv = _argv(address, since, until, priority, count, cursor)
    bounds = Limits(limits.timeout_s, MAX_BYTES, limits.cancel)
    # with -o json it keeps to itself that journals are missing or may not be read; asked for nothing it says so
    place = tuple(item for item in argv if item == "-m" or item.startswith(("--file=", "--directory=")))
    hints = command.look(Command(argv=("journalctl", "-n", "0", "--no-pager", *place)), bounds, policy)
    done = command.look(Command(argv=argv), bounds, policy)
    doubts = list(doubts_of(address, f"{hints.err}\n{done.err}", done.exit, bool(done.out)))
    if doubts and not done.out:
        raise doubts[0]
    source = _text(address, done.out, done.cut)
    source.doubts = [*doubts, *source.doubts]
    source.limited = count is not None and len(source.cursors) >= count
    return source


def _argv(
    address: str, since: int | None, until: int | None, priority: str | None, count: int | None, cursor: str | None
) -> tuple[str, ...]:
    path, unit, boot = parse(address)
    argv = ["journalctl", "-o", "json", "-a", "-r", "--no-pager", f"--output-fields={_FIELDS}"]
    if path:
        argv += [f"--file={path}" if path.endswith((".journal", ".journal~")) else f"--directory={path}"]
    # journals of several hosts have no common order of boots: journalctl refuses to merge and count them
    argv += [f"--boot={boot}"] if boot else ["-m"] if not path else []
    argv += [f"--since={when(since)}"] if since is not None else []
    argv += [f"--until={when(until)}"] if until is not None else []
    argv += [f"--priority={priority}"] if priority else []
    argv += [f"--cursor={cursor}"] if cursor else []
    argv += ["-n", str(count)] if count else []
    argv += ["_TRANSPORT=kernel"] if unit == "kernel" else [f"--unit={unit}"] if unit else []
    return tuple(argv)


def when(nanoseconds: int) -> str:
    """A moment as journalctl takes it."""
    micro = max(0, nanoseconds // 1_000)
    return f"@{micro // 1_000_000}.{micro % 1_000_000:06}"


def doubts_of(address: str, err: str, code: int, some: bool) -> Iterator[CouldNotLook]:
    """What journalctl's second stream and exit status say of entries that are not shown."""
    what = one_line(address)
    if _HIDDEN.search(err):
        why = "messages of other users and of the system are hidden" if some else "permission denied"
        yield CouldNotLook(what, "denied", why, _NOBODY)
    elif "No journal files were found" in err or "No such file" in err:
        yield CouldNotLook(what, "missing", "there is no journal here", "name log files, or the journal's folder")
    elif match := _DAMAGED.search(err):
        yield CouldNotLook(what, "damaged", f"journalctl says: {one_line(match[0])}", "journalctl --verify names the file")
    elif code != 0:
        yield CouldNotLook(what, "failed", f"journalctl ended with {code}: {one_line(err.strip() or 'nothing said', 200)}")


def _text(address: str, out: str, cut: str | None) -> JournalText:
    lines: list[bytes] = []
    cursors: list[str] = []
    strange = 0
    rows = out.split("\n")
    while rows:  # from the end: newest was printed first
        row = rows.pop()
        if not row:
            continue
        try:
            entry = json.loads(row)
            lines.append(_line(entry))
            cursors.append(str(entry.get("__CURSOR", "")))
        except (ValueError, TypeError, KeyError, AttributeError):
            strange += 1
    places, offset = [], 0
    for line, cursor in zip(lines, cursors, strict=True):
        places.append((offset, cursor))
        offset += len(line)
    stopped = f"only the newest {amount(len(lines), 'entry', 'entries')} ({bytes_text(MAX_BYTES)}) were read" if cut else None
    source = JournalText(address, b"".join(lines), places, stopped)
    if strange:
        source.doubts.append(CouldNotLook(one_line(address), "damaged", f"{amount(strange, 'entry', 'entries')} not readable"))
    return source


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INDENT = re.compile(r"\r?\n|\r")


def _line(entry: dict[str, Any]) -> bytes:
    at = (_EPOCH + timedelta(microseconds=int(entry["__REALTIME_TIMESTAMP"]))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    name = said(entry.get("SYSLOG_IDENTIFIER")) or said(entry.get("_COMM")) or "-"
    pid = said(entry.get("_PID")) or said(entry.get("SYSLOG_PID"))
    priority = said(entry.get("PRIORITY"))
    lead = f"<{priority}>" if priority.isdecimal() and len(priority) == 1 else ""
    head = f"{lead}{at} {_word(said(entry.get('_HOSTNAME')) or '-')} {_word(name)}{f'[{_word(pid)}]' if pid else ''}: "
    message = _INDENT.sub("\n    ", said(entry.get("MESSAGE")).rstrip("\r\n"))
    return f"{head}{message}\n".encode("utf8", "surrogateescape")


def said(value: Any) -> str:
    """A field as text: journald gives bytes that are no UTF-8 as a list of numbers, a field written twice as a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
        return bytes(item & 255 for item in value).decode("utf8", "replace")
    if isinstance(value, list):
        return " ".join(said(item) for item in value)
    return "" if value is None else str(value)


def _word(text: str) -> str:
    return re.sub(r"\s", "_", text)[:64]
