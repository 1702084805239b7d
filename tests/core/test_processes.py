"""Who is who among processes and sockets."""

import pytest

from mcp_server.core.calls import Process, Socket
from mcp_server.core.processes import brief, by_pid, command_line, hidden, kin, listeners, owner_clues, runs, says


def process(pid: int, words: str = "", *, ppid: int = 1, **more: object) -> Process:
    argv = tuple(words.split())
    return Process.model_validate({"pid": pid, "ppid": ppid, "name": (argv or ("p",))[0], "argv": argv} | more)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("gunicorn", True), ("shop.wsgi gunicorn", True), ("GUNICORN", True), ("gunicorn other.wsgi", False), ("uwsgi", False)],
)
def test_every_word_must_stand_there_in_any_order(words: str, expected: bool) -> None:
    assert says(process(7, "gunicorn -w 2 shop.wsgi"), words) is expected


@pytest.mark.parametrize(
    "other",
    [
        process(7, "gunicorn shop", ours=True),
        process(7, "gunicorn shop", status="zombie"),
        process(7, "tail -f /var/log/gunicorn.log"),
        process(7, "vim gunicorn.conf.py"),
    ],
)
def test_what_names_a_service_without_being_it(other: Process) -> None:
    assert says(other, "gunicorn")
    assert not runs(other, "gunicorn")


def test_a_viewer_that_was_asked_for_counts() -> None:
    assert runs(process(7, "tail -f x"), "tail")


def test_kin_goes_up_and_down_and_not_through_process_1() -> None:
    one, master, worker, stranger = process(1, "init", ppid=0), process(10, "a"), process(11, "b", ppid=10), process(20, "c")
    known = by_pid([one, master, worker, stranger])
    assert kin(master, worker, known) and kin(worker, master, known) and kin(master, master, known)
    assert not kin(worker, stranger, known)
    assert not kin(worker, one, known)


def test_kin_ends_in_a_circle_of_parents() -> None:
    # numbers are reused: two looks at a moving table may show each as the parent of the other
    first, second = process(10, "a", ppid=11), process(11, "b", ppid=10)
    assert not kin(first, process(20, "c"), by_pid([first, second]))


def test_hidden_processes_are_noticed() -> None:
    init = process(1, "init", ppid=0)
    assert hidden([init, process(2)]) is None  # a kernel thread has no command line, and nobody denied it
    assert "process 1" in (hidden([process(7, "bash")]) or "")
    assert "1 process " in (hidden([init, process(8, denied=("argv", "cwd"))]) or "")


def test_listeners_are_no_connections() -> None:
    def sock(family: str, state: str, remote: str | None = None) -> Socket:
        return Socket.model_validate(
            {"family": family, "address": "127.0.0.1:80", "port": 80, "state": state, "remote": remote}
        )

    found = listeners(
        [sock("tcp", "ESTABLISHED", "127.0.0.1:9"), sock("udp", "ESTABLISHED", "127.0.0.1:9"), sock("tcp", "LISTEN"),
         sock("udp", "UNCONN"), Socket(family="unix", address="/run/x.sock", state="LISTEN")]
    )  # fmt: skip
    assert [(item.family, item.state) for item in found] == [("tcp", "LISTEN"), ("udp", "UNCONN")]
    assert listeners(found, 81) == ()


def test_clues_of_an_owner() -> None:
    owner = process(7, "python3 -m http.server", cwd="/srv/try", unit="try.service")
    assert owner_clues(80, owner) == ("port:80", "pid:7", "path:/srv/try", "unit:try.service")
    assert owner_clues(80, process(7, "x", cwd="/")) == ("port:80", "pid:7")  # everything lies below /
    assert owner_clues(80, None) == ("port:80",)


def test_a_command_line_is_bounded_where_it_is_kept_or_shown() -> None:
    long = process(7, "java " + "x" * 5_000 + " y" * 5_000)
    assert len(command_line(long)) < 600
    assert len(" ".join(brief(long).argv)) < 7_000
