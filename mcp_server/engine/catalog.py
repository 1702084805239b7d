"""The catalog: walks the rooms. Adding a unit is adding a file; a broken file stops the start, it is never skipped.

A room's names are its files' names, so a unit is imported when it is first asked for. `Catalog.check` imports them all and is
run whenever a file has changed since it last passed (`surface/checked.py`).
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import mcp_server
from mcp_server.core.declare import ChangeSource, ChangeUnit, Diagnostic, DiagnosticUnit, Facts
from mcp_server.core.edge import EdgeSource, EdgeUnit
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.outcome import FindingType, Statement
from mcp_server.core.parameters import Parameters

_NAME = re.compile(r"[a-z][a-z0-9_]{1,40}")
U = TypeVar("U")


class Units(Mapping[str, U]):
    """The units of one room by name, in name order. Asking for one imports its file; Broken names a file that is wrong."""

    def __init__(self, folder: Path, make: Callable[[ModuleType], U], *, nested: bool = False) -> None:
        self._files, self._make = unit_files(folder, nested=nested), make
        self._made: dict[str, U] = {}

    def __getitem__(self, name: str) -> U:
        if name not in self._made:
            self._made[name] = self._make(import_unit(self._files[name]))
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class Catalog:
    """Everything that can be asked, by name."""

    diagnostics: Mapping[str, DiagnosticUnit]
    changes: Mapping[str, ChangeUnit]
    edges: Mapping[str, EdgeUnit] = field(default_factory=dict)

    def diagnostic(self, name: str) -> DiagnosticUnit:
        """One diagnostic. Raises BadInput with the valid names."""
        if name not in self.diagnostics:
            raise BadInput(f"`name` is `{name[:60]}`; it should be one of: {', '.join(self.diagnostics)}")
        return self.diagnostics[name]

    def finding_types(self) -> dict[str, FindingType]:
        """Every finding that can be made, by its full code `diagnostic.code`."""
        return {f"{unit.name}.{code}": kind for unit in self.diagnostics.values() for code, kind in unit.findings.items()}

    def check(self) -> None:
        """Import every unit. Raises Broken naming the file and the reason."""
        for room in (self.diagnostics, self.changes, self.edges):
            for _ in room.values():
                pass
        check_explanations(self.finding_types())


@cache
def load_catalog() -> Catalog:
    """The shipped rooms. Raises Broken for a file whose name cannot be a unit's; the files are imported when asked for."""
    root = Path(mcp_server.__file__).parent
    return Catalog(
        Units(root / "diagnostics", _diagnostic, nested=True), Units(root / "changes", _change_source),
        Units(root / "edges", _edge_source),
    )  # fmt: skip


def check_explanations(known: Mapping[str, FindingType]) -> None:
    """Raises Broken for an explanation of something undeclared, or one that leads back to itself: no root could be told."""
    for code, kind in known.items():
        for explained in kind.explains:
            if explained not in known:
                raise Broken(f"finding {code} explains `{explained}`, which no diagnostic declares")
    settled: set[str] = set()

    def follow(code: str, path: tuple[str, ...]) -> None:
        if code in path:
            circle = " → ".join((*path[path.index(code) :], code))
            raise Broken(f"findings explain each other in a circle: {circle}", "decide which is the cause")
        if code not in settled:
            for explained in known[code].explains:
                follow(explained, (*path, code))
            settled.add(code)

    for code in known:
        follow(code, ())


def unit_files(folder: Path, *, nested: bool = False) -> dict[str, Path]:
    """Every unit's file by name, in name order. Names are unique over the room, because they are the units' names."""
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*/*.py" if nested else "*.py"), key=lambda path: path.stem):
        if file.stem == "__init__":
            continue
        if not _NAME.fullmatch(file.stem):
            raise Broken(f"{file}: a unit's file name is its name and must match {_NAME.pattern}")
        if file.stem in found:
            raise Broken(f"{file}: the name is taken by {found[file.stem]}")
        found[file.stem] = file
    return found


def import_unit(file: Path) -> ModuleType:
    """The module of a unit's file. Raises Broken naming it when it cannot be imported."""
    root = Path(mcp_server.__file__).parent.parent
    try:
        return importlib.import_module(".".join(file.relative_to(root).with_suffix("").parts))
    except Exception as error:  # whatever a unit's import raises is a broken declaration
        raise Broken(f"{file} cannot be loaded: {type(error).__name__}: {error}", "mend or remove the file") from error


def member(module: ModuleType, name: str, kind: type | tuple[type, ...]) -> Any:
    """A declared member of a unit module. Raises Broken when it is absent or of another kind."""
    value = getattr(module, name, None)
    wanted = isinstance(value, type) and issubclass(value, kind) if kind in (Parameters, Facts) else isinstance(value, kind)
    if not wanted:
        raise Broken(f"{module.__file__}: it must define `{name}`, a {getattr(kind, '__name__', kind)}")
    return value


def function(module: ModuleType, name: str, parameters: tuple[str, ...]) -> Any:
    """A declared function with exactly these parameter names. Raises Broken otherwise."""
    value = getattr(module, name, None)
    if not inspect.isfunction(value):
        raise Broken(f"{module.__file__}: it must define `{name}({', '.join(parameters)})`")
    if tuple(inspect.signature(value).parameters) != parameters:
        raise Broken(f"{module.__file__}: `{name}` must take ({', '.join(parameters)})")
    return value


def _no_statements(facts: Any, params: Any) -> Iterator[Statement]:
    return iter(())


def _diagnostic(module: ModuleType) -> DiagnosticUnit:
    name = module.__name__.rsplit(".", 1)[-1]
    spec: Diagnostic = member(module, "DIAGNOSTIC", Diagnostic)
    area = module.__name__.split(".")[-2]
    if spec.area != area:
        raise Broken(f"{module.__file__}: area is {spec.area!r} but the file lies in {area!r}")
    member(module, spec.facts.__name__, Facts)
    params: type[Parameters] = member(module, "Params", Parameters)
    findings = {}
    for kind in vars(module).values():
        if isinstance(kind, FindingType):
            if kind.code in findings:
                raise Broken(f"{module.__file__}: two finding types share the code {kind.code}")
            findings[kind.code] = kind
    show = function(module, "show", ("facts", "params")) if hasattr(module, "show") else _no_statements
    return DiagnosticUnit(
        name=name, spec=spec, params=params, collect=function(module, "collect", ("reader", "params")),
        judge=function(module, "judge", ("facts", "params")), show=show, findings=findings,
    )  # fmt: skip


def check_examples(unit: DiagnosticUnit) -> None:
    """Raises Broken for an example that its own parameters refuse. A check of the documents, too dear for every start."""
    for example in unit.spec.examples:
        try:
            unit.params.parse(example)
        except BadInput as error:
            raise Broken(f"{unit.name}: example {dict(example)} is not valid: {error}") from None


def _change_source(module: ModuleType) -> ChangeUnit:
    name = module.__name__.rsplit(".", 1)[-1]
    spec: ChangeSource = member(module, "CHANGE_SOURCE", ChangeSource)
    return ChangeUnit(name=name, spec=spec, collect=function(module, "collect", ("reader", "window", "scope")))


def _edge_source(module: ModuleType) -> EdgeUnit:
    name = module.__name__.rsplit(".", 1)[-1]
    spec: EdgeSource = member(module, "EDGE_SOURCE", EdgeSource)
    return EdgeUnit(name=name, spec=spec, collect=function(module, "collect", ("reader", "scope")))
