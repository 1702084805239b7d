"""The operations there are: the shipped files and a team's own. A broken file stops with its name, line and reason."""

import hashlib
import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

import mcp_server
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.operation import Operation, places
from mcp_server.core.plan import Kind
from mcp_server.core.text import one_line
from mcp_server.core.writer import VerbUnit
from mcp_server.engine.catalog import Catalog, load_catalog

SHIPPED = Path(mcp_server.__file__).parent / "operations"
MODULES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "process": ("process", "host"), "systemd": ("systemd", "host"), "docker": ("docker",),
        "kubernetes": ("kubernetes",), "oci": ("oci",),
    }
)  # fmt: skip
"""Kind → modules of `operations/verbs/` and `targets/writers/` that hold its verbs. `host` acts on files and processes."""


@cache
def verbs(kind: Kind) -> Mapping[str, VerbUnit]:
    """The closed set of verbs of a kind, by name; empty for a kind that has none yet."""
    found: dict[str, VerbUnit] = {}
    for name in MODULES[kind]:
        if not (SHIPPED / "verbs" / f"{name}.py").is_file():
            continue
        module: Any = importlib.import_module(f"mcp_server.operations.verbs.{name}")
        for unit in module.VERBS:
            if unit.name in found:
                raise Broken(f"{module.__file__}: two verbs of {kind} are called {unit.name}")
            found[unit.name] = unit
    return MappingProxyType(found)


@cache
def operations(own: str | None = None) -> Mapping[str, Operation]:
    """Every operation by name: the shipped ones, then the team's own folder. Raises Broken for a file that cannot be used."""
    catalog = load_catalog()
    found: dict[str, Operation] = {}
    folders = [SHIPPED, *([Path(own)] if own else [])]
    for folder in folders:
        if not folder.is_dir():
            raise Broken(f"gate.operations names {folder}, which is no folder", "create it or unset the setting")
        for path in sorted(folder.glob("*.yaml")):
            operation = read_operation(path, catalog)
            if operation.name in found:
                raise Broken(f"{path}: there is an operation {operation.name} already: {found[operation.name].path}")
            found[operation.name] = operation
    return MappingProxyType(found)


def read_operation(path: Path, catalog: Catalog) -> Operation:
    """One file. Raises Broken naming the file, the line and the reason."""
    import yaml

    try:
        text = path.read_text(encoding="utf8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        node = loader.get_single_node()
        _no_doubles(path, node)
        data = loader.construct_document(node) if node is not None else None
    except (OSError, UnicodeDecodeError) as error:
        raise Broken(f"{path} cannot be read: {one_line(error)}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise Broken(f"{path}, line {line}: {one_line(getattr(error, 'problem', None) or error)}") from None
    if not isinstance(data, dict):
        raise Broken(f"{path}, line 1: an operation is a mapping with summary, risk, parameters and kinds")
    digest = hashlib.sha256(text.encode()).hexdigest()
    try:
        operation = Operation.model_validate(data | {"name": path.stem, "digest": digest, "path": str(path)})
    except ValidationError as error:
        item = error.errors()[0]
        where = ".".join(map(str, item["loc"])) or "operation"
        said = str(item["msg"]).removeprefix("Value error, ")
        raise Broken(
            f"{path}, line {_line(node, item['loc'])}: `{where}` is {one_line(repr(item['input']), 60)}: {said}"
        ) from None
    for way, sentence in _wrong(operation, catalog):
        raise Broken(f"{path}, line {_line(node, way)}: {sentence}")
    return operation


def _wrong(operation: Operation, catalog: Catalog) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What names something that does not exist: a verb, an argument, a diagnostic, a finding, a place."""
    codes = catalog.finding_types()
    for index, code in enumerate(operation.gates.safety.forbidden):
        if code not in codes:
            yield ("gates", "safety", "forbidden", index), f"no diagnostic makes the finding `{one_line(code, 60)}`"
    for kind, spec in operation.kinds.items():
        asked = {ask.diagnostic for ask in (*spec.facts, spec.verify)}
        for index, code in enumerate(operation.gates.safety.forbidden):
            if code.partition(".")[0] not in asked:
                yield ("gates", "safety", "forbidden", index), f"`{code}` would never be seen in {kind}: ask it under `facts`"
        known = verbs(kind)
        settled = set(operation.parameters)
        for index, step in enumerate(spec.steps):
            way: tuple[str | int, ...] = ("kinds", kind, "steps", index)
            if step.verb not in known:
                yield way, f"{kind} has no verb `{one_line(step.verb, 60)}`; it has: {', '.join(known) or 'none'}"
                continue
            unit = known[step.verb]
            settled |= unit.arguments.model_fields.keys()
            for name in step.arguments:
                if name not in unit.takes:
                    yield way, f"{step.verb} takes no `{one_line(name, 60)}`; it takes: {', '.join(unit.takes)}"
        for index, ask in enumerate((*spec.facts, spec.verify)):
            way = ("kinds", kind, "facts", index) if index < len(spec.facts) else ("kinds", kind, "verify")
            if ask.diagnostic not in catalog.diagnostics:
                yield way, f"there is no diagnostic `{one_line(ask.diagnostic, 60)}`"
                continue
            for name in ask.arguments:
                if name not in catalog.diagnostics[ask.diagnostic].params.model_fields:
                    yield way, f"{ask.diagnostic} takes no `{one_line(name, 60)}`"
            for place in places(ask.arguments):
                if place not in settled:
                    yield way, f"nothing is called {{{place}}}: no parameter and no argument of a step"


def _no_doubles(path: Path, node: Any) -> None:
    """YAML takes the last of two equal keys without a word; here that is a mistake."""
    pending, known = [node], set[int]()
    while pending:
        item = pending.pop()
        if id(item) in known:  # an alias, perhaps of something that it lies in
            continue
        known.add(id(item))
        if getattr(item, "id", "") == "mapping":
            seen: set[str] = set()
            for key, value in item.value:
                if key.value in seen:
                    raise Broken(f"{path}, line {key.start_mark.line + 1}: `{one_line(key.value, 60)}` stands there twice")
                seen.add(key.value)
                pending.append(value)
        elif getattr(item, "id", "") == "sequence":
            pending.extend(item.value)


def _line(node: Any, way: tuple[str | int, ...]) -> int:
    """The line of the innermost part of `way` that stands in the file."""
    line: int = node.start_mark.line + 1 if node is not None else 1
    for part in way:
        found = None
        if getattr(node, "id", "") == "mapping":
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif getattr(node, "id", "") == "sequence" and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            return line
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def operation_of(own: str | None, name: str) -> Operation:
    """One operation. Raises BadInput naming those that exist."""
    known = operations(own)
    if name not in known:
        raise BadInput(f"`operation` is `{one_line(name, 60)}`; it should be one of: {', '.join(known)}")
    return known[name]
