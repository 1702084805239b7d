"""Logs of package managers, whatever stands in them: a row, nothing, or damage; never an error, never two rows for a line."""

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs import apk_log, dpkg_log, pacman_log, rpm_log, zypp_log
from mcp_server.logs.package_log import Row, Rows, Zone

READERS = {"dpkg": dpkg_log.rows, "rpm": rpm_log.rows, "pacman": pacman_log.rows, "apk": apk_log.rows, "zypp": zypp_log.rows}
PIECES = st.sampled_from(
    [
        "2026-11-20 10:00:02 upgrade a:amd64 1 2", "2026-99-99 10:00:02 upgrade a 1 2", "2026-11-20T10:00:02+0000 SUBDEBUG ",
        "Upgrade: a-1:1-2.x86_64", "Upgraded: a-1-1.x86_64", "[2026-11-20T10:00:02+0100] [ALPM] upgraded a (1 -> 2)",
        "[2026-11-20 10:00] [ALPM] installed a (1)", "Running `apk add a` at 2026-11-20 10:00:02", "(1/2) Upgrading a (1 -> 2)",
        "2026-11-20 10:00:02|install|a|1|x|", "2026-13-20 10:00:02|remove |a|1|x|", "\0", "",
    ]
)  # fmt: skip
LINES = st.lists(st.one_of(PIECES, st.text(max_size=60), st.tuples(PIECES, PIECES).map("".join)), max_size=12)


@pytest.mark.parametrize("name", READERS)
@given(lines=LINES)
def test_any_lines(name: str, lines: list[str]) -> None:
    read: Rows = READERS[name]
    found = [row for row in read(lines, Zone(UTC)) if row is not None]
    assert all(isinstance(row, Row) and 0 <= row.line < len(lines) for row in found)
    assert len({row.line for row in found}) == len(found)
    assert all(row.package for row in found if row.action)


@given(lines=LINES)
def test_any_list_of_rpm(lines: list[str]) -> None:
    assert all(row is None or row.package for row in rpm_log.installed(lines))
