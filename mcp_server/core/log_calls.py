"""Ways to look into logs: the question travels to the bytes, only its answer comes back, is redacted and kept.

A source is the path of a log file (its rotated predecessors belong to it) or a journal: `journal`, `journal:UNIT`,
`journal:kernel`, `journal:/FOLDER`, `journal:/FILE.journal`, `journal:/FOLDER:UNIT`; `journal@-1:UNIT` is one boot of it. At
a docker or kubernetes place: the output of containers (`core/output.py`).
"""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment
from mcp_server.core.errors import Reason
from mcp_server.core.noun import Noun

LogLevel = Literal["critical", "error", "warning", "info", "debug"]
Degree = Literal["full", "rules", "basic"]
"""How far an analysis went: everything; fixed rules only; counts of words and levels only."""

# --- what every answer says of its sources --------------------------------------------------------------------------


class LogDoubt(Noun):
    """Something of a source that was not seen, or only in part, as a failed look says it."""

    what: str
    reason: Reason
    detail: str
    remedy: str = ""


class LogPart(Noun):
    """One file or journal as far as it was read. `first` and `last` are the stamps of what was read in the window."""

    name: str
    size: int | None = Field(None, description="bytes; None for a stream such as a packed file")
    modified: Moment | None = None
    read: int = Field(0, description="bytes of it that were looked through")
    records: int | None = None
    first: Moment | None = None
    last: Moment | None = None
    text: str = Field("", description="what its bytes are, where they are not plain UTF-8")
    zone: str = Field("", description="zone assumed for its times, empty where every time names its own")


class LogSeen(Noun):
    """What an answer rests on. `doubts` are blind spots; those with the reason `cut` were seen in part."""

    parts: tuple[LogPart, ...] = ()
    outside: tuple[str, ...] = Field((), description="members of rotated sets that cannot hold anything of the window")
    doubts: tuple[LogDoubt, ...] = ()
    since: Moment | None = None
    until: Moment | None = None


class LogRecord(Noun):
    """One record. `source` counts in `seen.parts`. `context` marks a neighbour that was not itself asked for."""

    source: int = 0
    text: str
    at: Moment | None = None
    level: LogLevel | None = None
    size: int = Field(0, description="bytes of the whole record; more than the text where that is cut")
    cut: bool = False
    doubt_ms: int = Field(0, description="how far off `at` may be because its clock showed that time twice")
    late: bool = Field(False, description="its stamp is earlier than one before it in its own source")
    context: bool = False


class LogPage(Noun):
    """Records, oldest first, within the characters asked for. `cursor` goes on; None when nothing is left."""

    seen: LogSeen
    records: tuple[LogRecord, ...] = ()
    cursor: str | None = None
    rotated: str | None = Field(None, description="why the cursor that was given leads nowhere")


class LogHits(LogPage):
    """What a search found. Counts are of matching lines in all that was read, per pattern in their order."""

    count: int = 0
    counts: tuple[int, ...] = ()
    first: Moment | None = None
    last: Moment | None = None


# --- questions ------------------------------------------------------------------------------------------------------


class LogQuestion(Noun):
    """What all questions share. `zone` is that of stamps that name none, else that of the settings, else the host's."""

    sources: tuple[str, ...] = Field(min_length=1, max_length=20)
    since: Moment | None = None
    until: Moment | None = None
    rotated: bool = True
    zone: str | None = None
    level: LogLevel | None = Field(None, description="this level and weightier ones only")
    fields: dict[str, str] = Field({}, description="values that JSON or logfmt fields must have")

    def named(self) -> str:
        """The sources, for a title."""
        more = f" and {len(self.sources) - 3} more" if len(self.sources) > 3 else ""
        return ", ".join(self.sources[:3]) + more


class TailLog(LogQuestion, Call[LogPage]):
    """The last `count` records of one source that fit, ending before the cursor where one is given."""

    kind: Literal["log_tail"] = "log_tail"
    count: int = Field(50, ge=1, le=10_000)
    match: str | None = None
    ignore_case: bool = False
    cursor: str | None = None
    chars: int = Field(6_000, ge=200, le=60_000)

    def title(self) -> str:
        return f"end of {self.named()}"


class SearchLog(LogQuestion, Call[LogHits]):
    """Lines that match any of the patterns, oldest first, merged by time over all sources."""

    kind: Literal["log_search"] = "log_search"
    patterns: tuple[str, ...] = Field(min_length=1, max_length=50)
    regex: bool = False
    ignore_case: bool = False
    context: int = Field(0, ge=0, le=20)
    limit: int = Field(100, ge=1, le=10_000)
    cursor: str | None = None
    chars: int = Field(6_000, ge=200, le=60_000)

    def title(self) -> str:
        return f"search of {self.named()}"


class MergeLogs(LogQuestion, Call[LogPage]):
    """Records of all sources on one clock, oldest first."""

    kind: Literal["log_merge"] = "log_merge"
    limit: int = Field(200, ge=1, le=10_000)
    cursor: str | None = None
    chars: int = Field(6_000, ge=200, le=60_000)

    def title(self) -> str:
        return f"records of {self.named()}"


# --- many lines, few shapes -----------------------------------------------------------------------------------------


class LogShape(Noun):
    """Records of one shape, as one example. Counts are of the window and of the baseline."""

    example: str
    level: LogLevel | None = None
    count: int
    baseline: int = 0
    first: Moment | None = None
    last: Moment | None = None
    known: str | None = Field(None, description="the known trouble that it is")
    sign: Literal["trouble", "rare", "usual"] | None = None
    kind: Literal["new", "spiking", "rare", "fading", "vanished"] | None = None
    ratio: float | None = Field(None, description="rate in the window over rate in the baseline")


class ShapesSeen(Noun):
    """Shapes of the window, and what they were compared with."""

    seen: LogSeen
    records: int = 0
    shapes: tuple[LogShape, ...] = ()
    distinct: int = 0
    beyond: int = Field(0, description="records whose shapes came after the limit of shapes")
    baseline: LogSeen | None = None
    baseline_records: int = 0
    degree: Degree = "full"
    why: str = ""


class LogShapes(LogQuestion, Call[ShapesSeen]):
    """Shapes of the records in the window; with a baseline, how they differ from it. At most `limit` of them."""

    kind: Literal["log_shapes"] = "log_shapes"
    baseline_since: Moment | None = None
    baseline_until: Moment | None = None
    limit: int = Field(60, ge=1, le=500)

    def title(self) -> str:
        return f"shapes in {self.named()}"


class SummarySeen(Noun):
    """An overview of a window: what stands out, the newest cause first."""

    seen: LogSeen
    records: int = 0
    levels: dict[str, int] = {}
    items: tuple[LogShape, ...] = Field((), description="in trouble, rare, usual; of each the most telling first")
    whole: bool = Field(False, description="the items are all records of the window, one by one")
    left_out: tuple[str, ...] = Field((), description="sentences of what was read and is not among the items")
    degree: Degree = "full"
    why: str = ""


class LogSummary(LogQuestion, Call[SummarySeen]):
    """Every distinct error and every rare other record of the window (default: the last hour of the log's own clock)."""

    kind: Literal["log_summary"] = "log_summary"
    own: tuple[tuple[str, str], ...] = Field(
        (),
        exclude=True,
        description="the user's own patterns, name and text of each file; their reading is evidence",
    )
    chars: int = Field(6_000, ge=200, le=60_000)

    def title(self) -> str:
        return f"summary of {self.named()}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {
    TailLog: LogPage, SearchLog: LogHits, MergeLogs: LogPage, LogShapes: ShapesSeen, LogSummary: SummarySeen,
}  # fmt: skip
"""The calls of this module, each with the type of its answer."""
