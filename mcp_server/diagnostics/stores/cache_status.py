"""Is a Redis server full, evicting, out of clients, without replicas or unable to save?"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.store_calls import ReadRedis, RedisState
from mcp_server.core.text import bytes_text


class Params(Parameters):
    """Which server, and what counts as too much."""

    address: str = Field("127.0.0.1:6379", min_length=3, max_length=300, description="host:port or unix:/path")
    memory_percent: int = Field(90, ge=1, le=100, description="Percent of maxmemory at which it is a finding")
    hit_percent: int = Field(50, ge=0, le=100, description="Share of hits below which it is a finding, from 10,000 look-ups on")


class CacheFacts(Facts):
    """What the server says; `refused` where nothing accepts connections."""

    state: RedisState | None = None
    refused: str = ""
    evidence: str = ""


NO_ANSWER = FindingType(
    code="no_answer",
    text="nothing answers as Redis at {address}",
    severity="critical",
    meaning="Applications fall back to the database, or fail.",
    advice="Look at its unit and log; watch the database, which now gets all the load.",
)
LETS_NOBODY_IN = FindingType(
    code="lets_nobody_in",
    text="Redis at {address} refuses clients",
    severity="critical",
    meaning="Its clients are used up, or it loads its data.",
    advice="Count the clients of each application; a pool without a limit is the usual cause.",
)
FULL = FindingType(
    code="full",
    text="Redis uses {used} of {limit} ({percent} %); when full it answers by {policy}",
    meaning="With noeviction writes fail; with another policy what is still needed may be thrown out.",
    advice="Find what grew: keys without expiry, a new kind of key since the last release.",
)
EVICTING = FindingType(
    code="evicting",
    text="{evicted} keys were thrown out for lack of memory; hits are {hits} %",
    meaning="The cache does not hold what is asked for: the database behind it carries the load.",
    advice="Compare memory with the data that is asked for; look for one very large or very many small keys.",
)
MISSING = FindingType(
    code="misses",
    text="only {hits} % of {lookups} look-ups are hits",
    meaning="The cache hardly helps: an invalidation storm, a changed key, a restart without warm-up.",
    advice="Look what changed in the code that makes the keys, and whether it was restarted.",
)
NOT_SAVING = FindingType(
    code="not_saving",
    text="the last save to disk failed; {changes} changes are in memory only",
    severity="critical",
    meaning="A restart loses them, and by default writes are refused now.",
    advice="Look at disk space and at memory for the fork.",
)
NO_MASTER = FindingType(
    code="replica_cut_off",
    text="this replica has lost its primary {primary}",
    severity="critical",
    meaning="It answers with old data, or not at all.",
    advice="Ask the primary, and the network between.",
)

DIAGNOSTIC = Diagnostic(
    question="Is Redis full, throwing keys out, out of clients, cut off from its primary or unable to save?",
    area="stores",
    facts=CacheFacts,
    tool=False,
    timeout_s=15,
    examples=({}, {"address": "cache.internal:6379"}),
    next=("log_summary", "what_changed"),
)


def collect(reader: Reader, params: Params) -> CacheFacts:
    """Ask once. A refused connection is a fact; a login that is needed is a blind spot."""
    try:
        seen = reader.look(ReadRedis(address=params.address))
    except CouldNotLook as failure:
        if failure.reason == "unreachable" and failure.evidence:
            return CacheFacts(refused=failure.detail, evidence=failure.evidence)
        raise
    if seen.value.refusal.startswith(("NOAUTH", "WRONGPASS", "NOPERM")):
        raise CouldNotLook(
            f"redis {params.address}", "denied", seen.value.refusal, "a user that may call INFO without a password"
        )
    return CacheFacts(state=seen.value, evidence=seen.evidence)


def judge(facts: CacheFacts, params: Params) -> Iterator[Finding]:
    """Nobody in; saving; primary; memory; hits."""

    def told(kind: FindingType, *quotes: str, **values: Any) -> Finding:
        clues = (f"port:{params.address.rpartition(':')[2]}", "word:redis")
        return kind.found(facts.evidence, component=f"redis {params.address}", clues=clues, quotes=quotes, **values)

    if facts.state is None or facts.state.refusal:
        if facts.refused:
            yield told(NO_ANSWER, facts.refused, address=params.address)
        elif facts.state:
            yield told(LETS_NOBODY_IN, facts.state.refusal, address=params.address)
        return
    info = facts.state.info
    if info.get("rdb_last_bgsave_status", "ok") != "ok" or info.get("aof_last_write_status", "ok") != "ok":
        yield told(NOT_SAVING, changes=_number(info, "rdb_changes_since_last_save"))
    if info.get("role") == "slave" and info.get("master_link_status") == "down":
        yield told(NO_MASTER, primary=f"{info.get('master_host')}:{info.get('master_port')}")
    used, limit = _number(info, "used_memory"), _number(info, "maxmemory")
    if limit and used * 100 >= params.memory_percent * limit:
        sizes = {"used": bytes_text(used), "limit": bytes_text(limit)}
        yield told(FULL, percent=round(100 * used / limit), policy=info.get("maxmemory_policy"), **sizes)
    lookups, hits, evicted = _lookups(info), _hits(info), _number(info, "evicted_keys")
    if evicted and hits is not None and hits < 90:
        yield told(EVICTING, evicted=evicted, hits=hits)
    elif lookups >= 10_000 and hits is not None and hits < params.hit_percent:
        yield told(MISSING, hits=hits, lookups=lookups)


def _number(info: Mapping[str, str], name: str) -> int:
    text = info.get(name, "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _lookups(info: Mapping[str, str]) -> int:
    return _number(info, "keyspace_hits") + _number(info, "keyspace_misses")


def _hits(info: Mapping[str, str]) -> float | None:
    return round(100 * _number(info, "keyspace_hits") / _lookups(info), 1) if _lookups(info) else None


def show(facts: CacheFacts, params: Params) -> Iterator[Statement]:
    """Version and numbers."""
    if facts.state is None or facts.state.refusal:
        return
    info = facts.state.info
    limit = _number(info, "maxmemory")
    yield Statement(
        text="Redis {version}, {role}: {used} of {limit}, {clients} clients, hits {hits} %, {evicted} keys thrown out",
        values={
            "version": info.get("redis_version"), "role": info.get("role"), "used": bytes_text(_number(info, "used_memory")),
            "limit": bytes_text(limit) if limit else "no limit", "clients": _number(info, "connected_clients"),
            "hits": _hits(info), "evicted": _number(info, "evicted_keys"),
        },
        evidence=(facts.evidence,),
    )  # fmt: skip
