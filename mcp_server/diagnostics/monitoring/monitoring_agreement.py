"""Do two witnesses of the same figure agree: Prometheus and the host itself, or Prometheus and a second system like it?

Where they contradict each other, one of them describes another machine, an older moment or something else than its label
says, and whoever reads only that one is led astray (rule 9). Which of them is right is not guessed.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from mcp_server.core.alerting import asked
from mcp_server.core.calls import ReadFilesystems, ReadHost
from mcp_server.core.clock import from_epoch, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text, one_line

_FIGURES = "node_memory_MemTotal_bytes|node_memory_MemAvailable_bytes|node_boot_time_seconds|node_filesystem_(avail|size)_bytes"
_BOOT_S = 120
_NO_MOMENT = 1e11


class Params(Parameters):
    """The systems that are compared."""

    prometheus: str = Field(
        "http://127.0.0.1:9090", max_length=500, pattern=r"^https?://", description="Its address: http://127.0.0.1:9090"
    )
    other: str | None = Field(
        None, max_length=500, pattern=r"^https?://",
        description="A second system that answers Prometheus' queries (another Prometheus, Thanos, Mimir, VictoriaMetrics)",
    )  # fmt: skip
    tolerance_percent: int = Field(20, ge=1, le=90, description="How far two values of one figure may lie apart, of the whole")


class Pair(Facts):
    """One figure as two witnesses tell it; `whole` is what a difference is measured by."""

    what: str
    first: float
    second: float
    whole: float
    unit: str = Field(description="bytes, moment or state")
    witnesses: tuple[str, str]
    evidence: tuple[str, ...]


class AgreementFacts(Facts):
    """Every figure that both tell."""

    pairs: tuple[Pair, ...] = ()


CONTRADICT = FindingType(
    code="contradict",
    text="{what}: {first} says {a}, {second} says {b}",
    meaning="One of them describes another machine, an older moment, or something else than its label says.",
    advice="Believe neither until it is known which: compare labels, scrape address and the time of the sample.",
)

DIAGNOSTIC = Diagnostic(
    question="Do Prometheus and the host itself, or two monitoring systems, tell the same of the same thing?",
    area="monitoring",
    facts=AgreementFacts,
    tool=False,
    timeout_s=30,
    examples=({"prometheus": "http://127.0.0.1:9090"}, {"other": "http://127.0.0.1:9099"}),
    next=("monitoring_watchdog", "host_health"),
)


def collect(reader: Reader, params: Params) -> AgreementFacts:
    """The host's own figures against its exporter's, and who is up according to both systems."""
    base, pairs = params.prometheus.rstrip("/"), list[Pair]()
    with reader.part(f"this host as {base} knows it"):
        pairs += _host(reader, base)
    if params.other:
        other = params.other.rstrip("/")
        with reader.part(f"{base} against {other}"):
            pairs += _systems(reader, base, other)
    return AgreementFacts(pairs=tuple(pairs))


def _host(reader: Reader, base: str) -> list[Pair]:
    """Every figure of this host that its exporter tells too. Raises CouldNotLook, also where there is none."""
    host, mounts = reader.look(ReadHost(sample_s=0)), reader.look(ReadFilesystems())
    named, _ = _query(reader, base, f"node_uname_info{{nodename={json.dumps(host.value.hostname)}}}")
    if not named:
        raise CouldNotLook(
            base, "missing", "no node exporter that it scrapes calls itself as this host does",
            f"scrape a node exporter of `{one_line(host.value.hostname, 80)}`, or compare on a host that is scraped",
        )  # fmt: skip
    whole = {item.mount: item for item in mounts.value.mounted}
    total, pairs = float(host.value.memory_total), list[Pair]()
    own = {
        "node_memory_MemTotal_bytes": ("memory in all", total, "bytes", total),
        "node_memory_MemAvailable_bytes": ("available memory", float(host.value.memory_available), "bytes", total),
        "node_boot_time_seconds": ("time of the last boot", host.value.booted.timestamp(), "moment", 0.0),
    }  # fmt: skip
    for instance in sorted({str(labels.get("instance", "")) for labels, _ in named}):
        told, cited = _query(reader, base, f'{{__name__=~"{_FIGURES}",instance={json.dumps(instance)}}}')
        before, witnesses = len(pairs), ("this host", f"Prometheus ({instance})")
        for labels, theirs in told:
            figure, mount = str(labels.get("__name__")), labels.get("mountpoint")
            if figure in own:
                what, ours, unit, measure = own[figure]
                cites = (host.evidence, cited)
            elif figure == "node_filesystem_avail_bytes" and mount in whole:
                seen = whole[mount]
                what, ours, unit, measure = f"space left on {mount}", float(seen.available), "bytes", float(seen.total)
                cites = (mounts.evidence, cited)
            else:
                continue
            pairs.append(Pair(
                what=what, first=ours, second=theirs, whole=measure, unit=unit, witnesses=witnesses, evidence=cites
            ))  # fmt: skip
        if len(pairs) == before:
            reader.blind(
                f"figures of {one_line(instance, 80)}", "missing: its exporter is known, and nothing that could be compared",
                "see whether it is scraped now, and with its memory and filesystem collectors",
            )  # fmt: skip
    return pairs


def _systems(reader: Reader, base: str, other: str) -> list[Pair]:
    """Who is up: asked of both, compared by job and instance. Raises CouldNotLook, also where they have nothing in common."""
    (ours, cited), (theirs, too) = _query(reader, base, "up"), _query(reader, other, "up")
    known = {(labels.get("job"), labels.get("instance")): value for labels, value in theirs}
    pairs = []
    for labels, value in ours:
        job, instance = labels.get("job"), labels.get("instance")
        if (job, instance) in known:
            pairs.append(Pair(
                what=f"{job} {instance}", first=value, second=known[job, instance], whole=1.0, unit="state",
                witnesses=(base, other), evidence=(cited, too),
            ))  # fmt: skip
    if not pairs:
        raise CouldNotLook(other, "missing", "they scrape nothing in common, by job and instance", "compare their jobs")
    return pairs


def _query(reader: Reader, base: str, query: str) -> tuple[list[tuple[Mapping[str, Any], float]], str]:
    """Labels and values of an instant query, with its evidence. Raises CouldNotLook."""
    return asked(reader, f"{base}/api/v1/query?query={quote(query, safe='')}", _rows)


def _rows(data: Any) -> list[tuple[Mapping[str, Any], float]]:
    """Raises ValueError for a value that is no number: not-a-number lies near everything."""
    rows: list[tuple[Mapping[str, Any], float]] = [
        (dict(row["metric"]), float(row["value"][1])) for row in data["data"]["result"]
    ]
    if not all(math.isfinite(value) for _, value in rows):
        raise ValueError("no number")
    return rows


def judge(facts: AgreementFacts, params: Params) -> Iterator[Finding]:
    """Every figure whose two values lie further apart than the tolerance."""
    for pair in facts.pairs:
        apart, allowed = abs(pair.first - pair.second), pair.whole * params.tolerance_percent / 100
        if apart > (_BOOT_S if pair.unit == "moment" else allowed):
            first, second = pair.witnesses
            yield CONTRADICT.found(
                *pair.evidence, component="prometheus", what=pair.what, first=first, second=second,
                a=_shown(pair.first, pair.unit), b=_shown(pair.second, pair.unit),
            )  # fmt: skip


def show(facts: AgreementFacts, params: Params) -> Iterator[Statement]:
    """How much could be compared."""
    yield Statement(
        text="{count} figures were told by two witnesses and compared", values={"count": len(facts.pairs)},
        evidence=tuple(dict.fromkeys(item for pair in facts.pairs for item in pair.evidence))[:4],
    )  # fmt: skip


def _shown(value: float, unit: str) -> str:
    if unit == "state":
        return "up" if value else "down"
    if unit == "bytes":
        return bytes_text(round(value))
    return stamp(from_epoch(value)) if 0 <= value < _NO_MOMENT else f"{value:g} s since 1970"
