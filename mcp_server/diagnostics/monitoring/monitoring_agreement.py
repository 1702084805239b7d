"""Do two witnesses of the same figure agree: Prometheus and the host itself, or Prometheus and a second system like it?

Where they contradict each other, one of them describes another machine, an older moment or something else than its label
says, and whoever reads only that one is led astray (rule 9). Which of them is right is not guessed.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from mcp_server.core.calls import Http, ReadFilesystems, ReadHost
from mcp_server.core.clock import from_epoch, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text, one_line

_BODY = 1_048_576
_FIGURES = "node_memory_MemTotal_bytes|node_memory_MemAvailable_bytes|node_boot_time_seconds|node_filesystem_(avail|size)_bytes"
_BOOT_S = 120


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
    base = params.prometheus.rstrip("/")
    pairs = list(_host(reader, base))
    if params.other:
        pairs += _systems(reader, base, params.other.rstrip("/"))
    return AgreementFacts(pairs=tuple(pairs))


def _host(reader: Reader, base: str) -> Iterator[Pair]:
    try:
        host, mounts = reader.look(ReadHost(sample_s=0)), reader.look(ReadFilesystems())
    except CouldNotLook as failure:
        reader.blind("the host's own figures", f"{failure.reason}: {failure.detail}", failure.remedy)
        return
    name = host.value.hostname
    found = _asked(reader, base, f"node_uname_info{{nodename={json.dumps(name)}}}")
    if found is None:
        return
    instances = sorted({str(labels.get("instance", "")) for labels, _ in found[0]})
    if not instances:
        reader.blind(
            f"what {base} knows of this host", "missing: no node exporter that it scrapes calls itself so",
            f"scrape a node exporter of `{one_line(name, 80)}`, or compare on a host that is scraped",
        )  # fmt: skip
    whole = {item.mount: item for item in mounts.value.mounted}
    for instance in instances:
        answer = _asked(reader, base, f'{{__name__=~"{_FIGURES}",instance={json.dumps(instance)}}}')
        if answer is None:
            continue
        figures, cited = answer
        told = {(labels.get("__name__"), labels.get("mountpoint")): value for labels, value in figures}
        both, evidence = ("this host", f"Prometheus ({instance})"), (host.evidence, cited)
        total = float(host.value.memory_total)
        for key, what, own, unit, measure in (
            ("node_memory_MemTotal_bytes", "memory in all", total, "bytes", total),
            ("node_memory_MemAvailable_bytes", "available memory", float(host.value.memory_available), "bytes", total),
            ("node_boot_time_seconds", "time of the last boot", host.value.booted.timestamp(), "moment", 0.0),
        ):
            if (theirs := told.get((key, None))) is not None:
                yield Pair(
                    what=what, first=own, second=theirs, whole=measure, unit=unit, witnesses=both, evidence=evidence
                )  # fmt: skip
        for (name_of, mount), theirs in told.items():
            if name_of == "node_filesystem_avail_bytes" and mount in whole:
                own_mount = whole[mount]
                yield Pair(
                    what=f"space left on {mount}", first=float(own_mount.available), second=theirs,
                    whole=float(own_mount.total), unit="bytes", witnesses=both, evidence=(mounts.evidence, cited),
                )  # fmt: skip


def _systems(reader: Reader, base: str, other: str) -> Iterator[Pair]:
    """Who is up: asked of both, compared by job and instance."""
    first, second = _asked(reader, base, "up"), _asked(reader, other, "up")
    if first is None or second is None:
        return
    (ours, cited), (theirs, too) = first, second
    known = {(labels.get("job"), labels.get("instance")): value for labels, value in theirs}
    same = [(labels, value) for labels, value in ours if (labels.get("job"), labels.get("instance")) in known]
    if not same:
        reader.blind(f"{base} against {other}", "missing: they scrape nothing in common, by job and instance")
    for labels, value in same:
        key = (labels.get("job"), labels.get("instance"))
        yield Pair(
            what=f"{key[0]} {key[1]}", first=value, second=known[key], whole=1.0, unit="state", witnesses=(base, other),
            evidence=(cited, too),
        )  # fmt: skip


def _asked(reader: Reader, base: str, query: str) -> tuple[list[tuple[Mapping[str, Any], float]], str] | None:
    """Labels and values of an instant query, with its evidence; None when there was no answer to use."""
    what = f"query of {base}"
    try:
        seen = reader.look(Http(url=f"{base}/api/v1/query?query={quote(query, safe='')}", body_limit=_BODY, timeout_s=5))
    except CouldNotLook as failure:
        reader.blind(what, f"{failure.reason}: {failure.detail}", failure.remedy)
        return None
    if seen.value.status != 200 or seen.value.cut:
        reader.blind(what, f"it answers {seen.value.status}" if seen.value.status != 200 else f"cut: {seen.value.cut}")
        return None
    try:
        rows = json.loads(seen.value.body)["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in rows], seen.evidence
    except (ValueError, KeyError, TypeError, IndexError):
        reader.blind(what, "damaged: its answer is not what Prometheus says", "is this the right address?")
        return None


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
    return bytes_text(round(value)) if unit == "bytes" else stamp(from_epoch(value))
