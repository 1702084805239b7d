"""Installed as a package, without the repository around it: the documents come along and a triage finds them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASK = """
from pathlib import Path
from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.playbooks import folder, library, route
assert Path(folder()).is_relative_to(Path.cwd()), folder()
print(route(library(load_catalog()), "shop answers 502")["workflow"].name)
"""


def test_the_documents_are_part_of_the_package(tmp_path: Path) -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in build["packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for source, target in build["force-include"].items():
        shutil.copytree(ROOT / source, tmp_path / target)
    done = subprocess.run(
        [sys.executable, "-B", "-c", ASK], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=False, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "502_504", done.stderr
