"""A real folder with a real-looking environment, asked through the whole way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.outcome import Outcome
from tests.diagnostics.asking import Ask, asking


@pytest.fixture
def ask_it(tmp_path: Path) -> Iterator[Any]:
    with asking(tmp_path) as ask:
        yield lambda **params: ask("python_environment", **params)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "srv"
    site = root / "venv/lib/python3.11/site-packages"
    for folder in (site / "flask", site / "flask-3.0.0.dist-info", root / "shop"):
        folder.mkdir(parents=True)
    (root / "venv/pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n")
    (site / "distutils-precedence.pth").write_text("import os; x = 1\n")
    (root / "shop/__init__.py").write_text("")
    (root / "shop/wsgi.py").write_text("import os\nfrom shop import views\nfrom . import util\n")
    (root / "shop/views.py").write_text(
        "from flask import Flask\ntry:\n    import ujson\nexcept ImportError:\n    ujson = None\n"
    )
    (root / "shop/util.py").write_text("def late():\n    import not_at_start\n")
    (root / "requirements.txt").write_text("flask==3.0  # web\n-r more.txt\ncolorama==1 ; sys_platform == 'win32'\n")
    return root


def codes(outcome: Outcome) -> dict[str, str]:
    return {item.code.split(".")[1]: item.severity for item in outcome.findings}


def test_healthy(ask_it: Ask, app: Path) -> None:
    outcome = ask_it(root=str(app), entry="shop.wsgi:app")
    assert (outcome.verdict, outcome.coverage.blind) == ("ok", ())


def test_missing_module_is_critical_only_where_the_entry_leads(ask_it: Ask, app: Path) -> None:
    (app / "shop/views.py").write_text("import stripe\n")
    outcome = ask_it(root=str(app), entry="shop.wsgi")
    assert codes(outcome) == {"module_missing": "critical"}
    assert outcome.findings[0].values["module"] == "stripe"
    assert {"module:stripe", f"path:{app}/shop/views.py"} <= set(outcome.findings[0].clues)
    (app / "shop/views.py").write_text("")
    (app / "shop/tool.py").write_text("import stripe\n")
    assert codes(ask_it(root=str(app), entry="shop.wsgi")) == {"module_missing": "info"}


def test_own_modules_in_unusual_places_are_found(ask_it: Ask, app: Path) -> None:
    (app / "shop/build").mkdir()
    (app / "shop/build/steps.py").write_text("")
    (app / "shop/fast.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    (app / "shop/views.py").write_text("import shop.build\nimport shop.fast\n")
    assert ask_it(root=str(app), entry="shop.wsgi").verdict == "ok"
    (app / "shop/views.py").write_text("import shop.gone\n")
    assert codes(ask_it(root=str(app), entry="shop.wsgi")) == {"module_missing": "critical"}


def test_damage_and_requirements(ask_it: Ask, app: Path) -> None:
    (app / "shop/util.py").write_text("def broken(:\n")
    (app / "requirements.txt").write_text("flask==2.0\nredis>=5\n")
    (app / "requirements-dev.txt").write_text("pytest==8\n")
    found = codes(ask_it(root=str(app), entry="shop.wsgi"))
    assert found == {"source_damaged": "critical", "version_differs": "warning", "requirement_missing": "warning"}


def test_what_could_come_from_elsewhere_is_not_called_missing(ask_it: Ask, app: Path) -> None:
    (app / "shop/views.py").write_text("import stripe\n")
    (app / "venv/lib/python3.11/site-packages/__editable___stripe_finder.pth").write_text("import __editable___stripe\n")
    outcome = ask_it(root=str(app), entry="shop.wsgi")
    assert outcome.verdict == "unknown"
    assert "runs code" in str(outcome.coverage.blind)


def test_a_path_file_adds_its_folder(ask_it: Ask, app: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/stripe.py").write_text("")
    (app / "shop/views.py").write_text("import stripe\n")
    (app / "venv/lib/python3.11/site-packages/x.pth").write_text(f"{tmp_path}/elsewhere\n")
    assert ask_it(root=str(app), entry="shop.wsgi").verdict == "ok"


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "(" * 5_000 + "1",
        "x = " + "-" * 200_000 + "1",
        "import \0os\n",
        "'\\d'\nimport os\n",
        "\ufeffimport os\n",
        "password=os.environ['A']\n",
        "API_TOKEN: Optional[str] = None\nx = {'password': \"hunter2hunter2\"}\n",
    ],
    ids=["nested", "minus", "nul", "escape", "bom", "redacted", "redacted2"],
)
def test_hostile_or_redacted_source_never_ends_in_a_defect(ask_it: Ask, app: Path, source: str) -> None:
    (app / "shop/util.py").write_text(source)
    outcome = ask_it(root=str(app), entry="shop.wsgi")
    assert "defect" not in str(outcome.coverage)
    readable = "(" * 50 not in source and "--" not in source and "\0" not in source
    assert outcome.verdict in (("ok",) if readable else ("unknown", "finding"))


def test_no_environment_is_unknown_and_says_how_to_name_it(ask_it: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import os\n")
    outcome = ask_it(root=str(tmp_path))
    assert outcome.verdict == "unknown"
    assert "python=" in outcome.coverage.blind[0].remedy or "python=" in outcome.coverage.blind[0].reason
