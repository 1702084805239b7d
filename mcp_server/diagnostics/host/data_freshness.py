"""Is data late: how old is the newest file of a feed, a report, an export, a backup?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.calls import ListFolder, StatFile
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

_AHEAD = timedelta(minutes=5)
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """Which data, and how old it may be."""

    paths: tuple[Path, ...] = Field(min_length=1, max_length=20, description="Files or folders, absolute paths")
    pattern: str = Field("*", min_length=1, max_length=200, description="Names in folders that count, such as *.parquet")
    hours: float = Field(24, gt=0, le=24 * 366, description="Age of the newest file at which it is late")
    least_bytes: int = Field(1, ge=0, le=1_000_000_000_000, description="A newest file smaller than this is a finding")


class Newest(Facts):
    """The newest file of one place; None: there is none."""

    place: str
    path: str | None = None
    modified: Moment | None = None
    size: int = 0
    evidence: str


class FreshnessFacts(Facts):
    """One entry per place that could be looked at."""

    now: Moment
    newest: tuple[Newest, ...] = ()


LATE = FindingType(
    code="late",
    text="the newest data of {place} is {hours} h old ({path}); {limit} h are expected at most",
    meaning="What reads it shows the past; the job that writes it did not run, failed, or writes elsewhere.",
    advice="Find the job (cron, timer, scheduler), its last run and its log; then who reads the data.",
)
MISSING = FindingType(
    code="missing",
    text="{place} holds no data",
    severity="critical",
    meaning="The job never ran here, or what it wrote was removed.",
    advice="Compare the place with where the job writes; look what changed there.",
)
EMPTY = FindingType(
    code="empty",
    text="the newest data of {place} has {size}: {path}",
    severity="critical",
    meaning="The job ran and wrote nothing, or was cut off; readers take it for complete.",
    advice="Read the job's log of that moment; look at disk space then.",
)
AHEAD = FindingType(
    code="from_the_future",
    text="the newest data of {place} is dated {dated}, in the future",
    meaning="A clock is wrong: ages and orders cannot be trusted.",
    advice="Ask clock_check here and where it is written.",
)

DIAGNOSTIC = Diagnostic(
    question="How old is the newest file of a feed, report, export or backup?",
    area="host",
    facts=FreshnessFacts,
    tool=False,
    timeout_s=20,
    examples=({"paths": ["/var/backups"], "hours": 26},),
    next=("what_changed", "recent_errors"),
)


def collect(reader: Reader, params: Params) -> FreshnessFacts:
    """The newest matching file of each place; a place that is not there holds no data, one that is closed is a blind spot."""
    found: list[Newest] = []
    for place in params.paths:
        try:
            seen = reader.look(StatFile(path=place))
            if seen.value.type != "folder":
                found.append(
                    Newest(place=place, path=place, modified=seen.value.modified, size=seen.value.size, evidence=seen.evidence)
                )
                continue
            inside = reader.look(ListFolder(path=place, pattern=params.pattern, depth=4))
            for folder in inside.value.unreadable:
                reader.blind(folder, "denied", "let this account read it")
            if inside.value.cut:
                reader.cut(place, inside.value.cut)
            files = [item for item in inside.value.entries if item.type == "file"]
            best = max(files, key=lambda item: item.modified, default=None)
            found.append(
                Newest(place=place, evidence=inside.evidence)
                if best is None
                else Newest(place=place, path=best.path, modified=best.modified, size=best.size, evidence=inside.evidence)
            )
        except CouldNotLook as failure:
            if failure.reason == "missing" and failure.evidence:
                found.append(Newest(place=place, evidence=failure.evidence))
            else:
                reader.blind(place, f"{failure.reason}: {failure.detail}", failure.remedy)
    return FreshnessFacts(now=reader.now, newest=tuple(found))


def judge(facts: FreshnessFacts, params: Params) -> Iterator[Finding]:
    """Each place by itself."""
    for item in facts.newest:
        clues = (f"path:{item.path or item.place}",)
        if item.modified is None:
            yield MISSING.found(item.evidence, component=item.place, clues=clues, place=item.place)
            continue
        age = facts.now - item.modified
        if age < -_AHEAD:
            yield AHEAD.found(item.evidence, component=item.place, clues=clues, place=item.place, dated=stamp(item.modified))
        elif age > timedelta(hours=params.hours):
            yield LATE.found(
                item.evidence, component=item.place, clues=clues, place=item.place, path=item.path,
                hours=round(age.total_seconds() / 3600, 1), limit=params.hours,
            )  # fmt: skip
        if item.size < params.least_bytes:
            size = bytes_text(item.size)
            yield EMPTY.found(item.evidence, component=item.place, clues=clues, place=item.place, path=item.path, size=size)


def show(facts: FreshnessFacts, params: Params) -> Iterator[Statement]:
    """The newest of each place, so that `ok` comes with its age."""
    for item in facts.newest:
        if item.modified is not None:
            yield Statement(
                text="{place}: newest {path}, {hours} h old, {size}",
                values={
                    "place": item.place, "path": item.path, "size": bytes_text(item.size),
                    "hours": round((facts.now - item.modified).total_seconds() / 3600, 2),
                },
                evidence=(item.evidence,),
            )  # fmt: skip
