"""A PostgreSQL server, asked one fixed question by psql: a read-only session, a time limit, no shell, no password of ours."""

import json
from typing import Any

from mcp_server.core.errors import CouldNotLook, Reason
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.store_calls import PostgresState, ReadPostgres
from mcp_server.core.text import one_line
from mcp_server.targets import reader_line
from mcp_server.targets.command import find_program, run_program

_ROW = (
    "json_build_object('pid', a.pid, 'user', coalesce(a.usename, ''), 'application', coalesce(a.application_name, ''), "
    "'state', coalesce(a.state, ''), 'waits_for', coalesce(a.wait_event_type || ': ' || a.wait_event, ''), "
    "'query', left(coalesce(a.query, ''), 200), 'blocked_by', pg_blocking_pids(a.pid), 'seconds', "
)
_QUESTION = f"""
SELECT json_build_object(
  'version', current_setting('server_version'), 'max_connections', current_setting('max_connections')::int,
  'reserved', current_setting('superuser_reserved_connections')::int, 'in_recovery', pg_is_in_recovery(),
  'by_state', (SELECT coalesce(json_object_agg(s, n), '{{}}'::json) FROM
    (SELECT coalesce(state, 'other') s, count(*) n FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1) c),
  'longest', (SELECT coalesce(json_agg(r), '[]'::json) FROM
    (SELECT {_ROW} extract(epoch FROM clock_timestamp() - a.xact_start)) r FROM pg_stat_activity a
     WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 10) l),
  'blocked', (SELECT coalesce(json_agg(r), '[]'::json) FROM
    (SELECT {_ROW} extract(epoch FROM clock_timestamp() - a.query_start)) r FROM pg_stat_activity a
     WHERE cardinality(pg_blocking_pids(a.pid)) > 0 ORDER BY a.query_start LIMIT 20) b),
  'replication_lag_s', (SELECT max(extract(epoch FROM replay_lag)) FROM pg_stat_replication),
  'oldest_xid_age', (SELECT max(age(datfrozenxid)) FROM pg_database))
"""  # noqa: S608 -- every part is ours
_READ_ONLY = (
    "-c default_transaction_read_only=on -c statement_timeout=5000 -c lock_timeout=1000 "
    # a function of the same name in a schema that others may write to would be called with our rights
    "-c search_path=pg_catalog"
)


def look(call: ReadPostgres, limits: Limits, policy: ReadSettings) -> PostgresState:
    """Ask. A server that lets nobody in answers with its refusal; one that cannot be reached raises CouldNotLook."""
    if reader_line.is_there():
        done = reader_line.postgres(call.title(), call.model_dump(), limits)
    else:
        program, argv = command_of(call)
        done = run_program(call.title(), program, argv, limits)
    if done.exit == 0:
        try:
            return PostgresState.model_validate(json.loads(done.out))
        except ValueError as error:
            raise CouldNotLook(call.title(), "damaged", f"its answer cannot be read: {one_line(error)}") from None
    told = one_line(done.err.strip(), 300)
    if "FATAL:" in done.err and "authentication" not in done.err and "does not exist" not in done.err:
        return PostgresState(refusal=told)
    if "FATAL:" in done.err or "no password supplied" in done.err:
        raise CouldNotLook(call.title(), "denied", told, "let psql in: ~/.pgpass, a role with pg_monitor")
    reason: Reason = "timed_out" if "timeout" in done.err else "unreachable" if "connection" in done.err.lower() else "failed"
    raise CouldNotLook(call.title(), reason, told, "is it running, and is this its address?")


def command_of(call: ReadPostgres) -> tuple[str, tuple[str, ...]]:
    """psql and its words. Raises CouldNotLook where it is missing."""
    program = find_program("psql")
    if program is None:
        raise CouldNotLook(call.title(), "missing", "psql is not installed", "install the PostgreSQL client")
    connection = " ".join(
        f"{key}={_quoted(value)}"
        for key, value in {
            "host": call.host, "port": str(call.port), "user": call.user, "dbname": call.database, "connect_timeout": "5",
            "application_name": "veteran", "options": _READ_ONLY,
        }.items()
    )  # fmt: skip
    return program, ("psql", "-X", "-w", "-A", "-t", "-q", "-d", connection, "-c", _QUESTION)


def _quoted(value: Any) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{text}'"
