"""Does this host lose packets, retransmit, drop connections or run out of connection tracking, and are its links up?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import ReadHost
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

_DEV, _SNMP, _NETSTAT = "/proc/net/dev", "/proc/net/snmp", "/proc/net/netstat"
_TRACKED, _MOST = "/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_max"


class Params(Parameters):
    """How long to watch, and what counts as too much."""

    sample_s: float = Field(2.0, ge=0.2, le=5, description="Seconds between the two looks")
    retransmit_percent: float = Field(3, ge=0.1, le=100, description="Percent of segments sent again, from 50 sent on")
    conntrack_percent: int = Field(85, ge=1, le=100, description="Percent of tracked connections in use")


class NetworkFacts(Facts):
    """Counters before and after, by name: `eth0 rx_dropped`, `Tcp RetransSegs` …"""

    before: dict[str, int] = {}
    after: dict[str, int] = {}
    down: tuple[str, ...] = Field((), description="interfaces with a cable side that are down")
    tracked: int | None = None
    tracked_most: int | None = None
    seconds: float = 0
    evidence: dict[str, str] = {}


LOSS = FindingType(
    code="packet_loss",
    text="{interface} lost {count} packets in {seconds} s ({kinds})",
    meaning="Everything that goes through it gets slow or breaks now and then.",
    advice="Drops: the host is too slow or its queue too short. Errors: cable, port, driver, duplex.",
)
RETRANSMITS = FindingType(
    code="retransmits",
    text="{percent} % of {sent} segments were sent again within {seconds} s",
    meaning="Packets get lost somewhere on the way: a link, a firewall, a partner that is too slow.",
    advice="Find the partner: ss -ti shows it per connection; ask the same from the other side.",
)
OVERFLOW = FindingType(
    code="listen_overflow",
    text="{count} connections were turned away in {seconds} s because a program did not accept them in time",
    severity="critical",
    meaning="The program behind a port is too slow or stands still; its callers see time-outs.",
    advice="Find the full queue (listening_ports), and what its program waits for.",
)
CONNTRACK = FindingType(
    code="conntrack",
    text="{used} of {most} tracked connections are in use ({percent} %)",
    severity="critical",
    meaning="When it is full, new connections are dropped in silence.",
    advice="Look who opens so many (an attack, a leak, a health check); raising the limit is a change.",
    explains=("network_health.packet_loss",),
)
LINK_DOWN = FindingType(
    code="link_down",
    text="{interfaces} is configured up and has no link",
    meaning="A cable, a switch port, a bond partner or the other side is gone.",
    advice="Look at the kernel's log for the moment; ask who works in the network.",
)

DIAGNOSTIC = Diagnostic(
    question="Does this host lose packets, retransmit or turn connections away, and are its links up?",
    area="network",
    facts=NetworkFacts,
    tool=False,
    timeout_s=20,
    next=("dns_check", "what_changed"),
)


def collect(reader: Reader, params: Params) -> NetworkFacts:
    """The kernel's counters twice, with the processor's sample between them."""
    facts = NetworkFacts(seconds=params.sample_s)
    first = {path: _read(reader, facts, path) for path in (_DEV, _SNMP, _NETSTAT)}
    with reader.part("time between the two looks"):
        reader.look(ReadHost(sample_s=params.sample_s))
    for path, text in first.items():
        again = _read(reader, facts, path) if text is not None else None
        if text is not None and again is not None:
            counters = _devices if path == _DEV else _tables
            facts.before |= counters(text)
            facts.after |= counters(again)
    facts.tracked, facts.tracked_most = (_number(reader, facts, path) for path in (_TRACKED, _MOST))
    facts.down = tuple(_links(reader, facts))
    return facts


def _read(reader: Reader, facts: NetworkFacts, path: str) -> str | None:
    with reader.part(path):
        seen = reader.file(path)
        facts.evidence[path] = seen.evidence
        return seen.value.text
    return None


def _number(reader: Reader, facts: NetworkFacts, path: str) -> int | None:
    """A file with one number; None where the kernel does not track connections, which is certain when the file is missing."""
    try:
        seen = reader.file(path)
    except CouldNotLook as failure:
        if failure.reason != "missing":
            reader.blind(path, f"{failure.reason}: {failure.detail}", failure.remedy)
        return None
    facts.evidence["conntrack"] = seen.evidence
    return int(seen.value.text) if seen.value.text.strip().isdigit() else None


def _devices(text: str) -> dict[str, int]:
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) >= 12 and all(word.isdigit() for word in words):
            for label, place in (("rx errors", 2), ("rx dropped", 3), ("tx errors", 10), ("tx dropped", 11)):
                found[f"{name.strip()} {label}"] = int(words[place])
    return found


def _tables(text: str) -> dict[str, int]:
    """Pairs of lines: names, then values, both beginning with the same word."""
    found: dict[str, int] = {}
    lines = [line.split() for line in text.splitlines()]
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        if names and values and names[0] == values[0]:
            found |= {f"{names[0].rstrip(':')} {n}": int(v) for n, v in zip(names[1:], values[1:], strict=False) if v.isdigit()}
    return found


def _links(reader: Reader, facts: NetworkFacts) -> Iterator[str]:
    """Interfaces that somebody set up and that have no carrier."""
    for name in sorted({key.split()[0] for key in facts.after if key.endswith(" rx errors")} - {"lo"})[:64]:
        try:
            flags = reader.file(f"/sys/class/net/{name}/flags").value.text.strip()
            state = reader.file(f"/sys/class/net/{name}/operstate")
        except CouldNotLook as failure:
            if failure.reason != "missing":
                reader.blind(f"link of {name}", f"{failure.reason}: {failure.detail}", failure.remedy)
            continue
        facts.evidence["links"] = state.evidence
        if flags.startswith("0x") and int(flags, 16) & 1 and state.value.text.strip() in ("down", "lowerlayerdown"):
            yield name


def judge(facts: NetworkFacts, params: Params) -> Iterator[Finding]:
    """What grew between the two looks."""
    grown = {name: facts.after[name] - count for name, count in facts.before.items() if facts.after.get(name, 0) > count}
    for interface in sorted({name.split()[0] for name in grown if name.endswith((" errors", " dropped"))}):
        lost = {name.partition(" ")[2]: count for name, count in grown.items() if name.split()[0] == interface}
        kinds = ", ".join(f"{count} {kind}" for kind, count in lost.items())
        yield LOSS.found(
            facts.evidence[_DEV], component=interface, clues=(f"word:{interface}",), interface=interface,
            count=sum(lost.values()), seconds=facts.seconds, kinds=kinds,
        )  # fmt: skip
    sent, again = grown.get("Tcp OutSegs", 0), grown.get("Tcp RetransSegs", 0)
    if sent >= 50 and again * 100 >= params.retransmit_percent * sent:
        percent = round(100 * again / sent, 1)
        yield RETRANSMITS.found(facts.evidence[_SNMP], component="network", percent=percent, sent=sent, seconds=facts.seconds)
    if turned := grown.get("TcpExt ListenOverflows", 0) or grown.get("TcpExt ListenDrops", 0):
        yield OVERFLOW.found(facts.evidence[_NETSTAT], component="network", count=turned, seconds=facts.seconds)
    if (
        facts.tracked is not None
        and facts.tracked_most
        and facts.tracked * 100 >= params.conntrack_percent * facts.tracked_most
    ):
        percent = round(100 * facts.tracked / facts.tracked_most)
        yield CONNTRACK.found(
            facts.evidence["conntrack"], component="conntrack", clues=("word:nf_conntrack",), used=facts.tracked,
            most=facts.tracked_most, percent=percent,
        )  # fmt: skip
    if facts.down:
        yield LINK_DOWN.found(facts.evidence["links"], component=facts.down[0], interfaces=", ".join(facts.down))


def show(facts: NetworkFacts, params: Params) -> Iterator[Statement]:
    """What was counted."""
    if facts.after:
        sent = facts.after.get("Tcp OutSegs", 0) - facts.before.get("Tcp OutSegs", 0)
        again = facts.after.get("Tcp RetransSegs", 0) - facts.before.get("Tcp RetransSegs", 0)
        yield Statement(
            text="in {seconds} s {sent} segments were sent, {again} of them again; conntrack {used} of {most}",
            values={
                "seconds": facts.seconds, "sent": sent, "again": again, "used": facts.tracked, "most": facts.tracked_most,
            },
            evidence=tuple(facts.evidence.values())[:4],
        )  # fmt: skip
