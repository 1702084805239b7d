"""Which filesystems are nearly full?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import Filesystem, ReadFilesystems, ReadProcesses
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text


class Params(Parameters):
    """Thresholds, in percent used."""

    warn_percent: int = Field(85, ge=1, le=100, description="Percent used at which a filesystem is a finding")
    critical_percent: int = Field(95, ge=1, le=100, description="Percent used at which it is critical")


class DiskFacts(Facts):
    """Filesystems, and files that are deleted but still open (their space is not given back)."""

    filesystems: tuple[Filesystem, ...]
    failed: dict[str, str] = {}
    evidence: str
    deleted_open: tuple[str, ...] = ()
    deleted_evidence: str | None = None


NEARLY_FULL = FindingType(
    code="nearly_full",
    text="{mount} is {percent} % full: {available} of {total} left",
    meaning="When it is full, writes fail: logs stop, databases stop, requests fail.",
    advice="Find what grew (files changed in the window) before removing anything.",
)
_WRITES = ("recent_errors.no_space", "disk_space.deleted_open")
FULL = FindingType(
    code="full",
    text="{mount} is full: {available} of {total} left",
    severity="critical",
    meaning="Writes to it fail now with `No space left on device`.",
    advice="Find the newest large files and deleted-but-open files; free space only through a plan.",
    explains=_WRITES,
)
INODES = FindingType(
    code="inodes",
    text="{mount} has {free} of {total} inodes left",
    severity="critical",
    meaning="No file can be created although space is left.",
    advice="Look for a folder with very many small files.",
    explains=_WRITES,
)
DELETED_OPEN = FindingType(
    code="deleted_open",
    text="{count} deleted files are still open and hold space on a nearly full filesystem",
    meaning="Their space returns only when the process closes them.",
    advice="Name the process; a restart of it, through a plan, gives the space back.",
)

DIAGNOSTIC = Diagnostic(
    question="Which filesystems are nearly full, by space or by inodes?",
    area="host",
    facts=DiskFacts,
    examples=({}, {"warn_percent": 70}),
    next=("what_changed", "recent_errors"),
)


def collect(reader: Reader, params: Params) -> DiskFacts:
    """Look at mounted filesystems; only when one is tight, look for deleted-but-open files."""
    seen = reader.look(ReadFilesystems())
    for mount, reason in seen.value.failed.items():
        reader.blind(f"filesystem {mount}", reason)
    facts = DiskFacts(filesystems=seen.value.mounted, failed=seen.value.failed, evidence=seen.evidence)
    if any(_percent(item) >= params.warn_percent for item in facts.filesystems):
        with reader.part("deleted-but-open files"):
            processes = reader.look(ReadProcesses(files=True))
            facts.deleted_evidence = processes.evidence
            facts.deleted_open = tuple(
                f"{process.name} ({process.pid}): {name}"
                for process in processes.value.processes
                for name in process.deleted_files
            )
    return facts


def judge(facts: DiskFacts, params: Params) -> Iterator[Finding]:
    """Full, nearly full, out of inodes; read-only images are always full and say nothing."""
    tight = False
    for item in facts.filesystems:
        if item.read_only:
            continue
        clues = (f"path:{item.mount}", "filesystem:" + item.mount, "word:No space left on device")
        percent = _percent(item)
        if percent >= params.warn_percent:
            tight = True
            kind = FULL if percent >= params.critical_percent else NEARLY_FULL
            yield kind.found(
                facts.evidence, component=item.mount, clues=clues, mount=item.mount, percent=percent,
                available=bytes_text(item.available), total=bytes_text(item.total),
            )  # fmt: skip
        if item.inodes_total and item.inodes_free * 100 < item.inodes_total * (100 - params.critical_percent):
            yield INODES.found(
                facts.evidence, component=item.mount, clues=clues, mount=item.mount, free=item.inodes_free,
                total=item.inodes_total,
            )  # fmt: skip
    if tight and facts.deleted_open and facts.deleted_evidence:
        yield DELETED_OPEN.found(
            facts.deleted_evidence, count=len(facts.deleted_open), quotes=facts.deleted_open[:10]
        )  # fmt: skip


def show(facts: DiskFacts, params: Params) -> Iterator[Statement]:
    """The fullest filesystem, so that `ok` comes with its number."""
    writable = [item for item in facts.filesystems if not item.read_only]
    if writable:
        fullest = max(writable, key=_percent)
        yield Statement(
            text="fullest of {count} writable filesystems: {mount}, {percent} % used",
            values={"count": len(writable), "mount": fullest.mount, "percent": _percent(fullest)},
            evidence=(facts.evidence,),
        )


def _percent(item: Filesystem) -> float:
    """Share used as `df` counts it: reserved blocks are not available to ordinary users."""
    usable = item.used + item.available
    return round(100 * item.used / usable, 1) if usable else 0.0
