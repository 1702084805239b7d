"""One kind of line in a log: how it reads, what it means, where the trouble is mended."""

import re
from dataclasses import dataclass

from mcp_server.cluster.cause import UNREADY, CauseType
from mcp_server.cluster.patterns import Pattern

AND_UP = (*UNREADY, "crash_loop", "init_container_fails", "init_container_waits", "exits_at_once", "probe_fails",
          "probe_unhealthy", "liveness_kills", "pod_evicted")  # fmt: skip
"""What else is seen of a program that says why it gives up."""
APPLICATION = "The program runs and says itself what it lacks."


@dataclass(frozen=True)
class Sign:
    """A kind of line. `field` is where in the container it is mended; `start` is said of programs that do not come up only."""

    kind: CauseType
    pattern: Pattern
    field: str
    start: bool


def sign(kind: CauseType, field: str, *alternatives: str, start: bool = False) -> Sign:
    """The line reads as any of these; named groups (their digits left out) become values."""
    return Sign(kind, Pattern("|".join(alternatives), re.I), field, start)
