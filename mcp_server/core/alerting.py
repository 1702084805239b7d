"""What Prometheus and Alertmanager say, as far as more than one question reads it."""

import re
from datetime import datetime
from typing import Any

from mcp_server.core.clock import parse_moment

MEANT = re.compile(r"watchdog|dead.?man|heartbeat|always", re.IGNORECASE)
"""Names of alerts that fire for as long as all is well."""


def moment_of(text: Any) -> datetime | None:
    """A stamp of theirs, which has nanoseconds; None for the year 1, which means never."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    head, _, rest = text.partition(".")
    zone = rest.lstrip("0123456789") or "Z"
    milliseconds = rest[: len(rest) - len(rest.lstrip("0123456789"))][:3]
    try:
        return parse_moment(f"{head}.{milliseconds}{zone}" if milliseconds else text)
    except ValueError:
        return None
