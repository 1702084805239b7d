"""Questions about logs, answered where the bytes are: only the answer travels; see `core/log_calls.py`.

Every text is redacted whole, by the caller's redactor, before it is cut to fit: half a secret is not recognised as one.
"""

from importlib import import_module
from typing import Any

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.log_calls import LogShapes, LogSummary, MergeLogs, SearchLog, TailLog
from mcp_server.core.output import Outputs
from mcp_server.core.reader import Limits
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.engine.log_leaves import Opener
from mcp_server.logs.pages import Redact
from mcp_server.targets.standard_input import StandardInput

_ANSWERS: tuple[tuple[type, str, str], ...] = (
    (TailLog, "scan_tail", "tail"),
    (SearchLog, "scan_search", "search_logs"),
    (MergeLogs, "scan_merge", "merge_logs"),
    (LogShapes, "scan_shapes", "shapes"),
    (LogSummary, "scan_summary", "summary"),
)
"""Who answers which call, loaded when it is asked."""


def look(
    call: Any, limits: Limits, policy: ReadSettings, settings: LogSettings, redact: Redact,
    standard_input: StandardInput | None = None, outputs: Outputs | None = None, here: bool = True,
) -> Any:  # fmt: skip
    """Answer any call of `core/log_calls.py`. Raises CouldNotLook (also where no source can be opened), Cancelled.

    `outputs` gives the output of containers; where the logs are not `here`, on this host, nothing else is read.
    """
    limits.check()
    try:
        opener = Opener(call, limits, policy, settings, standard_input=standard_input, outputs=outputs, here=here)
        for kind, name, answer in _ANSWERS:
            if isinstance(call, kind):
                return getattr(import_module(f"mcp_server.engine.{name}"), answer)(call, opener, limits, redact)
    except BadInput as error:  # a pattern that no engine can use: the parameters were checked, so it comes from elsewhere
        raise CouldNotLook(call.title(), "refused", error.message, error.remedy) from None
    raise CouldNotLook(call.title(), "missing", "logs answer no such call")
