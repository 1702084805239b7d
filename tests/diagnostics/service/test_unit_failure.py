"""Units of a real systemd that do not run, each for another reason; one that runs is silent."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real_parts import wait_until
from tests.systemd_box import Box, systemd_box

pytestmark = pytest.mark.real
SLEEPS = "[Service]\nExecStart=/usr/bin/sleep 3600\n"
UNITS = {
    "good.service": f"[Unit]\nRequires=fine.service\nAfter=fine.service\n{SLEEPS}",
    "fine.service": SLEEPS,
    "app.service": f"[Unit]\nRequires=db.service\nAfter=db.service\n{SLEEPS}",
    "db.service": f"[Unit]\nRequires=disk.service\nAfter=disk.service\n{SLEEPS}",
    "disk.service": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo cannot mount; exit 5'\n",
    "lost.service": f"[Unit]\nRequires=nobody.service\nAfter=nobody.service\n{SLEEPS}",
    "cond.service": f"[Unit]\nConditionPathExists=/no/such/file\n{SLEEPS}",
    "assert.service": f"[Unit]\nAssertPathExists=/no/such/file\n{SLEEPS}",
    "limit.service": "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n[Service]\nRestart=always\nRestartSec=20ms\n"
    "ExecStart=/bin/sh -c 'echo KeyError: SMTP_HOST; exit 3'\n",
    "broken.service": "[Service]\nExecStart=relative/path\n",
    "idle.service": SLEEPS,
    "job.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}  # fmt: skip
ASK = """
import json, sys
from pathlib import Path
from tests.diagnostics.asking import asking
with asking(Path(sys.argv[1])) as ask:
    answers = {name: ask("unit_failure", unit=name).model_dump(mode="json") for name in sys.argv[2:]}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("systemd")
    with systemd_box(folder, UNITS) as box:
        system = folder / "box/etc/systemd/system"
        drop_in(system, "10-first.conf", "[Service]\nTimeoutStopSec=5\nNice=3\n")
        drop_in(system, "20-last.conf", "[Service]\nNice=7\n")
        (system / "masked.service").symlink_to("/dev/null")
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "start", "good")
        for name in ("app", "lost", "cond", "assert", "limit", "job"):
            box.run("systemctl", "start", name, check=False)
        wait_until(lambda: shown(box, "limit", "ActiveState") == "failed", "the start limit is hit")
        names = [name.removesuffix(".service") for name in UNITS] + ["masked", "nobody"]
        run = box.run(sys.executable, "-c", ASK, "/root/ask", *names, check=False)
        assert run.returncode == 0, run.stderr
        yield json.loads(run.stdout)


def drop_in(system: Path, name: str, text: str) -> None:
    folder = system / "good.service.d"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def shown(box: Box, unit: str, name: str) -> str:
    return box.run("systemctl", "show", unit, "--value", f"--property={name}").stdout.strip()


@pytest.mark.parametrize(
    ("unit", "codes"),
    [
        ("good", []), ("fine", []), ("job", []), ("app", ["dependency_failed"]), ("db", ["dependency_failed"]),
        ("lost", ["dependency_failed"]), ("disk", ["failed"]), ("cond", ["condition_unmet"]), ("assert", ["condition_unmet"]),
        ("limit", ["start_limit"]), ("broken", ["unusable"]), ("masked", ["masked"]), ("nobody", ["unusable"]),
        ("idle", ["not_started"]),
    ],
)  # fmt: skip
def test_each_for_its_own_reason(answers: dict[str, Any], unit: str, codes: list[str]) -> None:
    answer = answers[unit]
    assert [item["code"].partition(".")[2] for item in answer["findings"]] == codes, answer
    assert answer["verdict"] == ("finding" if codes else "ok"), answer


def test_the_way_to_the_unit_that_failed(answers: dict[str, Any]) -> None:
    (found,) = answers["app"]["findings"]
    assert found["values"]["way"] == "app.service → db.service → disk.service"
    assert found["values"]["how"] == "failed: its program ended with an error (exit status 5)"
    assert "unit:disk.service" in found["clues"]
    assert answers["lost"]["findings"][0]["values"]["how"] == "does not exist"


def test_what_the_journal_adds(answers: dict[str, Any]) -> None:
    assert answers["cond"]["findings"][0]["values"]["condition"] == "ConditionPathExists=/no/such/file"
    found = answers["limit"]["findings"][0]
    assert found["values"]["burst"] == 3 and "KeyError: SMTP_HOST" in found["quotes"]
    assert answers["disk"]["findings"][0]["quotes"] == ["cannot mount"]


def test_which_file_wins(answers: dict[str, Any]) -> None:
    told = [item["values"] for item in answers["good"]["statements"] if "setting" in item["values"]]
    assert [(item["setting"], item["wins"].rpartition("/")[2]) for item in told] == [("Service.Nice", "20-last.conf")]
