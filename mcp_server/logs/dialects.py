"""Where the stamp of a line is and what it says, cold: nothing is known of the source. Linear in a bounded head.

Families instead of one expression per program: year first, month by name, numbers only, packed digits, epochs, and a
few shapes of their own (klog, TAI64N, audit, time since boot, time of day). The leftmost family wins; a bare number or
a time without a date yields to a calendar date that follows.
"""

import re

from mcp_server.logs.calendar_stamps import FOREIGN, calendar
from mcp_server.logs.json_stamps import JSON_HEAD, JSON_TAIL, json_stamp
from mcp_server.logs.special_stamps import logfmt, special
from mcp_server.logs.stamp_parts import Raw

__all__ = ["HEAD", "JSON_HEAD", "JSON_TAIL", "Raw", "plain", "scan"]

HEAD = 400
"""Characters of a line in which its stamp lies; JSON members may lie deeper."""
_TIME = re.compile(r"[0-9][:时時][0-9][0-9]")
# what every special shape at the head of a line begins with
_SPECIAL = re.compile(
    r"[IWEFDC][0-9]{4}|@4|(?:# Time: |[ \t]{0,8}(?:<[0-9]{1,3}>|#\+?)?)[\[(<{\"']?[ \t]{0,12}"
    r"(?:\[pid |- |[0-9]{5}|[0-9]{1,7}[ \t]{1,4}[0-9]|[0-9]{1,2}:|[0-9]{4}[-/][0-9]{3}|[0-9]{1,19}[:.][0-9]{3})"
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")


def plain(line: str) -> str:
    """The line in which stamps are looked for: without a byte order mark and without the colours of a terminal."""
    if line[:1] == "\ufeff":
        line = line[1:]
    return _COLOUR.sub("", line[: 4 * HEAD]) + line[4 * HEAD :] if "\x1b" in line[:HEAD] else line


def scan(line: str) -> Raw | None:
    """The stamp of a line (see `plain`), or None. Never raises; the numbers may still be no date."""
    head = line[:HEAD]
    if not head:
        return None
    if "{" in head and (found := json_stamp(line)):
        return found
    dated = calendar(head)
    if dated is not None and dated.start <= 1:
        return dated
    if dated is None and _TIME.search(head):
        dated = calendar(head, FOREIGN)
    shaped = None
    if _SPECIAL.match(head) or "audit(" in head or "UPID:" in head or "<time=" in head:
        shaped = special(head)
    if shaped is None:
        return dated or logfmt(head)
    if dated is None:
        return shaped
    if shaped.kind == "clock" or shaped.dialect == "epoch seconds":
        return dated if dated.start <= shaped.end + 60 or shaped.kind == "clock" else shaped
    if shaped.kind == "boot" and dated.start <= shaped.end + 3:
        return dated
    return shaped if shaped.start <= dated.start else dated
