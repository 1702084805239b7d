"""A script started by a python without the packages: the repository's environment takes over, or a sentence says what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script in a repository that holds nothing else."""
    (tmp_path / "scripts/diagnostics").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/bootstrap.py", tmp_path / "scripts")
    return Path(shutil.copy(ROOT / "scripts/diagnostics/disk_space.py", tmp_path / "scripts/diagnostics"))


def bare(script: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """With -S there are no installed packages."""
    return subprocess.run([sys.executable, "-S", str(script), *words], check=False, capture_output=True, text=True, timeout=30)


def test_without_packages_and_environment_a_sentence_says_what_to_do(script: Path) -> None:
    done = bare(script)
    assert done.returncode == 70
    assert "run `make env` in " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_repositorys_environment_takes_over(script: Path, tmp_path: Path) -> None:
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "taken over: $@"\nexit 2\n', encoding="utf8")
    python.chmod(0o755)
    done = bare(script, "--warn-percent", "9 9")
    assert done.stdout == f"taken over: {script} --warn-percent 9 9\n"
    assert done.returncode == 2


def test_the_scripts_folder_hides_no_module(script: Path, tmp_path: Path) -> None:
    """A diagnostic may be called like a module of the standard library."""
    (tmp_path / "scripts/diagnostics/json.py").write_text("raise SystemExit('shadowed')", encoding="utf8")
    (tmp_path / "scripts/diagnostics/pathlib.py").write_text("raise SystemExit('shadowed')", encoding="utf8")
    (tmp_path / "mcp_server").symlink_to(ROOT / "mcp_server")
    done = subprocess.run([sys.executable, str(script), "--help"], check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "nearly full" in done.stdout
