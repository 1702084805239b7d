"""Which logs grow without being turned over, and which old copies are kept too long?

Whether anybody reads a log cannot be seen from here, and is not guessed.
"""

import re
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
from mcp_server.core.text import amount, bytes_text, counted

_MEGA = 1_048_576
_TURNED = re.compile(
    r"(?:[.-]\d{1,3}|[.-]\d{4}-?\d\d-?\d\d(?:[T_-]?\d{2,6})?|\.old|\.bak)(?:\.(?:gz|xz|bz2|zst|lz4))?$|\.(?:gz|xz|bz2|zst|lz4)$"
)
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """Where, and what counts as much."""

    paths: tuple[Path, ...] = Field(
        ("/var/log",), min_length=1, max_length=20, description="Folders of logs, or single logs, absolute paths"
    )
    min_mb: int = Field(100, ge=1, le=1_000_000, description="Size in MB from which a log, or what is kept, is worth a word")
    keep_days: int = Field(90, ge=1, le=3_660, description="Days after which an old copy is kept too long")


class LogFile(Facts):
    """One file; `base` is the log that it is an old copy of, None for a log itself."""

    path: str
    size: int
    modified: Moment
    base: str | None = None
    evidence: str


class WasteFacts(Facts):
    """All files found."""

    now: Moment
    files: tuple[LogFile, ...] = ()


NEVER_TURNED = FindingType(
    code="never_turned_over",
    text="{path} has {size} and no older copy: nothing turns it over",
    meaning="It grows until the disk is full, and it is slow to search when that matters.",
    advice="Give it a rotation, and look why it writes so much; clear nothing before somebody has said that it is not needed.",
)
KEPT_LONG = FindingType(
    code="kept_long",
    text="{path}: {copies} kept longer than {time}: {size}, the oldest of {oldest}",
    severity="info",
    meaning="Space and, where they hold personal data, risk, for logs of the past.",
    advice="Ask who needs them, and for how long the organisation must keep them; then let the rotation remove them.",
)

DIAGNOSTIC = Diagnostic(
    question="Which logs grow without rotation, and which old copies are kept too long?",
    area="logs",
    facts=WasteFacts,
    tool=False,
    timeout_s=20,
    examples=({}, {"paths": ["/srv/shop/log"], "min_mb": 20}),
    next=("disk_space",),
)


def collect(reader: Reader, params: Params) -> WasteFacts:
    """Names, sizes and times only; nothing is opened."""
    found: dict[str, LogFile] = {}
    for place in params.paths:
        try:
            seen = reader.look(StatFile(path=place))
            if seen.value.type != "folder":
                found[place] = LogFile(path=place, size=seen.value.size, modified=seen.value.modified, evidence=seen.evidence)
                continue
            inside = reader.look(ListFolder(path=place, depth=5, limit=20_000))
        except CouldNotLook as failure:
            reader.blind(place, f"{failure.reason}: {failure.detail}", failure.remedy)
            continue
        for folder in inside.value.unreadable:
            reader.blind(folder, "denied", "let this account read it")
        if inside.value.cut:
            reader.cut(place, inside.value.cut)
        for item in inside.value.entries:
            if item.type == "file":
                found[item.path] = LogFile(
                    path=item.path, size=item.size, modified=item.modified, base=base_of(item.path), evidence=inside.evidence
                )
    return WasteFacts(now=reader.now, files=tuple(found.values()))


def base_of(path: str) -> str | None:
    """The log that a file is an old copy of, without number, date and packing; None where it is none."""
    folder, slash, name = path.rpartition("/")
    base = name
    while (shorter := _TURNED.sub("", base)) != base and shorter:
        base = shorter
    return f"{folder}{slash}{base}" if base != name else None


def judge(facts: WasteFacts, params: Params) -> Iterator[Finding]:
    """Large logs without any older copy; then copies kept beyond the limit, by log."""
    turned = {item.base.removesuffix(".log") for item in facts.files if item.base}
    for item in sorted(facts.files, key=lambda item: -item.size):
        stem = item.path.removesuffix(".log")
        if item.base is None and item.size >= params.min_mb * _MEGA and stem not in turned and not _journal(item.path):
            yield NEVER_TURNED.found(
                item.evidence, component=item.path, clues=(f"path:{item.path}",), path=item.path, size=bytes_text(item.size)
            )
    limit = facts.now - timedelta(days=params.keep_days)
    kept: dict[str, list[LogFile]] = {}
    for item in facts.files:
        if item.base and item.modified < limit:
            kept.setdefault(item.base, []).append(item)
    for base, copies in kept.items():
        size, oldest = sum(item.size for item in copies), min(copies, key=lambda item: item.modified)
        if size >= params.min_mb * _MEGA:
            yield KEPT_LONG.found(
                oldest.evidence, component=base, clues=(f"path:{base}",), count=len(copies), path=base, days=params.keep_days,
                size=bytes_text(size), oldest=stamp(oldest.modified), copies=amount(len(copies), "old copy", "old copies"),
                time=amount(params.keep_days, "day"),
            )  # fmt: skip


def _journal(path: str) -> bool:
    """The journal turns its files over by itself."""
    return path.endswith((".journal", ".journal~"))


def show(facts: WasteFacts, params: Params) -> Iterator[Statement]:
    """How much there is, and what cannot be known."""
    yield Statement(
        text="{count} "
        + counted(len(facts.files), "file")
        + ", {size} in all; whether anybody reads them cannot be seen from here",
        values={"count": len(facts.files), "size": bytes_text(sum(item.size for item in facts.files))},
        evidence=tuple(dict.fromkeys(item.evidence for item in facts.files))[:3],
    )
