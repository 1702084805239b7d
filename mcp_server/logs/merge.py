"""Several logs on one clock: every line of each, none rewritten, in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_server.core.source import ByteSource
from mcp_server.logs.window import At, Ranges


@dataclass(frozen=True, slots=True)
class Merged:
    """One record of one source. Records of one source keep their order.

    `late` says that its stamp is earlier than one before it in its own source: it stands where the source has it.
    """

    source: int
    start: int
    at: int | None
    data: bytes
    late: bool = False
    cut: bool = False


def merge(
    sources: Sequence[ByteSource],
    ats: Sequence[At],
    *,
    since: int | None = None,
    until: int | None = None,
    ranges: Sequence[Ranges | None] | None = None,
    starts: Sequence[int] | None = None,
) -> Iterator[Merged]:
    """All records of all sources by time; ties go to the source named first. `starts` continues an earlier answer."""
    raise NotImplementedError
