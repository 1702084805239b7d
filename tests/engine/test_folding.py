"""What an installer writes is told with its run; what somebody edits meanwhile is not hidden in it."""

from datetime import timedelta

from mcp_server.engine.folding import bursts
from tests.engine.test_what_changed import change

COMMAND = "apt-get install -y nginx"


def installed(seconds: float, name: str = "nginx", command: str = COMMAND) -> object:
    made = change("packages", seconds, kind="install", path=name, clues=(f"package:{name}",))
    return made.model_copy(
        update={"summary": made.summary.model_copy(update={"values": {"package": name, "command": command}})}
    )  # fmt: skip


def test_files_moved_in_place_and_links_belong_to_the_run_and_an_edit_does_not() -> None:
    moved = [change("files", -100 + i * 3, kind="attributes", path=f"/etc/nginx/f{i}") for i in range(8)]
    enabled = change("systemd", -90, kind="enable", path="nginx.service", clues=("path:/etc/systemd/x", "unit:nginx.service"))
    accounts = change("files", -95, path="/etc/passwd")
    edited = change("files", -94, path="/etc/nginx/nginx.conf")
    later = change("files", 500, kind="attributes", path="/etc/nginx/other")
    told = bursts([installed(-100), *moved, enabled, accounts, edited, later])  # type: ignore[list-item]
    run = next(item for item in told if item.component.startswith("10 × "))
    assert {"path:/etc/nginx/f0", "unit:nginx.service", "path:/etc/passwd"} <= set(run.clues)
    assert run.kind == "attributes"
    assert "while packages were installed" in run.summary.text
    assert edited in told
    assert later in told
    assert len(told) == 4


def test_without_an_installer_or_for_a_few_files_nothing_is_folded() -> None:
    moved = [change("files", -100 + i * 10, kind="attributes", path=f"/etc/nginx/f{i}") for i in range(8)]
    assert len(bursts(moved)) == 8
    assert len(bursts([installed(-100), *moved[:3]])) == 4  # type: ignore[list-item]


def test_packages_of_one_command_are_one_however_long_it_took() -> None:
    slow = [installed(-600 + i * 100, f"p{i}") for i in range(3)]
    other = installed(-350, "q", "apt-get install q")
    told = bursts([*slow, other])  # type: ignore[list-item]
    assert sorted(item.component for item in told) == ["3 × packages", "q"]
    burst = next(item for item in told if item.component == "3 × packages")
    assert burst.summary.values["command"] == COMMAND
    assert burst.doubt_ms == timedelta(seconds=200) / timedelta(milliseconds=1)


def test_what_shares_a_clue_with_what_is_wrong_is_not_hidden_in_a_row() -> None:
    row = [change("systemd", -100 + i, path=f"u{i}.service", clues=(f"unit:u{i}.service",)) for i in range(30)]
    told = bursts(row, ("unit:u7.service", "port:80"))
    assert sorted(item.component for item in told) == ["29 × systemd", "u7.service"]
    everything = bursts(row, [f"unit:u{i}.service" for i in range(30)])
    assert [item.component for item in everything] == ["30 × systemd"], "where all share one, none is told apart"
