"""Operations as files: the shipped ones hold; a broken one stops with file, line and reason."""

from pathlib import Path
from typing import get_args

import pytest

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.plan import Kind
from mcp_server.core.settings import GateSettings, Settings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.operations import MODULES, SHIPPED, operation_of, operations, read_operation, verbs
from mcp_server.engine.session import Session

GOOD = """\
summary: Restart one service
risk: low
parameters:
  service: {type: name, description: A declared service}
gates:
  safety:
    forbidden: [disk_space.full]
kinds:
  systemd:
    facts: [{diagnostic: disk_space}]
    steps:
      - {verb: restart_unit, arguments: {service: "{service}"}}
    verify: {diagnostic: service_status, arguments: {unit: "{unit}"}}
"""


def broken(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf8")
    with pytest.raises(Broken) as caught:
        read_operation(path, load_catalog())
    return caught.value.sentence().replace(str(path), "mine.yaml")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("risk: low", "risk: mild", "mine.yaml, line 2: `risk` is 'mild'"),
        ("risk: low", "risk: low\nrisk: high", "mine.yaml, line 3: `risk` stands there twice"),
        ("risk: low", "risk: low\nrisky: 1", "mine.yaml, line 3: `risky` is 1: Extra inputs"),
        ("summary: Restart one service\n", "", "mine.yaml, line 1: `summary`"),
        ("restart_unit", "reboot_host", "mine.yaml, line 12: systemd has no verb `reboot_host`; it has: restart_unit"),
        ("{service: \"{service}\"}", "{host: x}", "mine.yaml, line 12: restart_unit takes no `host`; it takes: service, unit"),
        ('"{service}"}', '"{servce}"}', "has a place {servce}, but no parameter is called so"),
        ('"{unit}"', '"{unti}"', "mine.yaml, line 13: nothing is called {unti}"),
        ("diagnostic: service_status", "diagnostic: service_stats", "line 13: there is no diagnostic `service_stats`"),
        ("arguments: {unit:", "arguments: {unitt:", "mine.yaml, line 13: service_status takes no `unitt`"),
        ("disk_space.full", "disk_space.fullish", "mine.yaml, line 7: no diagnostic makes the finding `disk_space.fullish`"),
        ("    facts: [{diagnostic: disk_space}]\n", "", "mine.yaml, line 7: `disk_space.full` would never be seen in systemd"),
        ("  service: {type: name", "  copy: {type: name", "a parameter cannot be called `copy`"),
        ("type: name", "type: integer", "needs `least` and `most`"),
        ("  systemd:\n", "  windows:\n", "mine.yaml, line 9"),
        ("gates:\n", "gates: [\n", "mine.yaml, line"),
    ],
)  # fmt: skip
def test_a_broken_file_is_named_with_line_and_reason(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    assert says in broken(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "[]", "x", "a: &a [*a]", "\t", "!!python/object:os.system {}", "a: b: c", "\x00"])
def test_what_is_no_operation_at_all_is_refused_too(tmp_path: Path, text: str) -> None:
    assert broken(tmp_path, text).startswith("mine.yaml")


def test_a_team_adds_a_file_and_cannot_replace_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    assert {"mine", "restart_service"} <= operations(str(tmp_path)).keys()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "restart_service.yaml").write_text(GOOD)
    with pytest.raises(Broken, match=r"there is an operation restart_service already"):
        operations(str(tmp_path / "other"))
    with pytest.raises(Broken, match="which is no folder"):
        operations(str(tmp_path / "nowhere"))


def test_a_broken_file_stops_the_start(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "mine.yaml").write_text(GOOD.replace("restart_unit", "reboot_host"))
    settings = Settings(state_dir=str(tmp_path / "state"), gate=GateSettings(operations=str(own)))
    with pytest.raises(Broken, match=r"mine.yaml, line 12: systemd has no verb `reboot_host`"):
        Session(settings, program="test")


def test_an_unknown_operation_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"`operation` is `reboot`; it should be one of: .*restart_service"):
        operation_of(None, "reboot")


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_operation_is_whole(path: Path) -> None:
    operation = read_operation(path, load_catalog())
    assert operation.waiting, "whoever decides wants to know what it costs to wait"
    schema = operation.record().input_schema()
    assert schema["additionalProperties"] is False
    for kind in operation.kinds:
        assert verbs(kind), kind


def test_both_halves_of_the_verbs_are_the_same_set() -> None:
    """What can be planned can be done, and nothing else can: read from the source, because nobody here may import a writer."""
    import ast

    for kind in get_args(Kind):
        for module in MODULES[kind]:
            planning, doing = SHIPPED / "verbs" / f"{module}.py", SHIPPED.parent / "targets" / "writers" / f"{module}.py"
            assert planning.exists() == doing.exists(), module
            if not doing.exists():
                continue
            tree = ast.parse(doing.read_text(encoding="utf8"))
            tables = [
                node.value for node in tree.body
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "VERBS"
            ]  # fmt: skip
            assert len(tables) == 1, doing
            assert isinstance(tables[0], ast.Dict)
            done = {key.value for key in tables[0].keys if isinstance(key, ast.Constant)}
            import importlib

            planned = {unit.name for unit in importlib.import_module(f"mcp_server.operations.verbs.{module}").VERBS}
            assert planned == done, module
