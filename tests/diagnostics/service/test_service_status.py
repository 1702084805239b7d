"""Real processes and ports; units are in the cases, as a real systemd printed them."""

import subprocess
import sys
from pathlib import Path

from tests.diagnostics.asking import asking, codes
from tests.diagnostics.listeners import listener
from tests.real_parts import free_port


def test_a_service_that_runs_and_listens_is_ok(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, pid), asking(tmp_path) as ask:
        outcome = ask("service_status", process="serve_here.py", port=port)
    assert outcome.verdict == "ok"
    assert outcome.statements[0].values["pid"] == pid


def test_nothing_of_that_name(tmp_path: Path) -> None:
    port = free_port()
    with asking(tmp_path) as ask:
        outcome = ask("service_status", process="no-such-program-anywhere", port=port)
    assert codes(outcome) == ["process_missing", "not_listening"]
    assert f"port:{port}" in outcome.findings[0].clues


def test_another_program_has_the_port(tmp_path: Path) -> None:
    with listener(tmp_path) as (port, pid), asking(tmp_path) as ask:
        outcome = ask("service_status", process="no-such-program-anywhere", port=port)
    assert codes(outcome) == ["process_missing", "port_taken_by_other"]
    assert {f"port:{port}", f"pid:{pid}", f"path:{tmp_path}"} <= set(outcome.findings[1].clues)


def test_a_child_may_hold_the_port(tmp_path: Path) -> None:
    with listener(tmp_path, "--fork") as (port, pid), asking(tmp_path) as ask:
        outcome = ask("service_status", process="serve_here.py", port=port)
    assert outcome.verdict == "ok"
    assert outcome.statements[0].values["pid"] == pid


def test_runs_on_another_port(tmp_path: Path) -> None:
    with listener(tmp_path), asking(tmp_path) as ask:
        outcome = ask("service_status", process="serve_here.py", port=free_port())
    assert codes(outcome) == ["not_listening"]


def test_the_asker_and_what_started_it_are_not_the_service(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tests.diagnostics.asking import asking, codes; import sys\n"
        "with asking(Path(sys.argv[1])) as ask: print(*codes(ask('service_status', process=sys.argv[2])))"
    )
    run = [sys.executable, "-c", code, str(tmp_path), "word-of-ours-4711"]
    starter = [sys.executable, "-c", f"import subprocess; print(subprocess.check_output({run!r}, text=True))"]
    assert subprocess.check_output(starter, text=True).strip() == "process_missing"
