"""Lines that a container runtime stamped one by one, as the records that the program wrote."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from mcp_server.logs.records import Group

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Carried = tuple[int, bytes, list[bytes]]
"""Nanoseconds since 1970 of a record's first line, its stamp as written, and its lines without their stamps."""


def carried(lines: Iterable[bytes]) -> Iterator[Carried]:
    """Records, in the order of the lines: those of a trace belong together although each has a stamp of its own.

    A line without a stamp, which no runtime writes, belongs to the record before it.
    """
    group: Group | None = None
    held: list[bytes] = []
    key, stamp = 0, b""
    for line in lines:
        match = _STAMP.match(line)
        if match is None:
            held.append(line)
            continue
        message = line[match.end() :].rstrip(b"\r\n")
        text, at = message.decode("utf8", "replace"), nanoseconds(match)
        moment = _EPOCH + timedelta(microseconds=at // 1_000)
        if (
            group is not None
            and (more := group.carries_on(f"{match[0].decode()}{text}", (text, "runtime"), moment)) is not None
        ):
            group.add(text, more)
            held.append(message)
            continue
        if group is not None or held:
            yield key, stamp, held
        group = Group(0, text, (text, "runtime"), stamped=True, moment=moment)
        key, stamp, held = at, match[0].rstrip(), [message]
    if held:
        yield key, stamp, held


def nanoseconds(match: re.Match[bytes]) -> int:
    """Since 1970, of a stamp that was matched."""
    whole = _second(match[1] + (b"+00:00" if match[3] == b"Z" else match[3]))
    return whole * 1_000_000_000 + int((match[2] or b"0").ljust(9, b"0"))


@lru_cache(256)
def _second(text: bytes) -> int:
    try:
        return round((datetime.fromisoformat(text.decode("ascii")) - _EPOCH).total_seconds())
    except (ValueError, OverflowError):  # the right signs, and no date
        return 0
