"""Log sources, opened and understood: every file of a rotated set and every journal as one leaf with a clock of its own.

This floor joins `targets`, which open logs, with `logs/`, which understands them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from zoneinfo import ZoneInfo

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.log_calls import LogDoubt, LogPart, LogQuestion
from mcp_server.core.output import Outputs, is_output
from mcp_server.core.reader import Limits
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.core.source import ByteSource, in_memory
from mcp_server.core.text import one_line
from mcp_server.engine.log_encodings import encoding_of, narrowed
from mcp_server.logs.blocks import without_holes
from mcp_server.logs.encoding import SAMPLE, UTF_8, Encoding
from mcp_server.logs.stamps import StampReader
from mcp_server.logs.time import parse, twice_ms
from mcp_server.logs.window import SLACK, At
from mcp_server.logs.zones import shown_twice
from mcp_server.targets import journal
from mcp_server.targets.inflate import Inflated
from mcp_server.targets.log_sources import Member, host_zone, members, open_member, unlisted
from mcp_server.targets.standard_input import NAME as PIPED
from mcp_server.targets.standard_input import StandardInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATE = 3_600.0
"""Seconds by which the last record of a file may be stamped later than the file was written."""


def nanoseconds(moment: datetime | None) -> int | None:
    """Since 1970, exactly to the microsecond."""
    if moment is None:
        return None
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1_000


def moment_of(at: int | None) -> datetime | None:
    """The moment as answers give it: milliseconds."""
    if at is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=at // 1_000_000)
    except OverflowError:
        return None


@dataclass
class Leaf:
    """One file or journal of a question. `at` reads the time of a line; `read` and the stamps are kept up while reading."""

    name: str
    source: ByteSource
    at: At
    stamps: StampReader | None
    zone: str
    modified: datetime | None = None
    read: int = 0
    records: int | None = None
    first: int | None = None
    last: int | None = None
    raw: Inflated | None = None
    path: str = ""
    local: tzinfo | None = None
    """The zone of times that name none."""
    encoding: Encoding = UTF_8

    def saw(self, at: int | None) -> None:
        """Note the time of something that was read."""
        if at is not None:
            self.first = at if self.first is None or at < self.first else self.first
            self.last = at if self.last is None or at > self.last else self.last

    @cached_property
    def timeless(self) -> bool:
        """Whether no line of its head, and none of its end, carries a time."""
        if self.stamps is None or begins(self) is not None:
            return False
        size = self.source.size or 0
        end = without_holes(self.source.read_at(size - SAMPLE, SAMPLE)) if size > SAMPLE else b""
        return all(self.at(line) is None for line in lines_of(end))

    def unsure(self, moment: datetime) -> bool:
        """Whether a stamp without a zone could stand for this moment and, an hour apart, for another one."""
        if self.local is None or self.stamps is None or self.stamps.report().zone not in ("host", "source"):
            return False
        return bool(shown_twice(moment.astimezone(self.local), self.local))

    def doubt_ms(self, at: int | None, text: str) -> int:
        """How far off the time of a record may be because the clock of this log showed it twice."""
        moment = moment_of(at)
        if moment is None or not self.unsure(moment):
            return 0
        return twice_ms(parse(text.partition("\n")[0], moment), self.local, moment)

    def part(self) -> LogPart:
        """What is said of it in the answer."""
        rule = self.stamps.report().zone if self.stamps else "none"
        return LogPart(
            name=one_line(self.name, 300), size=self.source.size, modified=self.modified, read=self.read, records=self.records,
            first=moment_of(self.first), last=moment_of(self.last), zone=self.zone if rule in ("host", "source") else "",
            text=self.encoding.said,
        )  # fmt: skip


@dataclass
class Leaves:
    """Everything that a question opened, oldest file of each set first. Close it."""

    leaves: list[Leaf] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    doubts: list[LogDoubt] = field(default_factory=list)

    def __enter__(self) -> "Leaves":
        return self

    def __exit__(self, *exc: object) -> None:
        for leaf in self.leaves:
            leaf.source.close()

    def doubt(self, failure: CouldNotLook) -> None:
        """Keep what was not seen."""
        self.doubts.append(
            LogDoubt(what=failure.what, reason=failure.reason, detail=failure.detail or failure.reason, remedy=failure.remedy)
        )

    def cut(self, what: str, detail: str, remedy: str = "") -> None:
        """Keep what was seen in part."""
        self.doubts.append(LogDoubt(what=one_line(what, 200), reason="cut", detail=detail, remedy=remedy))

    def settle(self) -> None:
        """After reading: what turned out to end early or to be damaged is said, once."""
        for leaf in self.leaves:
            stopped = getattr(leaf.raw or leaf.source, "stopped", None)
            if stopped:
                damaged = bool(getattr(leaf.raw, "damaged", False))
                remedy = "what came before was read" if damaged else "narrow since and until"
                self.doubts.append(
                    LogDoubt(
                        what=one_line(leaf.name, 200), reason="damaged" if damaged else "cut", detail=stopped, remedy=remedy
                    )
                )


class Opener:
    """Opens the sources of one question. Raises CouldNotLook only where none of them could be opened."""

    def __init__(
        self, question: LogQuestion, limits: Limits, policy: ReadSettings, settings: LogSettings,
        left: Callable[[], float] | None = None, standard_input: StandardInput | None = None,
        outputs: Outputs | None = None, here: bool = True,
    ) -> None:  # fmt: skip
        self._input, self._outputs, self._here = standard_input, outputs, here
        self._question, self._limits, self._policy, self._settings = question, limits, policy, settings
        self.left = left or limits.until()
        self._since, self._until = nanoseconds(question.since), nanoseconds(question.until)
        self._host: tuple[tzinfo | None, str] | None = None

    def again(self, question: LogQuestion, share: float = 1.0) -> "Opener":
        """The same opener for another window, with this share of the time that is left."""
        end = time.monotonic() + share * self.left()
        return Opener(
            question,
            self._limits,
            self._policy,
            self._settings,
            lambda: max(0.0, end - time.monotonic()),
            self._input,
            self._outputs,
            self._here,
        )

    def rotated(self, leaf: Leaf) -> bool:
        """Whether older files of the leaf's set are there."""
        return bool(leaf.path) and self._question.rotated and len(members(leaf.path, self._policy)) > 1

    def open(self, *, predecessors: bool, **journals: object) -> Leaves:
        """All leaves that can hold something of the window. `predecessors` opens rotated files too."""
        opened, failures = Leaves(), []
        try:
            for name in self._question.sources:
                try:
                    if is_output(name):
                        opened.leaves.append(self._output(name, opened, journals))
                    elif not self._here:
                        remedy = "here: container, container:NAME, previous or previous:NAME; files and journals: at local"
                        raise CouldNotLook(one_line(name, 120), "refused", "files and journals belong to a host", remedy)
                    elif journal.is_journal(name):
                        opened.leaves.append(self._journal(name, opened, journals))
                    elif name == PIPED:
                        opened.leaves.append(self._piped(opened))
                    else:
                        self._set(name, opened, predecessors and self._question.rotated)
                except CouldNotLook as failure:
                    failures.append(failure)
                except BadInput as error:
                    failures.append(CouldNotLook(one_line(name, 120), "refused", error.message))
            if failures and not opened.leaves and not opened.outside:
                raise failures[0]
            for unseen in failures:
                opened.doubt(unseen)
        except BaseException:
            opened.__exit__()
            raise
        return opened

    def _journal(self, name: str, opened: Leaves, options: dict[str, object]) -> Leaf:
        level = self._question.level
        priority = {"critical": "crit", "error": "err", "warning": "warning", "info": "info"}.get(level or "")
        source = journal.read(
            name, Limits(self.left(), self._limits.max_bytes, self._limits.cancel), self._policy, since=self._since,
            until=self._until, priority=priority, **options,  # type: ignore[arg-type]  # count and cursor, from `tail`
        )  # fmt: skip
        for failure in source.doubts:
            opened.doubt(failure)
        stamps = StampReader()
        return Leaf(name, source, clock_of(stamps), None, "")

    def _output(self, name: str, opened: Leaves, options: dict[str, object]) -> Leaf:
        from mcp_server.engine.output_leaves import read_output

        source = read_output(
            name, self._outputs, Limits(self.left(), self._limits.max_bytes, self._limits.cancel), since=self._since,
            until=self._until, **options,  # type: ignore[arg-type]  # count and cursor, from `tail`
        )  # fmt: skip
        for failure in source.doubts:
            opened.doubt(failure)
        return Leaf(name, source, clock_of(StampReader()), None, "")

    def _piped(self, opened: Leaves) -> Leaf:
        if self._input is None:
            raise CouldNotLook(PIPED, "refused", "no standard input: only a script has one", "name a file or journal")
        data = self._input.read(Limits(self.left(), self._limits.max_bytes, self._limits.cancel))
        if self._input.cut:
            opened.cut(PIPED, self._input.cut, "pipe in less of it, or name the file")
        return self._understood(in_memory(PIPED, data), PIPED, datetime.now(UTC))

    def _set(self, path: str, opened: Leaves, rotated: bool) -> None:
        found = members(path, self._policy, rotated=rotated)
        if rotated and (hidden := unlisted(path)):
            opened.doubt(CouldNotLook(f"rotated files of {one_line(path)}", hidden.reason, hidden.detail, hidden.remedy))
        some = False
        for member in found:
            self._limits.check()
            if self._since is not None and (member.seconds + _LATE) * 1_000_000_000 < self._since and member.path != path:
                opened.outside.append(member.path)
                continue
            try:
                leaf = self._leaf(member)
            except CouldNotLook as failure:
                if failure.reason == "missing" and member.path != path and "zstandard" not in failure.remedy:
                    continue  # rotated away while we looked: it is there under another name
                if len(found) == 1:
                    raise
                opened.doubt(failure)
                continue
            if self._until is not None and (first := begins(leaf)) is not None and first > self._until + SLACK:
                leaf.source.close()
                opened.outside.append(member.path)
                continue
            some = True
            opened.leaves.append(leaf)
        if not some and not opened.outside and opened.doubts:
            raise CouldNotLook(
                opened.doubts[-1].what, opened.doubts[-1].reason, opened.doubts[-1].detail, opened.doubts[-1].remedy
            )

    def _leaf(self, member: Member) -> Leaf:
        source = open_member(member.path, self._policy, self._limits, self.left)
        try:
            leaf = self._understood(source, member.path, member.modified)
        except BaseException:
            source.close()
            raise
        leaf.raw, leaf.path, leaf.modified = source if isinstance(source, Inflated) else None, member.path, member.modified
        return leaf

    def _understood(self, source: ByteSource, path: str, reference: datetime) -> Leaf:
        head = source.read_at(0, SAMPLE)
        plain: ByteSource = source
        encoding = encoding_of(path, source, head)
        if encoding.unit > 1:
            plain, head = narrowed(source, encoding)
        zone, name = self._zone(path)
        stamps = StampReader(zone=zone, host_zone=self._host_zone()[0] or UTC, reference=reference)
        stamps.learn(line for line in head.split(b"\n")[:400] if line)
        leaf = Leaf(source.name, plain, clock_of(stamps), stamps, name or self._host_zone()[1])
        leaf.local, leaf.encoding = zone or self._host_zone()[0], encoding
        return leaf

    def _zone(self, path: str) -> tuple[tzinfo | None, str]:
        name = self._question.zone or self._settings.zone_of(path)
        return (ZoneInfo(name), name) if name else (None, "")

    def _host_zone(self) -> tuple[tzinfo | None, str]:
        self._host = self._host or host_zone()
        return self._host


def clock_of(stamps: StampReader) -> At:
    """The time of a line in nanoseconds."""

    def at(line: bytes) -> int | None:
        return nanoseconds(stamps.at(line))

    return at


def begins(leaf: Leaf) -> int | None:
    """The first time that stands in a leaf's head; None for a log without times."""
    head = leaf.source.read_at(0, SAMPLE)
    return next((at for at in map(leaf.at, lines_of(head)) if at is not None), None)


def lines_of(data: bytes) -> Iterator[bytes]:
    """The lines of some bytes, without their ends."""
    return iter(data.split(b"\n"))
