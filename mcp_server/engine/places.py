"""Places: an address to something that answers calls. The place is named per call; there is no current one.

Every kind of place has a door in `targets/`, imported when a place of that kind is first asked for.
"""

import importlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mcp_server.core.address import LOCAL, Address, PlaceKind, parse
from mcp_server.core.calls import Call
from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets.standard_input import StandardInput

A = TypeVar("A")

_ANSWERS = {
    "command": "command", "which": "command", "file": "files", "stat": "files", "folder": "files", "host": "host",
    "filesystems": "host", "processes": "host", "sockets": "host", "http": "http", "connect": "http", "history": "git",
    "certificates": "certificates", "holders": "host", "digests": "digests", "journal": "journal_entries",
    "oci_resource": "oci_cloud", "unpacked": "unpacked", "transactions": "transactions",
    "k8s_diagnosis": "kubernetes_dump", "k8s_contexts": "kubernetes_dump",
    "docker_contexts": "docker_contexts", "postgres": "postgres", "redis": "redis", "resolve": "names",
} | dict.fromkeys(("log_tail", "log_search", "log_merge", "log_shapes", "log_summary"), "scan")  # fmt: skip
"""Which module of `targets/` answers a call of this kind on the local host; imported when first needed.

`scan` is our neighbour: it joins the logs that targets open with `logs/`, which understands them."""


class Place(Protocol):
    """Somewhere that can be looked at. `look` raises CouldNotLook, or Cancelled when the limits say so."""

    @property
    def address(self) -> str:
        """How an answer names it."""
        ...

    @property
    def where(self) -> Address:
        """The place that is looked at; of a recording, the one that it recorded."""
        ...

    def now(self) -> datetime: ...

    def look(self, call: Call[A], limits: Limits) -> A: ...


class Local:
    """This host."""

    address = "local"
    where = LOCAL

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


class Door(Protocol):
    """What a module of `targets/` opens for an address: it answers every call but those about logs, for which it gives the
    output of containers (`core/output.py`). Nothing is connected to before the first look."""

    def look(self, call: Call[A], limits: Limits) -> A: ...

    def outputs(self, asked: OutputAsked, limits: Limits) -> Sequence[Output]: ...


class Elsewhere:
    """A place that is no host: a daemon or a cluster, or a part of it, looked at through its door."""

    def __init__(
        self, where: Address, door: Door, policy: ReadSettings, logs: LogSettings | None, redactor: Redactor | None
    ) -> None:
        self.where, self.address, self._door = where, str(where), door
        self._policy, self._logs, self._redactor = policy, logs or LogSettings(), redactor or Redactor()

    def now(self) -> datetime:
        """This host's clock."""
        return now()

    def look(self, call: Call[A], limits: Limits) -> A:
        """Logs are understood here, everything else is the door's."""
        limits.check()
        if _ANSWERS.get(getattr(call, "kind", "")) != "scan":
            return self._door.look(call, limits)
        from mcp_server.engine import scan

        found: A = scan.look(
            call, limits, self._policy, self._logs, self._redactor.text, outputs=self._door.outputs, here=False
        )
        return found


DOORS: dict[str, str] = {"docker": "docker", "k8s": "kubernetes"}
"""Which module of `targets/` opens a place of this kind; it holds `open_place(address, policy) -> Door`."""


def resolve(
    address: str, policy: ReadSettings, logs: LogSettings | None = None, redactor: Redactor | None = None,
    standard_input: StandardInput | None = None,
) -> Place:  # fmt: skip
    """The place an address names; see `core/address.py`. Raises BadInput for what is no address or names nothing."""
    where = parse(address)
    if where.kind == "local":
        return Local(policy, logs, redactor, standard_input)
    if where.kind == "recorded":
        from mcp_server.targets.recorded import Recorded

        return Recorded(where.parts[0], policy)
    if where.kind not in DOORS:
        raise BadInput(f"`target` is `{one_line(address, 80)}`; this version cannot look at {where.kind} places")
    door: Any = importlib.import_module(f"mcp_server.targets.{DOORS[where.kind]}")
    return Elsewhere(where, door.open_place(where, policy), policy, logs, redactor)


def first_look(place: Place) -> Call[Any] | None:
    """The look that tells whether a place answers at all; None for a host, which is here."""
    if place.where.kind == "docker":
        from mcp_server.core.docker_calls import ReadDaemon

        return ReadDaemon()
    if place.where.kind == "k8s":
        from mcp_server.core.kubernetes_calls import ReadCluster

        return ReadCluster()
    return None


def can_ask(places: tuple[PlaceKind, ...], place: Place) -> bool:
    """Whether a question declared for these kinds of places can be asked at this one."""
    return place.where.kind in places
