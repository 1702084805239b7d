"""Does a name resolve, by the system and by each of its name servers, and do they agree?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.store_calls import Resolution, ResolveName


class Params(Parameters):
    """Which name."""

    name: str = Field(min_length=1, max_length=253, pattern=r"^[\w.-]+$", description="Host name, such as db.internal")
    expect: str | None = Field(None, max_length=60, description="An address that it should have")
    slow_ms: int = Field(1_000, ge=1, le=20_000, description="Milliseconds that are slow")


class NameFacts(Facts):
    """What was answered."""

    resolution: Resolution
    evidence: str


UNRESOLVED = FindingType(
    code="unresolved",
    text="{name} has no address here: {problem}",
    severity="critical",
    meaning="Whoever calls it by this name fails.",
    advice="Compare what each name server says: one that is silent, or the record itself.",
    explains=("http_check.name_unresolved", "recent_errors.name_not_resolved"),
)
SERVER_SILENT = FindingType(
    code="server_silent",
    text="the name server {server} does not answer ({problem})",
    meaning="Every look-up waits for it before the next one is asked: everything gets slow.",
    advice="Ask the name server itself; take it out of resolv.conf only through a plan.",
)
SERVER_FAILS = FindingType(
    code="server_fails",
    text="the name server {server} answers {code} for {name}",
    meaning="SERVFAIL: a broken zone or a broken way upward; NXDOMAIN: there is no such name; REFUSED: we may not ask.",
    advice="Look at the zone's last change and its signatures; ask the authoritative server.",
)
DISAGREE = FindingType(
    code="servers_disagree",
    text="name servers disagree about {name}: {answers}",
    meaning="Some callers reach one place, some another, by chance.",
    advice="A change under way, an old secondary, or two views of one zone: look at the serial numbers.",
)
UNEXPECTED = FindingType(
    code="unexpected_address",
    text="{name} resolves to {addresses}, expected {expect}",
    severity="critical",
    meaning="Callers reach another machine than meant.",
    advice="Look at the record's last change, at /etc/hosts, and at caches.",
)
SLOW = FindingType(
    code="slow",
    text="resolving {name} took {took} ms",
    meaning="Each new connection waits so long.",
    advice="Look for a silent name server, and for search domains that are tried first.",
)

DIAGNOSTIC = Diagnostic(
    question="Does a name resolve, by the system and by each of its name servers, and do they agree?",
    area="network",
    facts=NameFacts,
    tool=False,
    timeout_s=30,
    examples=({"name": "localhost"}, {"name": "db.internal", "expect": "10.0.0.5"}),
    next=("what_changed",),
)


def collect(reader: Reader, params: Params) -> NameFacts:
    """Ask once, both ways."""
    seen = reader.look(ResolveName(name=params.name))
    if not seen.value.servers:
        reader.empty("/etc/resolv.conf names no name server")
    return NameFacts(resolution=seen.value, evidence=seen.evidence)


def judge(facts: NameFacts, params: Params) -> Iterator[Finding]:
    """The name first; then the servers. A name of /etc/hosts need not be known to any server."""
    found, clues = facts.resolution, (f"word:{params.name}",)
    if not found.addresses:
        problem = found.problem or "no address"
        yield UNRESOLVED.found(facts.evidence, component=params.name, clues=clues, name=params.name, problem=problem)
    elif params.expect and params.expect not in found.addresses:
        yield UNEXPECTED.found(
            facts.evidence, component=params.name, clues=clues, name=params.name, addresses=", ".join(found.addresses[:6]),
            expect=params.expect,
        )  # fmt: skip
    elif found.took_ms >= params.slow_ms:
        yield SLOW.found(facts.evidence, component=params.name, clues=clues, name=params.name, took=found.took_ms)
    for item in found.servers:
        component = f"name server {item.server}"
        if not item.code:
            yield SERVER_SILENT.found(facts.evidence, component=component, server=item.server, problem=item.problem)
        elif item.code != "NOERROR" and not found.addresses:
            yield SERVER_FAILS.found(facts.evidence, component=component, server=item.server, code=item.code, name=params.name)
    told = {item.server: (item.code, tuple(sorted(item.addresses))) for item in found.servers if item.code}
    if len({code for code, _ in told.values()}) > 1 or (len(told) > 1 and _apart([set(rows) for _, rows in told.values()])):
        answers = "; ".join(f"{server} {code} {' '.join(rows[:3])}".rstrip() for server, (code, rows) in told.items())
        yield DISAGREE.found(facts.evidence, component=params.name, clues=clues, name=params.name, answers=answers)


def _apart(answers: list[set[str]]) -> bool:
    """Whether two answers share no address: rotating and regional answers overlap, a split view does not."""
    return any(one and other and not one & other for one in answers for other in answers)


def show(facts: NameFacts, params: Params) -> Iterator[Statement]:
    """Addresses and times."""
    found = facts.resolution
    yield Statement(
        text="{name}: {addresses} in {took} ms; name servers: {servers}",
        values={
            "name": found.name, "addresses": ", ".join(found.addresses[:6]) or "no address", "took": found.took_ms,
            "servers": ", ".join(f"{item.server} {item.code or 'silent'}, {item.took_ms:g} ms" for item in found.servers),
        },
        evidence=(facts.evidence,),
    )  # fmt: skip
