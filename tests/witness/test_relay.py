"""What goes through the witness, and how either end of it dies: nobody hangs, nobody stays."""

import os
import signal
import statistics
import time

import pytest

from tests.real_parts import wait_until
from tests.witness.front import front, gone


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b"\n",
        b"\x00\xff\xfe\r\r\n",
        b"no json, and the words elicitation/create\n",
        b'{"method": "elicitation/create", "params": {"message": "veteran/plan P0"}}\n',
        b'veteran/plan P7 \xff {"id": \n',
        b"[" * 200_000 + b"veteran/plan P7\n",
        b'{"id": "veteran-ask-' + b"0" * 36 + b'"\n',
        b'["veteran-ask-' + b"0" * 36 + b'"]\n',
        bytes(range(1, 10)) * 200_000 + b"\xffveteran/plan P7\n",
    ],
    ids=range(10),
)
def test_what_is_no_question_about_a_plan_arrives_unchanged(line: bytes) -> None:
    with front() as wire:
        wire.send(line + b"after\n")
        got = wire.line()
        while not got.endswith(line[-20:]):
            got += wire.line()
        assert got == line
        assert wire.line() == b"after\n"
        assert wire.end() == (0, b"")


def test_a_line_of_100_mb_goes_through_in_both_directions_and_is_not_kept() -> None:
    body = "while piece := os.read(0, 1 << 20):\n    while piece: piece = piece[os.write(1, piece):]"
    with front(body) as wire:
        piece, size = b"x" * (1 << 20), 0
        for _ in range(100):
            wire.send(piece)
        wire.send(b"\nnext\n")
        size = len(wire.line(60))
        assert size == (100 << 20) + 1
        assert wire.line() == b"next\n"
        with open(f"/proc/{wire.process.pid}/status", encoding="ascii") as status:
            peak = next(int(row.split()[1]) for row in status if row.startswith("VmHWM"))
        assert peak < 60_000, f"{peak} kB"


def test_a_last_line_without_an_end_is_passed_on() -> None:
    with front("say(b'no end'); sys.stdin.close(); os._exit(3)") as wire:
        assert wire.line() == b"no end"
        assert wire.end()[0] == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_the_servers(number: int) -> None:
    with front(
        "import signal\nfor n in (signal.SIGINT, signal.SIGHUP): signal.signal(n, signal.SIG_DFL)\n"
        "say(b'ready\\n')\nwhile True: signal.pause()"
    ) as wire:
        assert wire.line() == b"ready\n"
        server = wire.server()
        wire.process.send_signal(number)
        assert wire.process.wait(30) == 128 + number
        assert gone(server)


def test_a_server_that_ignores_everything_is_ended_all_the_same() -> None:
    body = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nsay(b'ready\\n')\nwhile True: signal.pause()"
    with front(body) as wire:
        assert wire.line() == b"ready\n"
        server = wire.server()
        began = time.monotonic()
        wire.process.stdin.close()
        assert wire.process.wait(30) == 128 + signal.SIGKILL
        assert time.monotonic() - began < 15
        assert gone(server)


def test_the_server_killed_ends_the_witness_after_its_last_words() -> None:
    with front("say(b'last words\\n'); os.kill(os.getpid(), 9)") as wire:
        assert wire.process.wait(30) == 128 + signal.SIGKILL
        assert wire.line() == b"last words\n"


def test_the_witness_killed_ends_the_server() -> None:
    with front("say(b'ready\\n')\nimport signal\nwhile True: signal.pause()") as wire:
        assert wire.line() == b"ready\n"
        server = wire.server()
        wire.process.kill()
        wait_until(lambda: gone(server), "the server is ended with its witness")


def test_a_client_that_reads_nothing_holds_up_nobody_who_wants_to_leave() -> None:
    with front("say(b'ready\\n')\nwhile True: say(b'x' * 100_000 + b'\\n')", listen=False) as wire:
        server = wire.server()  # before it can have gone
        wire.process.stdout.close()
        wait_until(lambda: gone(server), "a server whose client reads no more is told to end")
        assert wire.process.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGPIPE, 0, 1)


def test_closed_standard_descriptors_are_no_obstacle() -> None:
    with front(before="import os; os.close(0)", body="sys.stderr.write(str(hatch)); os._exit(4)") as wire:
        assert wire.end() == (4, b"None"), "nothing to stand in front of"
    with front(before="import os; os.close(2)") as wire:
        wire.send(b"hello\n")
        assert wire.line() == b"hello\n"


def test_the_server_cannot_look_into_its_witness_nor_reach_the_clients_pipes() -> None:
    body = (
        f"sys.path.insert(0, {os.getcwd()!r})\nfrom mcp_server.engine.lock import lock_writes\n"
        "say(str(lock_writes(['/tmp']).enforced).encode() + b'\\n')\nimport ctypes\nparent = os.getppid()\n"
        "def tried(act):\n    try: act(); return b'done'\n    except OSError as e: return type(e).__name__.encode()\n"
        "say(tried(lambda: os.kill(parent, 15)) + b'\\n')\n"
        "say(tried(lambda: open(f'/proc/{parent}/mem', 'rb')) + b'\\n')\n"
        "say(tried(lambda: open(f'/proc/{parent}/fd/1', 'wb')) + b'\\n')\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "say(b'%d\\n' % libc.ptrace(16, parent, 0, 0))\n"
        "say(tried(lambda: os.pidfd_open(parent)) + b'\\n')\n"
        "fd = os.pidfd_open(parent)\nsay(b'%d\\n' % libc.syscall(438, fd, 0, 0))\n"
        "say(b'%d\\n' % libc.prlimit(parent, 1, ctypes.create_string_buffer(16), None))\n"
        "os.read(0, 1)\n"
    )
    with front(body) as wire:
        if wire.line() != b"True\n":
            pytest.skip("no Landlock here")
        assert wire.line() == b"PermissionError\n", "signals"
        assert wire.line() == b"PermissionError\n", "memory"
        assert wire.line() == b"PermissionError\n", "descriptors"
        assert wire.line() == b"-1\n", "ptrace"
        wire.line()
        assert wire.line() == b"-1\n", "pidfd_getfd"


def test_the_witness_costs_next_to_nothing() -> None:
    """Round trips through it and without it, alternating."""

    def trip(wire: object, times: list[float]) -> None:
        began = time.perf_counter()
        wire.send(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        wire.line()
        times.append(time.perf_counter() - began)

    through, without = [], []
    with front() as relayed, front(before="import mcp_server.witness.front as f; f.step_behind = lambda: None") as direct:
        for _ in range(400):
            trip(relayed, through)
            trip(direct, without)
    cost = (statistics.median(through) - statistics.median(without)) * 1000
    assert cost < 0.5, f"{cost:.3f} ms"  # 0.05 ms on a quiet machine
