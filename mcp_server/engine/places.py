"""Places: an address to something that answers calls. The place is named per call; there is no current one."""

import importlib
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mcp_server.core.calls import Call
from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets.standard_input import StandardInput

A = TypeVar("A")

_ANSWERS = {
    "command": "command", "which": "command", "file": "files", "stat": "files", "folder": "files", "host": "host",
    "filesystems": "host", "processes": "host", "sockets": "host", "http": "http", "connect": "http", "history": "git",
} | dict.fromkeys(("log_tail", "log_search", "log_merge", "log_shapes", "log_summary"), "scan")  # fmt: skip
"""Which module of `targets/` answers a call of this kind on the local host; imported when first needed.

`scan` is our neighbour: it joins the logs that targets open with `logs/`, which understands them."""


class Place(Protocol):
    """Somewhere that can be looked at. `look` raises CouldNotLook, or Cancelled when the limits say so."""

    address: str

    def now(self) -> datetime: ...

    def look(self, call: Call[A], limits: Limits) -> A: ...


class Local:
    """This host."""

    address = "local"

    def __init__(
        self, policy: ReadSettings, logs: LogSettings | None = None, redactor: Redactor | None = None,
        standard_input: StandardInput | None = None,
    ) -> None:  # fmt: skip
        """`redactor` cleans what must be cut or shaped before it leaves; everything is redacted again by the reader."""
        self._policy, self._logs, self._redactor = policy, logs or LogSettings(), redactor or Redactor()
        self._input = standard_input

    def now(self) -> datetime:
        """This host's clock."""
        return now()

    def look(self, call: Call[A], limits: Limits) -> A:
        """Hand the call to the module that knows how."""
        kind: str = getattr(call, "kind", "")
        if kind not in _ANSWERS:
            raise CouldNotLook(call.title(), "missing", f"the local host does not answer {kind!r} calls")
        if _ANSWERS[kind] == "scan":
            from mcp_server.engine import scan

            found: A = scan.look(call, limits, self._policy, self._logs, self._redactor.text, self._input)
            return found
        module: Any = importlib.import_module(f"mcp_server.targets.{_ANSWERS[kind]}")
        answer: A = module.look(call, limits, self._policy)
        return answer


def resolve(
    address: str, policy: ReadSettings, logs: LogSettings | None = None, redactor: Redactor | None = None,
    standard_input: StandardInput | None = None,
) -> Place:  # fmt: skip
    """The place an address names: `local`, or `recorded:FILE`. Raises BadInput for anything else."""
    if address == "local":
        return Local(policy, logs, redactor, standard_input)
    if address.startswith("recorded:"):
        from mcp_server.targets.recorded import Recorded

        return Recorded(address.removeprefix("recorded:"), policy)
    raise BadInput(f"`target` is `{one_line(address, 80)}`; it should be `local` or `recorded:FILE`")
