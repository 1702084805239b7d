"""dnf's log of what rpm did (`2026-11-20T10:00:02+0000 SUBDEBUG Upgrade: openssl-1:3.2.2-6.el9.x86_64`), and rpm's own list."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mcp_server.core.clock import to_utc
from mcp_server.logs.package_log import RESOLUTION, Action, Row, Zone

_LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:?\d\d)?) ([A-Z]+) (.*)")
_DONE = re.compile(r"([A-Z][a-z]+): (\S+)")
_BEGUN: dict[str, Action] = {"Upgrade": "upgrade", "Downgrade": "downgrade", "Reinstall": "reinstall"}
_ENDED = {"Upgraded": "upgrade", "Downgraded": "downgrade", "Reinstalled": "reinstall"}
_ALONE: dict[str, Action] = {"Installed": "install", "Erase": "remove", "Removed": "remove", "Obsoleted": "remove"}
_TORN = re.compile("[\0\ufffd]")
_LISTED = re.compile(r"(\S+)\s+([A-Z][a-z]{2} .*\d{4}.*)")
_DATES = ("%a %b %d %H:%M:%S %Y", "%a %d %b %Y %I:%M:%S %p UTC")


def rows(lines: Sequence[str], zone: Zone) -> Iterator[Row | None]:
    """See `package_log.Rows`. dnf tells the new package (`Upgrade`) and the old one (`Upgraded`): one row for both."""
    found: list[Row | None] = []
    waiting: dict[tuple[str, str], int] = {}
    for number, text in enumerate(lines):
        match = _LINE.fullmatch(text)
        if match is None:
            if _TORN.search(text):  # other lines without a stamp are what scripts of packages printed
                found.append(None)
            continue
        try:
            at, doubt = zone.moment(match[1])
        except ValueError:
            found.append(None)
            continue
        done = _DONE.fullmatch(match[3])
        if match[2] == "SUBDEBUG" and done is None:
            found.append(None)
            continue
        word, nevra = (done[1], done[2]) if done else ("", "")
        name, version = split(nevra)
        if word in _ENDED and (place := waiting.pop((_ENDED[word], name), None)) is not None:
            begun = found[place]
            assert begun is not None
            found[place] = Row(begun.line, begun.at, begun.doubt, begun.stamp, begun.action, begun.package, version, begun.new)
        elif word in _BEGUN:
            waiting[_BEGUN[word], name] = len(found)
            found.append(Row(number, at, doubt, match[1], _BEGUN[word], name, None, version))
        elif word in _ALONE:
            old, new = (None, version) if _ALONE[word] == "install" else (version, None)
            found.append(Row(number, at, doubt, match[1], _ALONE[word], name, old, new))
        else:
            found.append(Row(number, at, doubt, match[1]))
    yield from found


def split(nevra: str) -> tuple[str, str]:
    """`openssl-libs-1:3.0.7-6.el9.x86_64` as name and version: (`openssl-libs`, `1:3.0.7-6.el9`)."""
    whole = nevra.rpartition(".")[0] or nevra
    parts = whole.rsplit("-", 2)
    return (parts[0], "-".join(parts[1:])) if len(parts) == 3 else (whole, "")


def installed(lines: Sequence[str]) -> Iterator[Row | None]:
    """Rows of `rpm -qa --last`, asked with TZ=UTC: what is installed, by the time of its installation."""
    for number, text in enumerate(lines):
        match = _LISTED.fullmatch(text.strip())
        at = _date(match[2]) if match else None
        if match is None or at is None:
            yield None
            continue
        name, version = split(match[1])
        yield Row(number, at, RESOLUTION, match[2], "install", name, None, version)


def _date(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return to_utc(datetime.strptime(" ".join(text.split()), form).replace(tzinfo=UTC))
        except ValueError:
            continue
    return None
