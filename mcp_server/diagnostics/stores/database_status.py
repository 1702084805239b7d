"""Is a PostgreSQL server short of connections, blocked by locks, held by long transactions, behind in replication?"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.store_calls import PostgresState, ReadPostgres, Session


class Params(Parameters):
    """Which server, and what counts as too much."""

    host: str = Field("127.0.0.1", min_length=1, max_length=300, description="Name, address, or folder of its socket")
    port: int = Field(5432, ge=1, le=65535, description="Port")
    user: str = Field(
        "postgres", min_length=1, max_length=63, pattern=r"^[\w.-]+$", description="Role; psql finds its password"
    )
    database: str = Field("postgres", min_length=1, max_length=63, pattern=r"^[\w.-]+$", description="Database")
    connections_percent: int = Field(80, ge=1, le=100, description="Percent of connections in use at which it is a finding")
    blocked_s: float = Field(5, ge=0, le=86_400, description="Seconds a session may wait for another")
    transaction_s: float = Field(300, ge=1, le=604_800, description="Seconds a transaction may stay open")
    lag_s: float = Field(30, ge=0, le=604_800, description="Seconds a replica may be behind")


class DatabaseFacts(Facts):
    """The server's state; `refused` where nothing accepts connections at its address."""

    state: PostgresState | None = None
    refused: str = ""
    evidence: str = ""


NO_ANSWER = FindingType(
    code="no_answer",
    text="nothing answers as PostgreSQL at {host}:{port}",
    severity="critical",
    meaning="It is down, elsewhere, or something between refuses.",
    advice="Look at its unit and its own log before anything is restarted.",
)
LETS_NOBODY_IN = FindingType(
    code="lets_nobody_in",
    text="PostgreSQL at {host}:{port} lets nobody in",
    severity="critical",
    meaning="Its connections are used up, or it starts, stops or recovers: applications get errors.",
    advice="Find who holds the connections (an application's pool, a leak) before raising the limit.",
)
NEARLY_OUT = FindingType(
    code="connections",
    text="{used} of {limit} connections are in use ({percent} %), {idle} of them idle in a transaction",
    meaning="Soon nobody gets in any more.",
    advice="Compare the pools of all applications with the limit; idle in a transaction is a leak.",
)
BLOCKED = FindingType(
    code="blocked",
    text="{count} sessions wait for others, the longest for {seconds} s; session {root} holds them up",
    severity="critical",
    meaning="One transaction holds a lock that others need: requests hang, pools fill.",
    advice="Look what that session does and who owns it; ending it is a change, and loses its work.",
    explains=("database_status.connections",),
)
LONG_TRANSACTION = FindingType(
    code="long_transaction",
    text="a transaction of {user} ({application}) is open since {seconds} s, {state}",
    meaning="It keeps locks and old rows; vacuum cannot clean up behind it.",
    advice="Ask its owner: a report, a forgotten shell, or an application that does not commit.",
)
LAG = FindingType(
    code="replication_lag",
    text="the slowest replica is {seconds} s behind",
    meaning="Readers of that replica see the past; a switch to it would lose that much.",
    advice="Look at the network and the disk of the replica, and for a long query on it.",
)
WRAPAROUND = FindingType(
    code="wraparound",
    text="the oldest transaction number is {age} old; at 2,000,000,000 the server stops accepting writes",
    severity="critical",
    meaning="Vacuum does not keep up: it ends in a standstill.",
    advice="Find what holds vacuum up (a long transaction, a replication slot, a broken table).",
)

DIAGNOSTIC = Diagnostic(
    question="Is PostgreSQL short of connections, blocked by locks, held by long transactions, or behind in replication?",
    area="stores",
    facts=DatabaseFacts,
    tool=False,
    timeout_s=20,
    examples=({}, {"host": "db.internal", "user": "monitor"}),
    next=("log_summary", "what_changed"),
)


def collect(reader: Reader, params: Params) -> DatabaseFacts:
    """Ask once. A refused connection is a fact; anything else that fails is a blind spot."""
    call = ReadPostgres(host=params.host, port=params.port, user=params.user, database=params.database)
    try:
        seen = reader.look(call)
    except CouldNotLook as failure:
        if failure.reason == "unreachable" and failure.evidence:
            return DatabaseFacts(refused=failure.detail, evidence=failure.evidence)
        raise
    return DatabaseFacts(state=seen.value, evidence=seen.evidence)


def judge(facts: DatabaseFacts, params: Params) -> Iterator[Finding]:
    """Nobody in; locks; connections; transactions; replication; numbers."""

    def told(kind: FindingType, *quotes: str, **values: Any) -> Finding:
        component, clues = f"postgresql {params.host}:{params.port}", (f"port:{params.port}", "word:postgresql")
        return kind.found(facts.evidence, component=component, clues=clues, quotes=quotes, **values)

    state = facts.state
    if state is None or state.refusal:
        if facts.refused:
            yield told(NO_ANSWER, facts.refused, host=params.host, port=params.port)
        elif state:
            yield told(LETS_NOBODY_IN, state.refusal, host=params.host, port=params.port)
        return
    late = [item for item in state.blocked if item.seconds >= params.blocked_s]
    if late:
        longest = round(max(item.seconds for item in late))
        yield told(BLOCKED, *map(_told, late[:5]), count=len(state.blocked), seconds=longest, root=_root(state))
    used, limit = sum(state.by_state.values()), state.max_connections - state.reserved
    if limit > 0 and used * 100 >= params.connections_percent * limit:
        idle = sum(count for name, count in state.by_state.items() if name.startswith("idle in transaction"))
        yield told(NEARLY_OUT, used=used, limit=limit, percent=round(100 * used / limit), idle=idle)
    for item in [item for item in state.longest if item.seconds >= params.transaction_s][:3]:
        values = {"user": item.user, "application": item.application, "state": item.state}
        yield told(LONG_TRANSACTION, _told(item), seconds=round(item.seconds), **values)
    if state.replication_lag_s is not None and state.replication_lag_s > params.lag_s:
        yield told(LAG, seconds=round(state.replication_lag_s, 1))
    if state.oldest_xid_age is not None and state.oldest_xid_age > 1_500_000_000:
        yield told(WRAPAROUND, age=state.oldest_xid_age)


def _root(state: PostgresState) -> int:
    """The session that holds up most others and waits for nobody itself."""
    waiting = {item.pid for item in state.blocked}
    holders = [pid for item in state.blocked for pid in item.blocked_by]
    free = [pid for pid in holders if pid not in waiting] or holders
    return max(set(free), key=free.count) if free else 0


def _told(item: Session) -> str:
    by = f" waits for {', '.join(map(str, item.blocked_by))}" if item.blocked_by else ""
    return f"{item.pid} {item.user} {item.application} {item.state}{by}: {item.query}"


def show(facts: DatabaseFacts, params: Params) -> Iterator[Statement]:
    """Version and numbers."""
    state = facts.state
    if state is None or state.refusal:
        return
    yield Statement(
        text="PostgreSQL {version}: {used}/{limit} connections ({states}); {blocked} blocked; longest transaction: {longest} s"
        + ("; it is a replica" if state.in_recovery else ""),
        values={
            "version": state.version, "used": sum(state.by_state.values()), "limit": state.max_connections - state.reserved,
            "states": ", ".join(f"{count} {name}" for name, count in sorted(state.by_state.items())) or "none",
            "blocked": len(state.blocked), "longest": round(max((item.seconds for item in state.longest), default=0)),
        },
        evidence=(facts.evidence,),
    )  # fmt: skip
