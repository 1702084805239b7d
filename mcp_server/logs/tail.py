"""The end of a log file, through the reader: bounded, decoded, in records, in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from mcp_server.core.calls import FileText, StatFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.core.source import ByteSource
from mcp_server.core.text import amount
from mcp_server.logs.blocks import HOLE, without_holes
from mcp_server.logs.records import Records, split
from mcp_server.logs.window import HEAD, At, Piece

_NUL_RUN = re.compile("\0{4,}")
_FIRST_STRETCH = 131_072


@dataclass(frozen=True)
class Tail:
    """The end of one log: its records, oldest first, and the stretch of bytes they came from."""

    source: FileText
    evidence: str
    found: Records
    zone: tzinfo | None = None
    """That of times which name none, where it is known."""

    @property
    def whole(self) -> bool:
        """Nothing of the file lies before what was read."""
        return self.source.start == 0


def read_tail(
    reader: Reader, path: str, *, budget: int, end: int | None = None, since: datetime | None = None, zone: tzinfo | None = None
) -> Tail:
    """At most `budget` bytes before `end` (default: the end of the file). With `since`, a small stretch is tried first.

    Raises CouldNotLook; `damaged` when the file is no text.
    """
    small = min(budget, _FIRST_STRETCH) if since else budget
    tail = _read(reader, path, small, end, zone)
    stamps = [record.at for record in tail.found.records if record.at]
    if since and small < budget and not tail.whole and not (stamps and min(stamps) < since):
        tail = _read(reader, path, budget, end, zone)
    return tail


def _read(reader: Reader, path: str, length: int, end: int | None, zone: tzinfo | None) -> Tail:
    if end is None:
        seen = reader.file(path, start=-length, length=length)
    else:
        seen = reader.file(path, start=max(0, end - length), length=max(1, min(length, end)))
    source = seen.value
    text = readable(source.text) if source.binary else source.text
    if text is None:
        raise CouldNotLook(path, "damaged", "binary data, no text", "name a text log")
    found = split(text, starts_inside=source.start > 0, zone=zone, reference=reader.now)
    if found.local_times and zone is None:
        zone = host_zone(reader)
        found = split(text, starts_inside=source.start > 0, zone=zone, reference=reader.now)
    return Tail(source, seen.evidence, found, zone)


def readable(text: str) -> str | None:
    """Text with NULs in it (a log truncated under its writer, a crash) without the long runs; None when it is no text."""
    text = _NUL_RUN.sub("", text)
    strange = sum(ch in "\0\ufffd" or (ch < " " and ch not in "\n\r\t\x1b") for ch in text)
    return text if text and strange * 20 <= len(text) else None


def host_zone(reader: Reader) -> tzinfo:
    """The zone of the host looked at, from the link /etc/localtime; without that link it is UTC, as for its programs."""
    try:
        link = reader.look(StatFile(path="/etc/localtime")).value.link or ""
    except CouldNotLook as failure:
        if failure.reason != "missing":
            reader.blind("time zone of the host", f"{failure.reason}: {failure.detail}", "name it with zone=")
        return UTC
    _, _, name = link.partition("zoneinfo/")
    try:
        return zone_named(name) if name else UTC
    except ValueError:
        return UTC


def zone_named(name: str) -> tzinfo:
    """The zone of that IANA name. Raises ValueError with a sentence."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("an IANA zone name such as Europe/Berlin or UTC") from None


def _checked(name: str) -> str:
    zone_named(name)
    return name


Zone = Annotated[
    str, AfterValidator(_checked), Field(max_length=64, description="IANA zone of times that name none; default: the host's")
]
"""A time zone as a parameter."""


# --- the end of any source of bytes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Whole records that lie together, oldest first, from `start` to `end` (offsets). `start` 0: nothing lies before."""

    pieces: tuple[Piece, ...]
    start: int
    end: int
    notes: tuple[str, ...] = ()
    """Sentences for the answer: what changed while it was read."""
    few: str = ""
    """Where fewer records than asked for fit in what was read: a sentence that says so."""


def last_records(
    source: ByteSource, count: int, *, at: At | None = None, end: int | None = None, max_bytes: int = 1_048_576
) -> Page:
    """The last `count` records before `end` (default: the end of the source), from at most `max_bytes`; constant time.

    With `at` a record begins at a line that carries a time; without it, or where no line read carries one, every line is
    a record. The page before this one ends at its `start`. Raises ValueError for a stream: its end is not known.
    """
    if source.size is None:
        raise ValueError(f"{source.name} is a stream; its end is only known when all of it was read")
    end = source.size if end is None else min(end, source.size)
    length = min(_FIRST_READ, max_bytes)
    while True:
        start = max(0, end - length)
        data = without_holes(source.read_at(start, end - start))
        begins = _beginnings(data, at, whole=start == 0, enough=length >= min(_UNSTAMPED, max_bytes))
        if start == 0 or len(begins) >= count or length >= max_bytes:
            break
        length = min(length * 4, max_bytes)
    notes, few = [], ""
    if len(data) < end - start:
        notes.append(f"{source.name} was truncated while it was read: it ended at byte {start + len(data):,}")
    if start and len(begins) < count:
        few = f"only the last {len(data):,} bytes were read, which hold {amount(len(begins), 'whole record')}"
    torn = not begins and bool(data)  # one record, longer than what is read
    chosen = [0] if torn else begins[max(0, len(begins) - count) :] if count else []
    pieces = tuple(
        Piece(start + low, start + high, at(data[low : low + HEAD]) if at else None, data[low:high], torn)
        for low, high in pairwise([*chosen, len(data)])
    )
    first = chosen[0] if chosen else len(data)
    if start == 0 and data.startswith(HOLE) and set(data[:first]) <= set(b"\0\n"):
        first = 0  # nothing but a hole lies before
    return Page(pieces, start + first, start + len(data), tuple(notes), few)


_FIRST_READ = 16_384
_UNSTAMPED = 131_072
"""Bytes without any time after which every line is taken as a record."""


def _beginnings(data: bytes, at: At | None, *, whole: bool, enough: bool) -> list[int]:
    """Where records begin. Unless the stretch is the `whole` source, its first line is the rest of one."""
    lines, place = [], 0 if whole else data.find(b"\n") + 1 or len(data)
    while place < len(data):
        if not data.startswith(HOLE, place):
            lines.append(place)
        place = data.find(b"\n", place) + 1 or len(data)
    if at is None:
        return lines
    stamped = [
        place for place in lines if at(data[place : min(place + HEAD, data.find(b"\n", place) + 1 or len(data))]) is not None
    ]
    if stamped and whole and lines[0] != stamped[0]:
        stamped.insert(0, lines[0])
    return stamped or (lines if whole or enough else [])
