"""Generated files are what the declarations say, whole and nothing else."""

import ast
import os
from pathlib import Path

import pytest

from mcp_server.engine.catalog import load_catalog
from mcp_server.surface import docs
from mcp_server.surface.tools import inventory

TOOLS = inventory(load_catalog())
FILES = docs.generated(TOOLS)


def test_what_is_committed_is_what_would_be_generated() -> None:
    assert docs.differences(FILES) == []


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    docs.write(FILES, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    docs.write(docs.generated(inventory(load_catalog())), tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert docs.differences(FILES, tmp_path) == []


def test_missing_different_left_over_and_unexecutable_are_named(tmp_path: Path) -> None:
    docs.write(FILES, tmp_path)
    scripts = tmp_path / "scripts/diagnostics"
    (scripts / "disk_space.py").unlink()
    (scripts / "http_check.py").chmod(0o644)
    (scripts / "of_yesterday.py").write_text("", encoding="utf8")
    (tmp_path / docs.REFERENCE / "disk_space.md").write_text("edited by hand", encoding="utf8")
    assert docs.differences(FILES, tmp_path) == [
        "docs/incident_response/reference/disk_space.md differs from its declaration",
        "scripts/diagnostics/disk_space.py is missing",
        "scripts/diagnostics/http_check.py is not executable",
        "scripts/diagnostics/of_yesterday.py is left over: no tool is called so",
    ]
    docs.write(FILES, tmp_path)
    assert docs.differences(FILES, tmp_path) == []


def test_check_tells_by_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "differences", lambda files: ["x.md is missing"])
    assert docs.main(["--check"]) == 1
    assert "x.md is missing" in capsys.readouterr().err
    monkeypatch.setattr(docs, "differences", lambda files: [])
    assert docs.main(["--check"]) == 0


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_a_page_tells_parameters_findings_and_exit_codes(name: str) -> None:
    tool, text = TOOLS[name], FILES[f"{docs.REFERENCE}/{name}.md"]
    assert tool.summary in text
    assert f"`{name}`" in text or f"name={name}" in text
    for record in tool.fields:
        for field in record.model_fields:
            assert f"`--{field.replace('_', '-')}`" in text
    for code, kind in getattr(tool.unit, "findings", {}).items():
        assert f"### {code} ({kind.severity})" in text
        assert kind.meaning in text
        assert kind.advice in text


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".py")))
def test_a_script_is_old_syntax_and_holds_no_name_of_its_own(name: str) -> None:
    ast.parse(FILES[name], feature_version=(3, 6))
    assert (docs.ROOT / name).stat().st_mode & os.X_OK


def test_the_bootstrap_is_readable_by_old_pythons() -> None:
    ast.parse((docs.ROOT / "scripts/bootstrap.py").read_text(encoding="utf8"), feature_version=(3, 6))


def test_links_lead_somewhere() -> None:
    import re

    for name, text in FILES.items():
        for link in re.findall(r"\]\(([a-z_]+\.md)\)", text):
            assert f"{docs.REFERENCE}/{link}" in FILES, f"{name} links to {link}"
