"""What Prometheus and Alertmanager say, as far as more than one question reads it."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from mcp_server.core.calls import Http
from mcp_server.core.clock import parse_moment
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader

T = TypeVar("T")
_BODY = 1_048_576

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


def asked(reader: Reader, url: str, form: Callable[[Any], T]) -> tuple[T, str]:
    """What `form` makes of the decoded answer to a GET, and its evidence. Raises CouldNotLook, also where it has another form.

    `form` takes what it needs out of the data, and may raise whatever comes of reaching into data of another shape.
    """
    seen = reader.look(Http(url=url, body_limit=_BODY, timeout_s=5))
    where = url.partition("?")[0]
    if seen.value.status != 200:
        remedy = "ask it by hand; an access rule or a proxy may stand before it"
        raise CouldNotLook(where, "failed", f"it answers {seen.value.status}", remedy)
    if seen.value.cut:
        raise CouldNotLook(where, "cut", f"too long an answer: {seen.value.cut}", "ask for less, or ask it by hand")
    try:
        return form(json.loads(seen.value.body)), seen.evidence
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError):
        detail = "its answer is not what Prometheus and Alertmanager say"
        raise CouldNotLook(where, "damaged", detail, "is this the right address?") from None
