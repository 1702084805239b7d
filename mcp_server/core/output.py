"""What containers wrote, as their runtime kept it: the log engine makes records of it.

Names of it as a log source: `container` (all containers of the place, on one clock), `container:NAME` (one of them),
`previous` and `previous:NAME` (the run before the last restart, where the runtime keeps it).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits

_SOURCE = re.compile(r"(container|previous)(?::([^\x00]+))?")


@dataclass(frozen=True)
class OutputAsked:
    """Which output of which container, in which window (both ends included). `newest` lines suffice where it is given."""

    run: Literal["container", "previous"] = "container"
    name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    newest: int | None = None
    most_bytes: int = 33_554_432
    """Of all containers together; of more, the newest lines are kept."""


@dataclass
class Output:
    """The output of one container, oldest first.

    Each line begins with the runtime's own stamp (RFC 3339, up to nanoseconds), a blank, then the bytes that were written.
    `stopped` says why lines of the window are missing; `limited` that older lines than `newest` were not asked for.
    """

    name: str
    lines: list[bytes]
    stopped: str | None = None
    limited: bool = False
    doubts: list[CouldNotLook] = field(default_factory=list)


Outputs = Callable[[OutputAsked, Limits], Sequence[Output]]
"""How a place gives the output of its containers. Raises CouldNotLook where there is none to be had at all."""


def is_output(source: str) -> bool:
    """Whether a log source is the output of containers."""
    return source.startswith(("container", "previous")) and _SOURCE.fullmatch(source) is not None


def output_asked(source: str) -> OutputAsked:
    """`container:web` as a question without a window."""
    found = _SOURCE.fullmatch(source)
    assert found
    return OutputAsked("previous" if found[1] == "previous" else "container", found[2])
