"""Severity in every way in which programs state it; what only sounds like one is none."""

import pytest

from mcp_server.logs.severity import level_of


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("<11>Nov 20 10:31:07 host app: x", "error"),
        ("<165>1 2026-11-20T10:31:07Z host app - - x", "info"),
        ("<2>kernel: x", "critical"),
        ("E1120 10:31:07.412345 12 a.go:1] x", "error"),
        ("W20261120 10:31:07.412345 12 a.cc:1] x", "warning"),
        ("F1120 10:31:07.412345 12 a.go:1] x", "critical"),
        ('{"level":50,"time":1795170667412,"msg":"pino"}', "error"),
        ('{"level":30,"msg":"pino"}', "info"),
        ('{"name":"a","hostname":"b","level":60,"msg":"bunyan"}', "critical"),
        ('{"PRIORITY":"3","MESSAGE":"journal"}', "error"),
        ('{"severityNumber":17,"body":"otel"}', "error"),
        ('{"msg":"x","level":"warn"}', "warning"),
        ('{"@t":"2026-11-20T10:31:07Z","log.level":"error"}', "error"),
        ("level=error msg=x", "error"),
        ("t=2026-11-20T10:31:07Z lvl=crit msg=x", "critical"),
        ("D, [2026-11-20T10:31:07 #1] DEBUG -- : x", "debug"),
        ("F, [2026-11-20T10:31:07 #1] FATAL -- : x", "critical"),
        ("11-20 10:31:07.412  1234  5678 E Tag: x", "error"),
        ("W/Tag( 123): x", "warning"),
        ('{"t":{"$date":"2026-11-20T10:31:07Z"},"s":"E","c":"NETWORK"}', "error"),
        ("2026-11-20T10:31:07.412+0000 W NETWORK  [conn1] x", "warning"),
        ("1234:M 20 Nov 2026 10:31:07.412 # WARNING overcommit", "warning"),
        ("1234:M 20 Nov 2026 10:31:07.412 * Ready", "info"),
        ("2026-11-20 10:31:07 UTC [1] LOG:  ready", "info"),
        ("2026-11-20 10:31:07 UTC [1] PANIC:  no", "critical"),
        ("2026-11-20T10:31:07Z 0 [Warning] [MY-1] x", "warning"),
        ("Nov 20, 2026 10:31:07 AM com.shop.Main main\nSEVERE: no", "error"),
        ("E [20/Nov/2026:10:31:07 +0000] cups", "error"),
        ("[Fri Nov 20 10:31:07 2026] [proxy:warn] x", "warning"),
        ("2026-11-20 10:31:07.412 WRN x", "warning"),
        ("Nov 20 10:31:07 host app[12]: error: disk failed", "error"),
        ("Nov 20 10:31:07 host sshd[1]: fatal: Unable to negotiate", "critical"),
        ("error: no such file", "error"),
        ("2026-11-20T10:31:07Z \x1b[31mERROR\x1b[0m in red", "error"),
        ("\x1b[33mwarning\x1b[0m: in yellow", "warning"),
        ("[10:31:07 ERR] Serilog", "error"),
        ("WARNING:root:x", "warning"),
        ("an error is described here", None),
        ("log of errors", None),
        ("", None),
    ],
)
def test_levels(line: str, level: str | None) -> None:
    assert level_of(line) == level
