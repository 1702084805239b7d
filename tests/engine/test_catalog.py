"""The catalog: the file is the registration, and a broken one stops the start naming file and reason."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from mcp_server.core.errors import Broken
from mcp_server.core.outcome import FindingType
from mcp_server.engine import catalog as catalog_module
from mcp_server.engine.catalog import Units, check_examples, check_explanations, load_catalog
from mcp_server.surface.tools import inventory

GOOD = """
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import FindingType
from mcp_server.core.parameters import Parameters
class Params(Parameters): "None."
class Seen(Facts): "None."
def collect(reader, params): return Seen()
def judge(facts, params): return iter(())
DIAGNOSTIC = Diagnostic(question="?", area="host", facts=Seen)
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Load a source text as if it were a unit in diagnostics/host."""

    def loading(source: str) -> object:
        file = tmp_path / "probe.py"
        file.write_text(source, encoding="utf8")
        module = ModuleType("mcp_server.diagnostics.host.probe")
        module.__file__ = str(file)
        exec(compile(source, str(file), "exec"), module.__dict__)
        unit = catalog_module._diagnostic(module)
        check_examples(unit)
        return unit

    return loading


def test_a_complete_file_is_a_unit(load: Callable[[str], object]) -> None:
    assert load(GOOD).name == "probe"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("DIAGNOSTIC = ", "OTHER = "), "must define `DIAGNOSTIC`"),
        (("class Params(Parameters)", "class Params"), "must define `Params`"),
        (("def collect(reader, params)", "def collect(reader)"), r"`collect` must take \(reader, params\)"),
        (("def judge(", "def judged("), r"must define `judge\(facts, params\)`"),
        (('area="host"', 'area="network"'), "area is 'network' but the file lies in 'host'"),
        (("facts=Seen", "facts=Seen, examples=({'x': 1},)"), "example {'x': 1} is not valid: unknown argument `x`"),
        (
            ("DIAGNOSTIC =", "A = FindingType(code='one', text='', meaning='', advice='')\nB = A.model_copy()\nDIAGNOSTIC ="),
            "share the code one",
        ),
    ],
)
def test_a_broken_declaration_names_file_and_reason(load: Callable[[str], object], change: tuple[str, str], says: str) -> None:
    with pytest.raises(Broken, match=says) as caught:
        load(GOOD.replace(*change))
    assert "probe" in str(caught.value), "it names the unit"


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        ("raises", "1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("syntax", "def (", "cannot be loaded: SyntaxError"),
        ("Bad-Name", "", "file name is its name and must match"),
    ],
)
def test_a_file_that_cannot_be_loaded_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, source: str, says: str
) -> None:
    package = tmp_path / "mcp_server_rooms"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(catalog_module.mcp_server, "__file__", str(package / "__init__.py"))
    with pytest.raises(Broken, match=says):
        list(Units(package, lambda module: module).values())
    sys.modules.pop("mcp_server_rooms", None)


def test_the_shipped_rooms_load_and_names_are_unique() -> None:
    tools = inventory(load_catalog())
    assert tools
    for tool in tools.values():
        for fields in tool.fields:
            for name, field in fields.model_fields.items():
                assert field.description, f"{tool.name}.{name} has no description"
        assert tool.summary.strip()


def _kind(name: str, *explains: str) -> tuple[str, FindingType]:
    return f"a.{name}", FindingType(code=name, text="t", meaning="m", advice="a", explains=explains)


def test_explanations_that_lead_back_to_themselves_stop_the_start() -> None:
    check_explanations(dict([_kind("one", "a.two", "a.three"), _kind("two", "a.three"), _kind("three")]))
    with pytest.raises(Broken, match=r"in a circle: a\.two → a\.three → a\.two\. decide which is the cause"):
        check_explanations(dict([_kind("one", "a.two"), _kind("two", "a.three"), _kind("three", "a.two")]))
    with pytest.raises(Broken, match=r"a\.one explains `a\.one_more`, which no diagnostic declares"):
        check_explanations(dict([_kind("one", "a.one_more")]))
