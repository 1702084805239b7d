"""What containers wrote to their standard output and error, as the daemon kept it (`GET /containers/ID/logs`)."""

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mcp_server.core.docker_calls import Container
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.text import amount, bytes_text, one_line
from mcp_server.targets.docker_door import DockerDoor

NEWEST = 100_000
"""Lines of one container read where the end of the window is now: the newest of them."""
_READABLE = ("json-file", "local", "journald", "")


def outputs(door: DockerDoor, containers: Sequence[Container], asked: OutputAsked, limits: Limits) -> list[Output]:
    """The output of each container. Raises CouldNotLook where nothing at all could be read."""
    if asked.run == "previous":
        remedy = "docker keeps the output of all runs of a container in one log: ask for `container`, before its start"
        raise CouldNotLook("previous output", "refused", "docker keeps no log of its own for it", remedy)
    left, found, failures = limits.until(), [], list[CouldNotLook]()
    for number, container in enumerate(containers):
        share = Limits(left() / (len(containers) - number), limits.max_bytes, limits.cancel)
        try:
            found.append(_output(door, container, asked, share, asked.most_bytes // len(containers)))
        except CouldNotLook as failure:
            failures.append(failure)
    if failures and not found:
        raise failures[0]
    for unread in failures:
        found[0].doubts.append(unread)
    return found


def _output(door: DockerDoor, container: Container, asked: OutputAsked, limits: Limits, most: int) -> Output:
    what = f"output of container {container.name}"
    if container.log_driver == "none":
        raise CouldNotLook(what, "missing", "its log driver is none: nothing is kept", "recreate it with another log driver")
    # the daemon takes the last lines first and looks at their times then: with an end of the window it must give all
    tail = (asked.newest or NEWEST) if asked.until is None else None
    most_lines = asked.newest or NEWEST
    parameters = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail if tail is not None else "all"}
    parameters |= {"since": _seconds(asked.since)} if asked.since else {}
    parameters |= {"until": _seconds(asked.until)} if asked.until else {}
    kept, size, dropped, older, stopped = deque[bytes](), 0, 0, False, None
    pieces = door.stream(f"/containers/{container.id}/logs", limits, what, 1 << 40, **parameters)
    try:
        for line in _lines(pieces):
            kept.append(line)
            size += len(line)
            if len(kept) > most_lines:
                size -= len(kept.popleft())
                older = True
            while size > most:
                size -= len(kept.popleft())
                dropped += 1
    except CouldNotLook as failure:
        if failure.reason != "timed_out" or not kept:
            if container.log_driver not in _READABLE and failure.reason == "failed":
                remedy = f"read it where its log driver ({one_line(container.log_driver, 40)}) sends it"
                raise CouldNotLook(what, "refused", failure.detail, remedy) from None
            raise
        stopped = "the newest part was not reached in time; narrow the window with since"
    if dropped:
        stopped = f"only the newest {bytes_text(most)} were kept, {amount(dropped, 'older line')} left out"
    limited = older or (tail is not None and len(kept) >= tail)
    if limited and asked.newest is None:
        stopped = stopped or f"only the newest {NEWEST:,} lines were read"
    return Output(container.name, list(kept), stopped, limited)


def _seconds(moment: datetime) -> str:
    return f"{int(moment.timestamp())}.{moment.microsecond:06}000"


_HEAD = struct.Struct(">BxxxL")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines. Without a terminal the streams come in frames of their own (8 bytes of head); with one, plain."""
    held: dict[int, bytes] = {}
    buffer, framed = bytearray(), None
    for piece in pieces:
        buffer += piece
        if framed is None and len(buffer) >= 4:
            framed = buffer[0] in (0, 1, 2) and buffer[1:4] == b"\0\0\0"
        if framed is None:
            continue
        if framed:
            for stream, body in _frames(buffer):
                whole, end, rest = (held.pop(stream, b"") + body).rpartition(b"\n")
                yield from whole.split(b"\n") if end else ()
                if rest:
                    held[stream] = rest
        else:
            whole, end, rest = bytes(buffer).rpartition(b"\n")
            yield from whole.split(b"\n") if end else ()
            buffer[:] = rest
    yield from (rest for rest in (*held.values(), bytes(buffer) if not framed else b"") if rest)


def _frames(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Every complete frame at the head of the buffer, taken from it."""
    at = 0
    while len(buffer) - at >= 8:
        stream, size = _HEAD.unpack_from(buffer, at)
        if len(buffer) - at - 8 < size:
            break
        yield stream, bytes(buffer[at + 8 : at + 8 + size])
        at += 8 + size
    del buffer[:at]
