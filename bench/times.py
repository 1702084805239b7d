"""Adapters for a scorer of times: a line → its moment, a file → (line number, moment). Opening files belongs here.

score.py timestamps bench.times:moment
score.py log-files bench.times:read
"""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mcp_server.logs.encoding import detect
from mcp_server.logs.stamps import StampReader
from mcp_server.logs.time import find_stamp, parse

_OPEN = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def moment(line: str) -> datetime | None:
    """As the product reads it; aware if the line names a zone."""
    return find_stamp(line)


def moment_since_boot_too(line: str) -> datetime | None:
    """The same, where labels count a time since boot from 1970; the product itself gives no instant for those."""
    if found := find_stamp(line):
        return found
    stamp = parse(line)
    return datetime(1970, 1, 1) + stamp.elapsed if stamp and stamp.elapsed and stamp.kind == "boot" else None


def read(path: str) -> Iterator[tuple[int, datetime]]:
    """Line numbers from 0 and UTC instants; stamps that name no zone are taken to be in UTC."""
    with _OPEN.get(Path(path).suffix, open)(path, "rb") as file:
        data = file.read()
    encoding = detect(data)
    if encoding.name is None:
        return
    lines = encoding.decode(data[encoding.mark :]).split("\n")
    reader = StampReader(reference=datetime.fromtimestamp(Path(path).stat().st_mtime, UTC))
    reader.learn(lines[:300])
    for number, line in enumerate(lines):
        if found := reader.at(line):
            yield number, found
