"""The hatch: what may be asked, what comes back, and that nobody who does not listen holds up an executor."""

import json
import subprocess
import sys
import time

import pytest

from tests.witness.front import ROOT, front

BEFORE = "import mcp_server.witness.hatch as h; h._EXECUTOR = 'tests.witness.talker'"
START = "import json, threading\nfrom mcp_server.engine import hatch as engine\nengine.connect(hatch)\n"


def heard(body: str) -> list[object]:
    """What the server says of what it heard, a JSON line each."""
    with front(START + body + "\nos.read(0, 1)", before=BEFORE) as wire:
        lines = []
        while True:
            line = wire.line(60)
            if line == b"end\n":
                return lines
            lines.append(json.loads(line))


TELL = "def tell(what): say(json.dumps(what).encode() + b'\\n')\n"


def test_lines_come_whole_and_in_order_with_the_status() -> None:
    lines = heard(TELL + "said = []; tell(engine.execute('P1', said.append)); tell([len(x) for x in said]); say(b'end\\n')")
    assert lines == [3, [len('{"event": "progress"}'), 50_000, len('{"event": "result"}')]]


def test_a_killed_executor_is_a_negative_status() -> None:
    assert heard(TELL + "tell(engine.execute('P2', tell)); say(b'end\\n')") == [-9]


def test_nobody_who_does_not_listen_holds_it_up_and_the_result_is_waited_for() -> None:
    slow = "import time\nsaid = []\ndef slowly(text):\n    if not said: time.sleep(2)\n    said.append(text)\n"
    began = time.monotonic()
    lines = heard(TELL + slow + "tell(engine.execute('P3', slowly)); tell([said[0], said[-1]]); say(b'end\\n')")
    assert lines == [0, ["line 0", '{"event": "result", "last": true}']]
    assert time.monotonic() - began < 30


def test_so_many_at_once_and_no_more() -> None:
    body = (
        "threads, done = [threading.Thread(target=lambda: done.append(engine.execute('P4', str))) for _ in range(12)], []\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n"
        "tell(sorted(done)); tell(engine.execute('P4', str)); say(b'end\\n')"
    )  # fmt: skip
    assert heard(TELL + body) == [[0] * 8 + [75] * 4, 0]


def test_the_executor_has_nothing_of_the_servers_or_the_clients() -> None:
    assert heard(TELL + "engine.execute('P5', tell); say(b'end\\n')".replace("tell);", "lambda x: tell(x));")) == [
        "True True False ['P5']"
    ]


@pytest.mark.parametrize(
    "junk", ["execute P0 1", "execute P1", "execute P1 x", "run P1 1", "execute P1 1 2", "execute P1\\t1", "\\0" * 999]
)  # fmt: skip
def test_nothing_else_is_accepted(junk: str) -> None:
    ask = f"os.write(hatch.requests, b'{junk}\\n'); tell(engine.execute('P5', str))\n"
    assert heard(TELL + ask + "tell(len(engine._Line.waiting)); say(b'end\\n')") == [0, 0]


def test_a_script_opens_its_own() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{BEFORE}\n"
        "from mcp_server.engine import hatch\nhatch.open_hatch(); hatch.open_hatch()\nsaid = []\n"
        "print(hatch.execute('P1', said.append), len(said))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("3 3\n", "")


def test_without_a_hatch_there_is_a_sentence() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom mcp_server.engine import hatch\nhatch.execute('P1', print)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert "there is no way to the executor from this process" in done.stderr
