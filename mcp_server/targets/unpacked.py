"""Stretches of packed files. What comes out is bounded, in bytes and in time, before anybody asks for its end."""

from typing import Any

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.package_calls import ReadUnpacked, UnpackedText
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import bytes_text
from mcp_server.targets.files import decode_stretch
from mcp_server.targets.inflate import Inflated
from mcp_server.targets.log_sources import open_member
from mcp_server.targets.opening import failed, moment, shown

MOST = 67_108_864
"""Bytes unpacked in search of the end."""
_STEP = 1_048_576


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadUnpacked (UnpackedText). Raises CouldNotLook, Cancelled."""
    limits.check()
    if not isinstance(call, ReadUnpacked):
        raise CouldNotLook(call.title(), "missing", "packed files answer no such call")
    source = open_member(call.path, policy, limits, limits.until())
    try:
        if not isinstance(source, Inflated):
            raise failed(call.path, "damaged", "its first bytes are those of no packed file", f"file {shown(call.path)}")
        return _stretch(call, source, limits)
    finally:
        source.close()


def _stretch(call: ReadUnpacked, source: Inflated, limits: Limits) -> UnpackedText:
    size = 0
    while size < MOST and (data := source.read_at(size, _STEP)):
        size += len(data)
    stopped = source.stopped
    if size >= MOST and source.read_at(size, 1):
        stopped = f"it unfolds into more than {bytes_text(MOST)}; the rest was not unpacked"
    start = max(0, size + call.start) if call.start < 0 else min(call.start, size)
    data = source.read_at(start, min(call.length, limits.max_bytes, size - start)) if start < size else b""
    start, data, text = decode_stretch(data, start, b"", more=start + len(data) < size, tail=call.start < 0)
    return UnpackedText(
        path=source.name, text=text, start=start, end=start + len(data), size=size,
        modified=moment(source.modified), binary="\0" in text, stopped=stopped,
    )  # fmt: skip
