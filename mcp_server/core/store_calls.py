"""Ways to ask what applications stand on: a PostgreSQL server, a Redis server, the resolver of names. Fixed questions only."""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.noun import Noun


class Session(Noun):
    """A client's session, its query cut at 200 characters."""

    pid: int
    user: str = ""
    application: str = ""
    state: str = ""
    waits_for: str = ""
    seconds: float = Field(0, description="since its transaction (or, when blocked, its query) began")
    query: str = ""
    blocked_by: tuple[int, ...] = ()


class PostgresState(Noun):
    """A PostgreSQL server at one moment. `refusal` is its own word when it let nobody in; the rest is then unknown."""

    refusal: str = ""
    version: str = ""
    max_connections: int = 0
    reserved: int = 0
    in_recovery: bool = False
    by_state: dict[str, int] = {}
    longest: tuple[Session, ...] = Field((), description="open transactions, the longest first")
    blocked: tuple[Session, ...] = ()
    replication_lag_s: float | None = None
    oldest_xid_age: int | None = None


class ReadPostgres(Call[PostgresState]):
    """Connections, locks, long transactions, replication, read by `psql` in a read-only session with a time limit.

    No password is taken here: psql finds its own (~/.pgpass, a service file, peer).
    """

    kind: Literal["postgres"] = "postgres"
    host: str = Field(max_length=300, description="name, address, or the folder of its socket")
    port: int = Field(5432, ge=1, le=65535)
    user: str = Field("postgres", max_length=63)
    database: str = Field("postgres", max_length=63)

    def title(self) -> str:
        return f"postgresql {self.host}:{self.port}/{self.database}"


class RedisState(Noun):
    """What `INFO` says, by its own names. `refusal` is the server's word when it let nobody in."""

    refusal: str = ""
    info: dict[str, str] = {}


class ReadRedis(Call[RedisState]):
    """`INFO` of a Redis or Valkey server at `host:port` or `unix:/path`; nothing else is sent."""

    kind: Literal["redis"] = "redis"
    address: str = Field(max_length=300)

    def title(self) -> str:
        return f"redis {self.address}"


class ServerAnswer(Noun):
    """One name server, asked directly."""

    server: str
    code: str = Field(description="NOERROR, NXDOMAIN, SERVFAIL, REFUSED …; empty when it gave no answer")
    addresses: tuple[str, ...] = ()
    took_ms: float = 0
    problem: str = ""


class Resolution(Noun):
    """A name as the system resolves it, and as each of its name servers does."""

    name: str
    addresses: tuple[str, ...] = ()
    problem: str = ""
    took_ms: float = 0
    servers: tuple[ServerAnswer, ...] = ()


class ResolveName(Call[Resolution]):
    """The addresses of a name: by the system's own resolver, then by each name server of /etc/resolv.conf (type A)."""

    kind: Literal["resolve"] = "resolve"
    name: str = Field(min_length=1, max_length=253)
    timeout_s: float = Field(3.0, gt=0, le=20)

    def title(self) -> str:
        return f"name {self.name}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadPostgres: PostgresState, ReadRedis: RedisState, ResolveName: Resolution}
