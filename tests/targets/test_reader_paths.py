"""Commands that lead to what the locked server writes are not the reader's."""

import os
from pathlib import Path

import pytest

from mcp_server.targets.reader_paths import led, settings_apart_from, why_not_ours


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "evil").write_text("x")
    (folder / "way").symlink_to("/etc")
    (tmp_path / "link").symlink_to(folder)
    return folder


def test_no_way_leads_there(state: Path, tmp_path: Path) -> None:
    for word in (
        "{s}", "{s}/", "{s}/evil", "/{s}/evil", "{s}/new", "{s}/way/passwd", "--file={s}/evil", "-c{s}/evil", "-f={s}/evil",
        "a:{s}/evil", "a={s}", "file://{s}/evil", "x,{s}", "@{s}/evil", "{t}/link", "{t}/link/evil", "{t}/link/way/passwd",
        "{t}/other/../state/evil", "{s}/way/..", "{r}", "{r}/evil", "-C{r}", "-x{r}/evil", "--x={r}", "/proc/self/fd/3",
        "/proc/1/root/x", "/proc/self/cwd", "/dev/fd/0", "/dev/stdin", "/proc/thread-self/fd/1", "a\0b", "-abX{r}/evil",
    ):  # fmt: skip
        text = word.format(s=state, t=tmp_path, r=str(state).lstrip("/"))
        assert why_not_ours(("cat", text), "/bin/cat", [str(state)]), text
    assert why_not_ours(("git", "log"), "/usr/bin/git", [])
    assert why_not_ours(("/usr/bin/git", "log"), "/usr/bin/git", [])
    assert why_not_ours(("ls",), f"{state}/ls", [str(state)])


def test_a_link_of_the_servers_on_the_way_counts_wherever_it_leads_at_the_moment(state: Path, tmp_path: Path) -> None:
    (tmp_path / "outer").symlink_to(state / "way")
    (tmp_path / "far").symlink_to("outer/passwd")
    (tmp_path / "near").symlink_to("/etc/passwd")
    (tmp_path / "round").symlink_to("round")
    for name in ("outer", "outer/passwd", "far"):
        assert os.path.realpath(tmp_path / name).startswith("/etc"), "by its end it is nobody's"
        assert led(str(tmp_path / name), [str(state)]), name
    assert not led(str(tmp_path / "near"), [str(state)])
    assert led(str(tmp_path / "round"), [str(state)])


def test_another_mount_of_the_same_folder_counts(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = tmp_path / "again"
    again.mkdir()
    plain, names = os.stat, {str(again): str(state)}
    monkeypatch.setattr(os, "stat", lambda path, **more: plain(names.get(path, path), **more))
    assert led(str(again / "evil"), ["/gone", str(state)])


def test_other_commands_are(state: Path, tmp_path: Path) -> None:
    for words in (
        ("systemctl", "show", "-p", "Id,ActiveState", "shop.service"), ("cat", "/etc/hostname"), ("ls", f"{tmp_path}/state2"),
        ("journalctl", "--since=@1790000000.5", "-n", "100", "_TRANSPORT=kernel"), ("find", "/var/log", "-name", "*.log"),
        ("ls", "/proc/cpuinfo", "/proc/net/tcp", "/proc/mounts"), ("kubectl", "get", "pods", "-o", "json"),
            ("docker", "inspect", "--format={{.Id}}", "x"),
    ):  # fmt: skip
        assert why_not_ours(words, "/bin/true", [str(state)]) == "", words


def test_a_single_file_that_the_server_holds_open_counts(tmp_path: Path) -> None:
    log = tmp_path / "err.log"
    log.touch()
    assert led(str(log), [str(log)])
    assert not led(f"{log}.1", [str(log)])


def test_variables_and_modules_from_there_are_forgotten(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(os, "environ", {
        "PATH": f"{state}/bin:/usr/bin:{tmp_path}/link", "KUBECONFIG": f"/etc/kube:{state}/kube", "HOME": str(tmp_path),
        "LANG": "C", "DOCKER_CONFIG": f"{tmp_path}/link/docker", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={state}/bus",
    })  # fmt: skip
    monkeypatch.setattr(sys, "pycache_prefix", f"{state}/bytecode")
    monkeypatch.setattr(sys, "path", ["/usr/lib/python3", str(state), f"{tmp_path}/link"])
    settings_apart_from([str(state)])
    assert os.environ == {"PATH": "/usr/bin", "HOME": str(tmp_path), "LANG": "C"}
    assert sys.path == ["/usr/lib/python3"]
    assert sys.pycache_prefix is None


@pytest.mark.parametrize("named", [True, False])
def test_an_accounts_home_that_the_server_writes_is_nobodys(state: Path, monkeypatch: pytest.MonkeyPatch, named: bool) -> None:
    """Without HOME, programs look it up; and what lies there steers and extends docker, rpm, pip and others."""
    import pwd

    account = pwd.struct_passwd(("veteran", "x", os.getuid(), 0, "", str(state), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda number: account)
    monkeypatch.setattr(os, "environ", {"HOME": str(state)} if named else {})
    settings_apart_from([str(state)])
    assert os.environ == {"HOME": "/nonexistent"}
