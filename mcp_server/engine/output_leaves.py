"""The output of containers as one log: records of all of them on the runtime's clock."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.output import Output, OutputAsked, Outputs, output_asked
from mcp_server.core.reader import Limits
from mcp_server.core.source import Entries
from mcp_server.core.text import one_line
from mcp_server.logs.carried import carried

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_output(
    source: str, outputs: Outputs | None, limits: Limits, *, since: int | None = None, until: int | None = None,
    count: int | None = None, cursor: str | None = None,
) -> Entries:  # fmt: skip
    """Entries of a window (nanoseconds, both ends included), or the last `count`, going back from `cursor`.

    Of several containers each record names its own: `STAMP NAME container: message`. Raises CouldNotLook.
    """
    if outputs is None:
        raise CouldNotLook(one_line(source), "refused", "the output of containers is read at docker:// and k8s:// places")
    asked = output_asked(source)
    if cursor and "@" in cursor:
        until = min(int(cursor.rpartition("@")[2]), until if until is not None else 1 << 62)
    asked = replace(asked, since=_moment(since), until=_moment(until, up=True), newest=count)
    return entries(source, outputs(asked, limits), asked, until)


def entries(source: str, found: Sequence[Output], asked: OutputAsked, until: int | None = None) -> Entries:
    """What was found as one source of bytes."""
    texts, cursors, offset = list[bytes](), list[tuple[int, str]](), 0
    for at, tag, text in merge(*(_records(output, len(found) > 1) for output in found), key=lambda item: item[0]):
        if until is not None and at > until:
            continue
        cursors.append((offset, f"{tag}@{at}"))
        texts.append(text)
        offset += len(text)
    stopped = "; ".join(f"{one_line(output.name, 80)}: {output.stopped}" for output in found if output.stopped)
    made = Entries(source, b"".join(texts), cursors, stopped or None)
    made.doubts = [doubt for output in found for doubt in output.doubts]
    made.limited = any(output.limited for output in found)
    return made


def _records(output: Output, several: bool) -> Iterator[tuple[int, str, bytes]]:
    """One container's records, never going back in time: what the runtime kept late stands where it was kept."""
    name = b"%s container: " % output.name.replace(" ", "_").encode()[:64] if several else b""
    reached = 0
    for at, stamp, lines in carried(output.lines):
        reached = max(reached, at)
        yield reached, output.name, b"%s %s%s\n" % (stamp, name, b"\n    ".join(lines))


def _moment(nanoseconds: int | None, *, up: bool = False) -> datetime | None:
    """To the microsecond, the end of a window rounded up."""
    if nanoseconds is None:
        return None
    return _EPOCH + timedelta(microseconds=min(nanoseconds // 1_000 + up, 1 << 52))
