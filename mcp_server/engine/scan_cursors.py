"""Where an answer goes on: cursors over the files and journals of one question."""

from typing import Any

from mcp_server.core.errors import BadInput
from mcp_server.core.log_calls import LogQuestion
from mcp_server.engine.log_leaves import Leaf
from mcp_server.logs.cursor import Mark, moved, open_cursor
from mcp_server.logs.pages import CURSOR_KEY


def query_of(call: LogQuestion) -> dict[str, object]:
    """What a page depends on. The window is not part of it: `since=15m` means another moment at every call."""
    left = {"cursor", "chars", "count", "limit", "since", "until"}
    return call.model_dump(mode="json", exclude=left)


FLOOR = "floor"
"""Stands for no file: the offset of its mark is the moment up to which a merge has told everything."""


def places_of(call: Any, leaves: list[Leaf]) -> tuple[list[int] | None, str | None, int | None]:
    """Where the cursor goes on in each leaf (0 in a file that came since), or why it leads nowhere; and the floor.

    Files are told by what they are, not by their names: one that was only renamed is found again.
    """
    if not call.cursor:
        return None, None, None
    try:
        marks = open_cursor(call.cursor, query_of(call), CURSOR_KEY)
    except BadInput as error:
        return None, error.message, None
    floor = next((mark.offset for mark in marks if mark.identity == FLOOR), None)
    marks = tuple(mark for mark in marks if mark.identity != FLOOR)
    offsets = []
    for leaf in leaves:
        mark = next((mark for mark in marks if moved(mark, leaf.source) is None), None)
        offsets.append(mark.offset if mark else 0)
        marks = tuple(other for other in marks if other is not mark)
    if marks:
        named = ", ".join(leaf.name for leaf in leaves[:3])
        return None, f"a file of {named} was rotated away, truncated or replaced since", None
    return offsets, None, floor


def mark_of(leaf: Leaf, offset: int) -> Mark:
    """A place in a leaf, for a cursor."""
    return Mark(max(0, offset), leaf.source.size or 0, leaf.source.identity())
