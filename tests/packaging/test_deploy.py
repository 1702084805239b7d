"""deploy.sh: installs, proves it by a real call, goes back by itself from a version that does not answer, says why."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_parts import need

ROOT = Path(__file__).parents[2]
PARTS = ("mcp_server", "docs/incident_response", "locks", "scripts/deploy")


class Machine:
    """A home of its own and a checkout that may be damaged. The packages are those of the tests: none is downloaded."""

    def __init__(self, folder: Path) -> None:
        self.home, self.checkout = folder / "home", folder / "checkout"
        self.prefix = self.home / ".local/share/veteran"
        self.home.mkdir()
        for part in PARTS:
            shutil.copytree(ROOT / part, self.checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "deploy.sh", self.checkout)
        digest = (
            "import hashlib, sys; print(hashlib.sha256(sys.version.encode() + open(sys.argv[1], 'rb').read()).hexdigest()[:16])"
        )
        found = subprocess.run(
            [sys.executable, "-c", digest, str(self.checkout / "locks/runtime.txt")], capture_output=True, text=True, check=True
        )
        environment = self.prefix / "environments" / found.stdout.strip()
        (environment / "bin").mkdir(parents=True)
        (environment / "bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf8")
        (environment / "bin/python").chmod(0o755)
        (environment / ".complete").touch()

    def run(self, *words: str, ok: bool = True) -> str:
        env = {"PATH": f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.home)}
        done = subprocess.run(
            ["./deploy.sh", *words], cwd=self.checkout, env=env, capture_output=True, text=True, check=False, timeout=300
        )
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def installed(self) -> str:
        """The version that answers, through the command that people type."""
        done = subprocess.run(
            [self.home / ".local/bin/veteran", "--version"],
            capture_output=True,
            text=True,
            check=True,
            env={"PATH": os.environ["PATH"]},
        )
        return done.stdout.removeprefix("veteran ").strip()

    def restore(self) -> None:
        """The checkout as it was."""
        shutil.rmtree(self.checkout / "mcp_server")
        shutil.copytree(ROOT / "mcp_server", self.checkout / "mcp_server", ignore=shutil.ignore_patterns("__pycache__"))

    def make_version(self, version: str) -> None:
        path = self.checkout / "mcp_server/__init__.py"
        path.write_text(f'"""Veteran."""\n\n__version__ = "{version}"\n', encoding="utf8")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    need("awk", "find", "df")
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Shared by what installs nothing."""
    need("awk", "find", "df")
    return Machine(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """With a version installed once; what fails on it must leave it as it was, so the next test finds that version too."""
    need("awk", "find", "df")
    made = Machine(tmp_path_factory.mktemp("settled"))
    made.run("install")
    return made


@pytest.fixture
def running(settled: Machine) -> Iterator[Machine]:
    yield settled
    settled.restore()


def test_install_upgrade_roll_back_uninstall(machine: Machine) -> None:
    told = machine.run("install")
    assert "it answers: version" in told
    first = machine.installed()
    machine.make_version("9.0.0")
    assert "before: " in machine.run("upgrade")
    assert machine.installed() == "9.0.0"
    assert "it answers: version 9.0.0" in machine.run("verify")
    assert "9.0.0 is kept" in machine.run("rollback")
    assert machine.installed() == first
    assert "kept:" in machine.run("status")
    assert "there is no version before" in machine.run("rollback", ok=False)
    machine.run("uninstall")
    assert not (machine.home / ".local/bin/veteran").is_symlink()
    assert not machine.prefix.exists()


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("mcp_server/diagnostics/host/disk_space.py", "def (", "disk_space.py cannot be loaded: SyntaxError"),
        ("mcp_server/__main__.py", "raise SystemExit('out of tune')", "out of tune"),
        ("mcp_server/__main__.py", "import time\ntime.sleep(0)\n", "the server ended without an answer"),
    ],
)
def test_a_broken_new_version_changes_nothing_and_says_why(running: Machine, file: str, text: str, says: str) -> None:
    machine = running
    before = machine.installed()
    machine.make_version("9.0.1")
    (machine.checkout / file).write_text(text, encoding="utf8")
    told = machine.run("upgrade", ok=False)
    assert says in told
    assert "the new version 9.0.1 does not answer" in told
    assert machine.installed() == before
    assert "it answers" in machine.run("verify")
    assert len(list((machine.prefix / "releases").iterdir())) == 1, "what did not answer is removed"


def test_a_version_that_fails_only_in_place_is_taken_back(running: Machine) -> None:
    machine = running
    before = machine.installed()
    machine.make_version("9.0.2")
    main = machine.checkout / "mcp_server/__main__.py"
    trap = (
        "import pathlib, sys\n"
        "started = pathlib.Path(__file__).with_name('started')\n"
        "if started.exists():\n    sys.exit('only once')\n"
        "started.touch()\n"
    )
    main.write_text(trap + main.read_text(encoding="utf8"), encoding="utf8")
    told = machine.run("upgrade", ok=False)
    assert "did not answer once it was in place; back to" in told
    assert machine.installed() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "a command is missing"),
        (("frob",), "`frob` is no command"),
        (("install", "--prefix"), "`--prefix` needs a value"),
        (("install", "--colour", "x"), "`--colour` is no option"),
        (("install", "--python", "/bin/false"), "no Python 3.11 or newer was found"),
        (("install", "--prefix", "/proc/nowhere"), "cannot be written"),
        (("verify",), "nothing is installed"),
        (("rollback",), "nothing is installed"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(bare: Machine, words: tuple[str, ...], says: str) -> None:
    assert says in bare.run(*words, ok=False)


def test_a_checkout_with_a_part_missing_is_named(machine: Machine) -> None:
    shutil.rmtree(machine.checkout / "docs")
    assert "this checkout lacks docs/incident_response" in machine.run("install", ok=False)
